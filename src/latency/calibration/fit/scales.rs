//! How far coefficients may deviate, chosen by the evidence on a grid.

/// Standard deviations of the priors and of the noise, all relative to a network's latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scales {
    /// Of what a network takes beside its units.
    pub constant: f64,
    /// Of kinds around the global scale.
    pub kind: f64,
    /// Of sides around their kind.
    pub side: f64,
    /// Of networks around a perfect calibration.
    pub noise: f64,
}

type Get = fn(&mut Scales) -> &mut f64;

/// The values that each scale may take.
pub(super) const GRID: [(Get, &[f64]); 4] = [
    (|scales| &mut scales.noise, &[0.003, 0.005, 0.008, 0.0125, 0.02, 0.03, 0.05, 0.08, 0.125, 0.2]),
    (|scales| &mut scales.kind, &[0.005, 0.015, 0.05, 0.1, 0.2, 0.4]),
    (|scales| &mut scales.side, &[0.005, 0.015, 0.05, 0.1, 0.2, 0.4]),
    (|scales| &mut scales.constant, &[0.003, 0.01, 0.03, 0.1, 0.3, 1.0]),
];

/// Spread of the logarithm of a scale around its likely value. Narrow: with few networks the likely values hold.
const SPREAD: f64 = 0.7;

impl Scales {
    /// The values that are likely before any network is seen.
    pub const LIKELY: Self = Self { constant: 0.01, kind: 0.1, side: 0.1, noise: 0.02 };

    /// Logarithm of the probability of these scales before any network is seen.
    pub fn log_prior(mut self) -> f64 {
        let mut likely = Self::LIKELY;
        let distance = |get: Get| (*get(&mut self) / *get(&mut likely)).ln() / SPREAD;
        GRID.map(|(get, _)| get).map(distance).iter().map(|distance| -0.5 * distance * distance).sum()
    }
}
