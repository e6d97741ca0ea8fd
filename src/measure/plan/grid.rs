//! Which units of a family get a row of their own: the others lie close to one that has.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{LatencyUnit, UnitFamily};

/// Units such that every other one's channels are within a factor of `ratio` of some chosen unit of its family.
///
/// Distances are those of the interpolation: Euclidean between the logarithms of channel counts. The cheapest and the
/// dearest unit come first, then time and again the one that is farthest from all chosen (Gonzalez 1985), so that what
/// is left out lies between rows. A ratio of 1 chooses all.
pub fn thinned(wanted: &BTreeSet<LatencyUnit>, ratio: f64) -> BTreeSet<LatencyUnit> {
    let mut families: BTreeMap<UnitFamily, Vec<LatencyUnit>> = BTreeMap::new();
    for unit in wanted {
        families.entry(unit.family).or_default().push(*unit);
    }
    families.into_values().flat_map(|units| spread(&units, ratio.ln())).collect()
}

fn spread(units: &[LatencyUnit], radius: f64) -> Vec<LatencyUnit> {
    let size = |unit: &&LatencyUnit| u64::from(unit.c_in) * u64::from(unit.c_out);
    let mut chosen: Vec<LatencyUnit> = Vec::new();
    let mut distances = vec![f64::INFINITY; units.len()];
    let mut choose = |unit: LatencyUnit, chosen: &mut Vec<LatencyUnit>| {
        for (known, other) in distances.iter_mut().zip(units) {
            *known = known.min(distance(&unit, other));
        }
        chosen.push(unit);
        let farthest =
            distances.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        farthest.filter(|(_, distance)| *distance > radius).map(|(at, _)| units[at])
    };
    let ends = [units.iter().min_by_key(size), units.iter().max_by_key(size)];
    let mut next = None;
    for end in ends.into_iter().flatten() {
        next = choose(*end, &mut chosen);
    }
    while let Some(unit) = next {
        next = choose(unit, &mut chosen);
    }
    chosen
}

fn distance(a: &LatencyUnit, b: &LatencyUnit) -> f64 {
    let log = |a: u32, b: u32| (f64::from(a.max(1)) / f64::from(b.max(1))).ln();
    log(a.c_in, b.c_in).hypot(log(a.c_out, b.c_out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::plan::Wanted;
    use crate::space;
    use crate::spec::Padding;
    use proptest::prelude::*;

    fn units_of_a_space() -> BTreeSet<LatencyUnit> {
        let mut wanted = Wanted::default();
        wanted.space(&space::load("mobilenet_v3_small_images").unwrap());
        wanted.pieces.iter().flat_map(|piece| piece.units(Padding::Same)).collect()
    }

    #[test]
    fn a_ratio_of_one_chooses_all() {
        let units = units_of_a_space();
        assert_eq!(thinned(&units, 1.0), units);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn every_unit_is_close_to_a_chosen_one(ratio in 1.0_f64..3.0) {
            let units = units_of_a_space();
            let chosen = thinned(&units, ratio);
            prop_assert!(chosen.is_subset(&units));
            for unit in &units {
                let near = chosen.iter().any(|c| c.family == unit.family && distance(c, unit) <= ratio.ln() + 1e-12);
                prop_assert!(near, "{} is far from all rows", unit);
            }
        }
    }
}
