//! Behaviour of the channel interpolation: on made-up families, and on held-out rows of the Pixel 1 table.

use super::*;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

fn block(side: u32, stride: u32) -> Geometry {
    Geometry {
        structure: Structure::InvertedResidual,
        in_positions: side * side,
        out_positions: (side / stride).pow(2),
        kernel: 3,
    }
}

fn dense(side: u32) -> Geometry {
    Geometry { structure: Structure::Dense, in_positions: side * side, out_positions: side * side, kernel: 1 }
}

fn sample(channels: [u32; 3], latency_ms: f64) -> Sample {
    Sample { channels, latency_ms }
}

/// Rows of one family by kernel size and squeeze-and-excitation, for each operator, resolution and stride.
type Families = BTreeMap<(String, u32, u32), BTreeMap<(u32, bool), Vec<Sample>>>;

fn pixel_families() -> Families {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/latency_tables/pixel-latency.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut families = Families::new();
    for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |field: usize| fields[field].parse::<u32>().unwrap_or(0);
        let or_one = |field: usize| number(field).max(1);
        if fields[0] != "base" {
            families
                .entry((fields[0].to_owned(), number(1), or_one(6)))
                .or_default()
                .entry((or_one(5), number(8) > 0))
                .or_default()
                .push(sample([number(3), number(7), number(4)], fields[10].parse().unwrap()));
        }
    }
    families
}

fn geometry(op: &str, side: u32, stride: u32, kernel: u32) -> Geometry {
    let structure = if op == "inverted_residual" { Structure::InvertedResidual } else { Structure::Dense };
    Geometry { structure, kernel, ..block(side, stride) }
}

fn model(families: &Families, op: &str, side: u32, stride: u32, kernel: u32, squeeze: bool) -> ChannelModel {
    let samples = &families[&(op.to_owned(), side, stride)][&(kernel, squeeze)];
    ChannelModel::fit(geometry(op, side, stride, kernel), samples).unwrap()
}

/// Relative errors, sorted.
struct Errors {
    own_family: Vec<f64>,
    with_siblings: Vec<f64>,
    covered: usize,
}

/// Hides a fifth of the rows and predicts them from the rest.
fn held_out(families: &Families, seed: u64) -> Errors {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut errors = Errors { own_family: vec![], with_siblings: vec![], covered: 0 };
    for ((op, side, stride), siblings) in families {
        let mut fitted = Vec::new();
        for (&(kernel, _), samples) in siblings {
            let (hidden, kept): (Vec<Sample>, Vec<Sample>) =
                samples.iter().partition(|_| rng.random_bool(0.2));
            if let Ok(model) = ChannelModel::fit(geometry(op, *side, *stride, kernel), &kept) {
                fitted.push((model, hidden));
            }
        }
        for (model, hidden) in &fitted {
            for row in hidden {
                let Ok(estimate) = model.estimate(row.channels) else {
                    continue;
                };
                let surprises: Vec<f64> =
                    fitted.iter().filter_map(|(m, _)| m.surprise_ms(row.channels)).collect();
                let error = estimate.latency_ms - row.latency_ms;
                let informed = estimate.informed_by(&surprises).latency_ms - row.latency_ms;
                errors.own_family.push(error.abs() / row.latency_ms);
                errors.with_siblings.push(informed.abs() / row.latency_ms);
                errors.covered += usize::from(error.abs() <= 2.0 * estimate.stddev_ms);
            }
        }
    }
    errors.own_family.sort_by(f64::total_cmp);
    errors.with_siblings.sort_by(f64::total_cmp);
    errors
}

fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * fraction).round() as usize]
}

#[test]
fn held_out_rows_of_the_pixel_are_predicted_with_honest_uncertainty() {
    let families = pixel_families();
    for seed in 0..3 {
        let errors = held_out(&families, seed);
        let covered = errors.covered as f64 / errors.own_family.len() as f64;
        assert!(errors.own_family.len() > 1300);
        assert!(quantile(&errors.own_family, 0.5) < 0.012);
        assert!(quantile(&errors.own_family, 0.95) < 0.16);
        assert!(quantile(&errors.with_siblings, 0.5) < 0.010);
        assert!(quantile(&errors.with_siblings, 0.95) < 0.10);
        assert!((0.90..0.99).contains(&covered), "{covered}");
    }
}

#[test]
fn a_row_is_nearly_reproduced() {
    let families = pixel_families();
    let fitted = model(&families, "inverted_residual", 14, 2, 5, true);
    let rows = &families[&("inverted_residual".to_owned(), 14, 2)][&(5, true)];
    for row in rows.iter().filter(|row| row.channels[0] != row.channels[1]) {
        let estimate = fitted.estimate(row.channels).unwrap();
        assert!((estimate.latency_ms / row.latency_ms - 1.0).abs() < 0.02, "{row:?} {estimate:?}");
        assert_eq!(estimate.source, RowSource::Interpolated);
    }
}

#[test]
fn doubling_all_channels_costs_more() {
    for ((op, side, stride), siblings) in &pixel_families() {
        for (&(kernel, _), samples) in siblings {
            let fitted = ChannelModel::fit(geometry(op, *side, *stride, kernel), samples).unwrap();
            for row in samples {
                let doubled = row.channels.map(|count| if count == 3 { 3 } else { 2 * count });
                if let (Ok(one), Ok(two)) = (fitted.estimate(row.channels), fitted.estimate(doubled)) {
                    assert!(
                        two.latency_ms > one.latency_ms,
                        "{op} {side} {stride} {kernel} {row:?} {one:?} {two:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn extrapolation_follows_the_multiply_adds() {
    let families = pixel_families();
    let head = model(&families, "conv", 7, 1, 1, false);
    let last = head.estimate([320, 0, 1024]).unwrap().latency_ms;
    let wider = head.estimate([320, 0, 1280]).unwrap();
    assert_eq!(wider.source, RowSource::Extrapolated);
    assert!((1.1..1.35).contains(&(wider.latency_ms / last)), "{wider:?} after {last}");

    let narrow = model(&families, "inverted_residual", 7, 1, 5, true).estimate([96, 576, 96]).unwrap();
    let seen = model(&families, "inverted_residual", 7, 1, 5, true).estimate([128, 768, 128]).unwrap();
    assert!((0.4..0.75).contains(&(narrow.latency_ms / seen.latency_ms)), "{narrow:?} {seen:?}");
    assert!(narrow.stddev_ms / narrow.latency_ms > seen.stddev_ms / seen.latency_ms);
}

/// MobileNetV2's last block, 160 -> 320: half more multiply-adds than the row 160 -> 160 of a family with
/// `c_in = c_out` throughout, so neither cheaper than that row nor twice as dear.
#[test]
fn widening_the_output_beyond_a_diagonal_family_follows_the_projection() {
    let families = pixel_families();
    let last = model(&families, "inverted_residual", 7, 1, 3, false);
    let same = last.estimate([160, 960, 160]).unwrap();
    let wider = last.estimate([160, 960, 320]).unwrap();
    assert!((1.2..1.85).contains(&(wider.latency_ms / same.latency_ms)), "{same:?} {wider:?}");
    assert!(wider.stddev_ms > 5.0 * same.stddev_ms);
}

/// The rows of the first block have `c_in = expanded = c_out`; MobileNetV2 asks for 32 -> 16.
#[test]
fn a_narrower_projection_than_any_row_costs_less_but_not_less_than_the_depthwise() {
    let families = pixel_families();
    let first = model(&families, "inverted_residual", 112, 1, 3, false);
    let wide = first.estimate([32, 32, 32]).unwrap();
    let narrow = first.estimate([32, 32, 16]).unwrap();
    assert!((0.6..0.95).contains(&(narrow.latency_ms / wide.latency_ms)), "{narrow:?} {wide:?}");
    assert!(narrow.stddev_ms > 2.0 * wide.stddev_ms);
}

#[test]
fn one_varying_channel_count_is_interpolated_linearly() {
    let rows = [(288, 0.9), (384, 1.3), (576, 2.3)].map(|(hidden, ms)| sample([96, hidden, 96], ms));
    let model = ChannelModel::fit(block(14, 1), &rows).unwrap();
    for (hidden, line) in [(336, 1.1), (480, 1.8)] {
        let estimate = model.estimate([96, hidden, 96]).unwrap();
        assert!((estimate.latency_ms / line - 1.0).abs() < 0.04, "{estimate:?} {line}");
    }
}

#[test]
fn what_the_rows_cannot_tell_is_refused() {
    let rows = [48, 96, 144].map(|hidden| sample([16, hidden, 24], f64::from(hidden) / 50.0));
    let model = ChannelModel::fit(block(56, 2), &rows).unwrap();
    let refusal = |channels| model.estimate(channels).unwrap_err();
    assert_eq!(refusal([24, 96, 24]), OutOfRange::NeverVaried { name: "c_in", asked: 24, only: 16 });
    assert_eq!(
        refusal([16, 320, 24]),
        OutOfRange::TooFar { name: "expanded", asked: 320, smallest: 48, largest: 144 }
    );
    assert!(matches!(refusal([16, 0, 24]), OutOfRange::TooFar { .. }));
    assert_eq!(model.estimate([16, 288, 24]).unwrap().source, RowSource::Extrapolated);

    let separable = [8, 16, 32].map(|c| sample([c, c, c], f64::from(c) / 8.0));
    let model = ChannelModel::fit(block(112, 1), &separable).unwrap();
    assert_eq!(model.estimate([16, 32, 16]), Err(OutOfRange::ExpansionUnseen { expands: true }));
}

#[test]
fn unusable_rows_are_reported() {
    let good = sample([8, 0, 8], 1.0);
    let fit = |rows: &[Sample]| ChannelModel::fit(dense(7), rows).unwrap_err();
    assert_eq!(fit(&[good, good]), FitError::TooFewRows { found: 2 });
    for (channels, latency_ms) in [([8, 0, 0], 1.0), ([8, 0, 8], 0.0), ([8, 0, 8], f64::INFINITY)] {
        assert!(matches!(fit(&[good, sample(channels, latency_ms), good]), FitError::BadSample { .. }));
    }
}

#[test]
fn a_surprise_is_the_error_of_a_model_without_the_row() {
    let families = pixel_families();
    let rows = &families[&("conv".to_owned(), 7, 1)][&(1, false)];
    let whole = ChannelModel::fit(dense(7), rows).unwrap();
    let mut errors = Vec::new();
    for left_out in [3, 17, 40] {
        let rest: Vec<Sample> = rows.iter().copied().filter(|row| *row != rows[left_out]).collect();
        let without = ChannelModel::fit(dense(7), &rest).unwrap();
        let row = rows[left_out];
        let direct = row.latency_ms - without.estimate(row.channels).unwrap().latency_ms;
        errors.push((whole.surprise_ms(row.channels).unwrap() - direct).abs() / row.latency_ms);
    }
    assert!(errors.iter().all(|&error| error < 0.01), "{errors:?}");
    assert_eq!(whole.surprise_ms([129, 0, 256]), None);
}

/// Rows that follow the cost terms exactly, and the latency that they follow; `rates` are those of the constant, the
/// depthwise, the expansion and the projection.
fn physical_family(rates: [f64; 4]) -> (Vec<Sample>, impl Fn([u32; 3]) -> f64) {
    let truth = move |[c_in, hidden, c_out]: [u32; 3]| {
        let expansion = if c_in == hidden { 0 } else { c_in * hidden };
        let [hidden, expansion, projection] = [hidden, expansion, hidden * c_out].map(f64::from);
        0.1 * rates[0] + 1e-3 * rates[1] * hidden + 1e-5 * (rates[2] * expansion + rates[3] * projection)
    };
    let mut samples = Vec::new();
    for c_in in [16, 24, 40, 64] {
        for ratio in [1, 2, 3, 4, 6] {
            for c_out in [16, 24, 40, 64] {
                let channels = [c_in, ratio * c_in, c_out];
                samples.push(sample(channels, truth(channels)));
            }
        }
    }
    (samples, truth)
}

proptest! {
    /// Random rows, however contradictory: every answer is positive, finite and the same again.
    #[test]
    fn answers_are_positive_finite_and_repeatable(
        rows in prop::collection::vec(((1_u32..40, 1_u32..7, 1_u32..40), 1e-3_f64..1e3), 3..25),
        asked in (1_u32..60, 1_u32..7, 1_u32..60),
        stride in 1_u32..3,
    ) {
        let place = |(c_in, ratio, c_out): (u32, u32, u32)| [8 * c_in, 8 * c_in * ratio, 8 * c_out];
        let samples: Vec<Sample> = rows.iter().map(|&(channels, ms)| sample(place(channels), ms)).collect();
        for structure in [Structure::PerChannel, Structure::Dense, Structure::InvertedResidual] {
            let geometry = Geometry { structure, ..block(28, stride) };
            let model = ChannelModel::fit(geometry, &samples).unwrap();
            if let Ok(estimate) = model.estimate(place(asked)) {
                prop_assert!(estimate.latency_ms > 0.0 && estimate.latency_ms.is_finite());
                prop_assert!(estimate.stddev_ms > 0.0 && estimate.stddev_ms.is_finite());
                let again = ChannelModel::fit(geometry, &samples).unwrap().estimate(place(asked));
                prop_assert_eq!(again, Ok(estimate));
            }
        }
    }

    /// A family that follows the cost terms exactly is predicted well, inside the rows and outside.
    #[test]
    fn a_physical_family_is_recovered(
        rates in prop::array::uniform4(0.2_f64..2.0),
        c_in in 12_u32..80, ratio in 2_u32..6, c_out in 12_u32..80,
    ) {
        let (samples, truth) = physical_family(rates);
        let model = ChannelModel::fit(block(28, 2), &samples).unwrap();
        let asked = [c_in, ratio * c_in, c_out];
        let estimate = model.estimate(asked).unwrap();
        prop_assert!((estimate.latency_ms / truth(asked) - 1.0).abs() < 0.03, "{:?} {}", estimate, truth(asked));
    }
}
