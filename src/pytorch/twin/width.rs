//! The width multiplier that makes one network of another.

use crate::spec::{BlockSpec, NetworkSpec, Slot, WidthRule};

/// Widths that are searched.
const SMALLEST: f64 = 0.01;
const LARGEST: f64 = 16.0;
/// Multipliers that people use.
const USUAL: [f64; 9] = [1.0, 0.25, 0.35, 0.5, 0.75, 1.25, 1.4, 1.5, 2.0];
/// Decimals that another multiplier may have.
const DECIMALS: i32 = 9;
const ROUNDING: f64 = 1e-6;

/// The multiplier that gives `reference` the widths of `target`, if there is one: a usual one, or that with the fewest
/// decimals.
///
/// All widths grow with the multiplier, so those that give the same widths are an interval. Its lower end is found by
/// bisection.
pub(super) fn width_multiplier(
    reference: &NetworkSpec,
    rule: WidthRule,
    target: &NetworkSpec,
) -> Option<f64> {
    let wanted = widths(target);
    let widths_at = |alpha: f64| widths(&reference.scaled(alpha, rule));
    let is_enough = |alpha: f64| widths_at(alpha).iter().zip(&wanted).all(|(have, wanted)| have >= wanted);
    let (mut below, mut enough) = (SMALLEST / 2.0, LARGEST);
    loop {
        let middle = f64::midpoint(below, enough);
        if middle <= below || middle >= enough {
            break;
        }
        if is_enough(middle) { enough = middle } else { below = middle }
    }
    let rounded = (0..=DECIMALS).flat_map(|decimals| {
        let unit = 10f64.powi(decimals);
        // The product may lie a rounding above a whole number, and that number then be enough or just too small.
        let least = (enough * unit - ROUNDING).ceil();
        [least / unit, (least + 1.0) / unit]
    });
    USUAL
        .into_iter()
        .chain(rounded)
        .filter(|&alpha| alpha >= SMALLEST)
        .find(|&alpha| widths_at(alpha) == wanted)
}

/// All widths of a network that a multiplier scales by itself.
pub(super) fn widths(spec: &NetworkSpec) -> Vec<u32> {
    let of_block = |block: &BlockSpec| {
        let slots = [Slot::Hidden, Slot::Output];
        slots.into_iter().filter_map(|slot| block.width(slot)).collect::<Vec<_>>()
    };
    spec.all_blocks().flat_map(of_block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_multiplier_of_a_scaled_network_is_found(
            alpha in 0.02f64..8.0,
            name in prop::sample::select(vec!["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"]),
            rule in prop::sample::select(vec![WidthRule::Reference, WidthRule::Torchvision]),
        ) {
            let reference = spec::load(name).expect(name);
            let target = reference.scaled(alpha, rule);
            let found = width_multiplier(&reference, rule, &target).expect("some multiplier");
            prop_assert_eq!(reference.scaled(found, rule).blocks, target.blocks);
        }
    }

    /// 160 times 1.025 is 164, which is rounded up, and in floats just below it.
    #[test]
    fn a_multiplier_just_above_a_round_one_is_found() {
        let reference = spec::load("mobilenet_v3_large").expect("shipped");
        let target = reference.scaled(1.027, WidthRule::Torchvision);
        assert_ne!(widths(&target), widths(&reference.scaled(1.025, WidthRule::Torchvision)));
        assert_eq!(width_multiplier(&reference, WidthRule::Torchvision, &target), Some(1.026));
    }

    #[test]
    fn usual_multipliers_are_found_as_people_write_them() {
        for alpha in [0.35, 0.5, 0.75, 1.0, 1.25, 1.4] {
            let reference = spec::load("mobilenet_v3_large").expect("shipped");
            let target = reference.scaled(alpha, WidthRule::Torchvision);
            assert_eq!(width_multiplier(&reference, WidthRule::Torchvision, &target), Some(alpha));
        }
    }

    #[test]
    fn a_network_of_other_proportions_has_none() {
        let reference = spec::load("mobilenet_v2").expect("shipped");
        let mut target = reference.scaled(0.5, WidthRule::Reference);
        target.blocks[3] = target.blocks[3].with_width(Slot::Hidden, 104);
        assert_eq!(width_multiplier(&reference, WidthRule::Reference, &target), None);
    }
}
