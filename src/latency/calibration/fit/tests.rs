//! What devices with a known calibration teach: it is found again, and its errors are as large as they are said to be.

use proptest::prelude::*;
use rand::Rng;
use rand_distr::{Distribution, Normal};
use rstest::rstest;

use super::bounds::SMALLEST;
use super::*;
use crate::graph::UnitKind;
use crate::latency::Term;
use crate::seed;

const TERMS: [(UnitKind, u32); 7] = [
    (UnitKind::Conv, 224),
    (UnitKind::Conv, 28),
    (UnitKind::Conv, 7),
    (UnitKind::Depthwise, 28),
    (UnitKind::Depthwise, 7),
    (UnitKind::SqueezeExcite, 7),
    (UnitKind::Classifier, 1),
];

fn term(index: usize) -> Term {
    let (kind, side) = TERMS[index];
    Term { kind, side: Some(side) }
}

/// Networks of 10 to 40 ms in the table, most of them without one of the terms.
fn networks(count: usize) -> Vec<TermSums> {
    let mut rng = seed::rng(1, "networks", 0);
    let mut one = || {
        let left_out = rng.random_range(0..2 * TERMS.len());
        let size: f64 = rng.random_range(1.0..4.0);
        let terms = (0..TERMS.len()).filter(|index| *index != left_out);
        let by_term = terms.map(|index| (term(index), size * rng.random_range(0.5..2.5))).collect();
        TermSums { base_ms: 0.5, by_term }
    };
    (0..count).map(|_| one()).collect()
}

/// A device that takes `constant_ms` beside `factors` times the rows.
struct Device {
    constant_ms: f64,
    factors: [f64; 7],
    noise: f64,
}

impl Device {
    const PLAIN: Self = Self { constant_ms: 0.0, factors: [1.0; 7], noise: 0.0 };
    const VARIED: Self = Self { constant_ms: 2.0, factors: [1.5, 1.1, 0.9, 2.0, 1.6, 3.0, 1.2], noise: 0.01 };

    fn takes_ms(&self, sums: &TermSums) -> f64 {
        let factor =
            |term: &Term| self.factors[(0..7).find(|index| self::term(*index) == *term).expect("known")];
        let units: f64 = sums.by_term.iter().map(|(term, ms)| factor(term) * ms).sum();
        sums.base_ms + self.constant_ms + units
    }

    fn measure(&self, networks: &[TermSums]) -> Vec<MeasuredNetwork> {
        let mut rng = seed::rng(2, "noise", 0);
        let normal = Normal::new(1.0, self.noise).expect("a spread");
        let measured = |sums: &TermSums| MeasuredNetwork {
            measured_ms: self.takes_ms(sums) * normal.sample(&mut rng),
            sums: sums.clone(),
            relative_noise: 0.0,
        };
        networks.iter().map(measured).collect()
    }

    /// Largest relative error on networks that were not measured.
    fn largest_error(&self, calibration: &Calibration) -> f64 {
        let error = |sums: &TermSums| (calibration.predict_ms(sums) / self.takes_ms(sums) - 1.0).abs();
        networks(200)[150..].iter().map(error).fold(0.0, f64::max)
    }
}

fn fit(networks: &[MeasuredNetwork]) -> Calibration {
    Calibration::fit(networks).expect("a calibration").calibration
}

#[rstest]
#[case(1)]
#[case(3)]
#[case(100)]
fn a_slower_device_is_one_factor(#[case] count: usize) {
    let device = Device { factors: [3.0; 7], constant_ms: 1.0, ..Device::PLAIN };
    let calibration = fit(&device.measure(&networks(count)));
    assert!((calibration.all / 3.0 - 1.0).abs() < 0.01, "{calibration}");
    assert!(device.largest_error(&calibration) < 0.01, "{calibration}");
}

#[test]
fn terms_are_told_apart_by_many_networks_and_hardly_by_three() {
    let measured = Device::VARIED.measure(&networks(100));
    let many = fit(&measured);
    assert!(Device::VARIED.largest_error(&many) < 0.02, "{many}");
    for (index, wanted) in Device::VARIED.factors.into_iter().enumerate() {
        let found = many.factor_of(term(index));
        assert!((found / wanted - 1.0).abs() < 0.1, "{} {found}, not {wanted}", term(index));
    }
    let few = fit(&measured[..3]);
    let error = Device::VARIED.largest_error(&few);
    assert!((0.02..0.3).contains(&error), "{error}");
    assert!(few.factors.values().all(|factor| (0.5..2.0).contains(&(factor / few.all))), "{few}");
}

#[test]
fn one_wild_network_bends_nothing() {
    let mut measured = Device::VARIED.measure(&networks(20));
    let calm = fit(&measured);
    measured[7].measured_ms *= 5.0;
    let wild = fit(&measured);
    let calm_error = Device::VARIED.largest_error(&calm);
    let wild_error = Device::VARIED.largest_error(&wild);
    assert!(wild_error < calm_error + 0.05, "{wild_error} with it, {calm_error} without it");
}

#[test]
fn units_that_cost_nothing_keep_a_small_factor() {
    let device = Device { factors: [1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0], ..Device::PLAIN };
    let calibration = fit(&device.measure(&networks(60)));
    let least = calibration.factors.values().copied().fold(calibration.all, f64::min);
    assert!(least >= SMALLEST * calibration.all * 0.999, "{calibration}");
    assert!(calibration.factor_of(term(3)) < 0.2, "{calibration}");
}

/// As where small networks keep in caches what large ones read again.
#[test]
fn a_constant_may_be_negative() {
    let device = Device { constant_ms: -3.0, factors: [1.2; 7], ..Device::PLAIN };
    let calibration = fit(&device.measure(&networks(60)));
    assert!((calibration.constant_ms / -3.0 - 1.0).abs() < 0.1, "{calibration}");
    assert!(device.largest_error(&calibration) < 0.01, "{calibration}");
}

#[test]
fn no_constant_takes_more_than_half_of_the_smallest_network() {
    let sums = networks(60);
    let units = |sums: &TermSums| sums.total_ms() - sums.base_ms;
    let least = sums.iter().map(units).fold(f64::INFINITY, f64::min);
    let device = Device { constant_ms: -0.9 * least, ..Device::PLAIN };
    let calibration = fit(&device.measure(&sums));
    let least_constant = -0.5 - 0.5 * calibration.all * least;
    assert!((calibration.constant_ms / least_constant - 1.0).abs() < 1e-3, "{calibration}");
}

#[test]
fn a_noisy_measurement_counts_less() {
    let sums = networks(4);
    let mut measured = Device::PLAIN.measure(&sums);
    measured[0].measured_ms *= 1.2;
    let error = |measured: &[MeasuredNetwork]| {
        (fit(measured).predict_ms(&sums[1]) / measured[1].measured_ms - 1.0).abs()
    };
    let trusted = error(&measured);
    measured[0].relative_noise = 0.5;
    assert!(error(&measured) < 0.2 * trusted, "{} {trusted}", error(&measured));
}

#[test]
fn errors_are_as_large_as_they_are_said_to_be() {
    let device = Device { noise: 0.03, ..Device::VARIED };
    let (seen, unseen) = (networks(40), &networks(300)[40..]);
    let fitted = Calibration::fit(&device.measure(&seen)).expect("a calibration");
    let squares = device.measure(unseen).into_iter().map(|network| {
        let error = network.measured_ms / fitted.calibration.predict_ms(&network.sums) - 1.0;
        (error / fitted.relative_stddev(&network.sums)).powi(2)
    });
    let mean = squares.sum::<f64>() / unseen.len() as f64;
    assert!((0.6..1.6).contains(&mean), "mean squared standardised error of {mean}");
}

#[test]
fn a_network_is_less_certain_the_less_it_has_in_common_with_those_measured() {
    let without = |index: usize, sums: &TermSums| {
        let mut sums = sums.clone();
        sums.by_term.retain(|term, _| *term != self::term(index));
        sums
    };
    let all = networks(12);
    let measured: Vec<TermSums> = all.iter().map(|sums| without(5, sums)).collect();
    let mut measured = Device::VARIED.measure(&measured);
    let mut new = all[0].clone();
    new.by_term.insert(term(5), 5.0);
    let how_much_less = |measured: &[MeasuredNetwork]| {
        let fitted = Calibration::fit(measured).expect("a calibration");
        fitted.relative_stddev(&new) / fitted.relative_stddev(&without(5, &new))
    };
    let before = how_much_less(&measured);
    measured.extend(Device::VARIED.measure(&[new.clone()]));
    assert!(
        before > 1.2 && how_much_less(&measured) < 0.9 * before,
        "{before}, then {}",
        how_much_less(&measured)
    );
}

#[test]
fn left_out_networks_are_predicted_without_them() {
    let measured = Device::VARIED.measure(&networks(6));
    let comparisons = leave_one_out(&measured).expect("six networks");
    let others = [&measured[..2], &measured[3..]].concat();
    assert_eq!(comparisons[2].predicted_ms, fit(&others).predict_ms(&measured[2].sums));
    assert_eq!(comparisons[2].measured_ms, measured[2].measured_ms);
    assert_eq!(leave_one_out(&measured[..1]), Err(CalibrationError::NoNetworks));
}

#[test]
fn impossible_measurements_are_errors() {
    assert_eq!(Calibration::fit(&[]).err(), Some(CalibrationError::NoNetworks));
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut measured = Device::PLAIN.measure(&networks(3));
        measured[1].measured_ms = wrong;
        let error = Calibration::fit(&measured).expect_err("impossible");
        assert!(matches!(error, CalibrationError::Impossible { index: 1, .. }), "{error}");
    }
}

proptest! {
    #[test]
    fn any_latencies_give_a_physical_calibration_or_an_error(
        latencies in proptest::collection::vec(1e-3..1e4_f64, 1..20),
    ) {
        let sums = networks(latencies.len());
        let measured: Vec<MeasuredNetwork> = sums.iter().cloned().zip(&latencies)
            .map(|(sums, &measured_ms)| MeasuredNetwork { sums, measured_ms, relative_noise: 0.0 })
            .collect();
        match Calibration::fit(&measured) {
            Ok(Fitted { calibration, .. }) => {
                prop_assert!(calibration.all > 0.0 && calibration.constant_ms.is_finite());
                prop_assert!(calibration.factors.values().all(|factor| *factor > 0.0));
                let least = sums.iter().map(|sums| sums.total_ms() - sums.base_ms).fold(f64::INFINITY, f64::min);
                let least_constant = -0.5 - 0.5 * calibration.all * least;
                prop_assert!(calibration.constant_ms >= least_constant - 1e-3 * least_constant.abs(), "{}", calibration);
                prop_assert!(calibration.constant_ms + 0.5 + calibration.least_ms >= -1e-6, "{}", calibration);
                prop_assert_eq!(calibration.to_string().parse(), Ok(calibration));
            }
            Err(error) => prop_assert_eq!(error, CalibrationError::Unrelated),
        }
    }

    #[test]
    fn a_device_twice_as_slow_has_twice_the_predictions(speed in 0.01..100.0_f64) {
        let sums = networks(8);
        let measured = Device::VARIED.measure(&sums);
        let slower = |network: &MeasuredNetwork| MeasuredNetwork { measured_ms: speed * network.measured_ms, ..network.clone() };
        let slow = fit(&measured.iter().map(slower).collect::<Vec<_>>());
        let ratio = slow.predict_ms(&sums[0]) / fit(&measured).predict_ms(&sums[0]);
        prop_assert!((ratio / speed - 1.0).abs() < 1e-3, "{} times as slow, {}", speed, ratio);
    }
}
