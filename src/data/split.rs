//! A validation part taken out of the training part.
//!
//! A search chooses networks by their accuracy on `validation`; the test part is left for the
//! final report. The split is stratified: each class gives the same share of its images.

use rand::seq::SliceRandom;

use super::error::DataError;
use crate::seed;

/// Two disjoint lists of image indices, both ascending, which together are all images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Images to train on while searching.
    pub search: Vec<usize>,
    /// Images to choose by.
    pub validation: Vec<usize>,
}

/// Holds out `fraction` of each class for validation, chosen with `seed`.
///
/// Of a class with `n` images `round(fraction * n)` are held out, at least 1 and at most `n - 1`.
///
/// # Errors
/// When `fraction` does not lie strictly between 0 and 1, there are no labels, or a class that
/// occurs has fewer than two images.
pub fn holdout(labels: &[u32], fraction: f64, seed: u64) -> Result<Split, DataError> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::Fraction { fraction });
    }
    if labels.is_empty() {
        return Err(DataError::NoImages { purpose: "a split" });
    }
    let mut split = Split { search: Vec::new(), validation: Vec::new() };
    for (label, mut members) in members_by_class(labels) {
        if members.len() < 2 {
            return Err(DataError::ClassTooSmall { class: label.to_string(), count: members.len() });
        }
        members.shuffle(&mut seed::rng(seed, "data/holdout", u64::from(label)));
        let rest = members.split_off(held_out(members.len(), fraction));
        split.validation.extend(members);
        split.search.extend(rest);
    }
    split.search.sort_unstable();
    split.validation.sort_unstable();
    Ok(split)
}

/// About `limit` images, chosen with `seed`: every class gives its share of them, rounded down (what that leaves goes to
/// the largest remainders, of equal ones to the lower label), but at least two images, or all where it has fewer: one
/// to train on and one to hold out. So there are more than `limit` where it is below twice the number of classes.
///
/// Ascending indices; all where there are no more than `limit`.
pub(super) fn limited(labels: &[u32], limit: usize, seed: u64) -> Vec<usize> {
    let total = labels.len();
    if total <= limit {
        return (0..total).collect();
    }
    let classes = members_by_class(labels);
    let mut quotas: Vec<usize> = classes.values().map(|members| limit * members.len() / total).collect();
    let mut by_remainder: Vec<(usize, usize)> =
        classes.values().map(|members| limit * members.len() % total).enumerate().collect();
    by_remainder.sort_by_key(|&(class, remainder)| (std::cmp::Reverse(remainder), class));
    let left = limit - quotas.iter().sum::<usize>();
    by_remainder.iter().take(left).for_each(|&(class, _)| quotas[class] += 1);
    let mut chosen = Vec::new();
    for ((label, mut members), quota) in classes.into_iter().zip(quotas) {
        members.shuffle(&mut seed::rng(seed, "data/limit", u64::from(label)));
        let count = quota.max(2).min(members.len());
        chosen.extend_from_slice(&members[..count]);
    }
    chosen.sort_unstable();
    chosen
}

/// Number of images held out of a class with `count >= 2` images.
fn held_out(count: usize, fraction: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the product lies between 0 and count"
    )]
    let rounded = (fraction * count as f64).round() as usize;
    rounded.clamp(1, count - 1)
}

/// The classes that occur, ascending, each with the indices of its images.
fn members_by_class(labels: &[u32]) -> std::collections::BTreeMap<u32, Vec<usize>> {
    let mut members = std::collections::BTreeMap::<u32, Vec<usize>>::new();
    for (index, &label) in labels.iter().enumerate() {
        members.entry(label).or_default().push(index);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_disjoint_complete_sorted_and_stratified(
            labels in prop::collection::vec(0u32..5, 1..200),
            fraction in 0.01f64..0.99,
            seed: u64,
        ) {
            // Every class that occurs gets a second image.
            let labels: Vec<u32> = labels.iter().chain(&labels).copied().collect();
            let split = holdout(&labels, fraction, seed).unwrap();
            prop_assert!(split.search.is_sorted() && split.validation.is_sorted());
            let mut all = [&split.search[..], &split.validation].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for class in 0..5 {
                let of_class = |part: &[usize]| part.iter().filter(|&&i| labels[i] == class).count();
                let (kept, held) = (of_class(&split.search), of_class(&split.validation));
                if kept + held > 0 {
                    let wanted = fraction * (kept + held) as f64;
                    prop_assert!(kept > 0 && held > 0);
                    prop_assert!(held == 1 || kept == 1 || (held as f64 - wanted).abs() <= 0.5);
                }
            }
            prop_assert_eq!(holdout(&labels, fraction, seed).unwrap(), split);
        }
    }

    proptest! {
        #[test]
        fn a_limit_is_stratified_and_leaves_two_of_each_class(
            labels in prop::collection::vec(0u32..6, 1..200),
            limit in 1usize..250,
            seed: u64,
        ) {
            let chosen = limited(&labels, limit, seed);
            prop_assert!(chosen.is_sorted_by(|a, b| a < b) && chosen.iter().all(|&i| i < labels.len()));
            prop_assert!(chosen.len() >= limit.min(labels.len()));
            let classes = members_by_class(&labels);
            prop_assert!(chosen.len() <= limit.min(labels.len()) + 2 * classes.len());
            for (label, members) in classes {
                let kept = chosen.iter().filter(|&&i| labels[i] == label).count();
                let share = limit as f64 * members.len() as f64 / labels.len() as f64;
                prop_assert!(kept >= members.len().min(2));
                prop_assert!(kept <= 2 || kept == members.len() || (kept as f64 - share).abs() < 1.0);
            }
            prop_assert_eq!(limited(&labels, limit, seed), chosen);
        }
    }

    #[test]
    fn the_seed_decides_which_images_a_limit_leaves() {
        let labels: Vec<u32> = (0..1000).map(|i| i % 10).collect();
        let of = |seed| limited(&labels, 100, seed);
        assert_eq!(of(1).len(), 100);
        assert_ne!(of(1), of(2));
        assert!(of(1)[0] < 100 && of(1)[99] >= 900, "not simply the first or last ones");
    }

    #[test]
    fn the_seed_chooses_the_images() {
        let labels: Vec<u32> = (0..1000).map(|i| i % 10).collect();
        let of = |seed| holdout(&labels, 0.2, seed).unwrap();
        assert_eq!(of(1).validation.len(), 200);
        assert_ne!(of(1), of(2));
        // Not simply the first or last images of each class.
        assert!(of(1).validation[0] < 100 && of(1).validation[199] >= 900);
        assert!(of(1).search[0] < 100 && of(1).search[799] >= 900);
    }

    #[test]
    fn other_classes_do_not_change_the_choice() {
        let labels: Vec<u32> = (0..100).map(|i| i % 2).collect();
        let more: Vec<u32> = labels.iter().copied().chain([7; 50]).collect();
        let (few, many) = (holdout(&labels, 0.3, 5).unwrap(), holdout(&more, 0.3, 5).unwrap());
        assert!(many.validation.starts_with(&few.validation));
    }

    #[test]
    fn impossible_splits_are_errors() {
        assert!(matches!(holdout(&[], 0.5, 0), Err(DataError::NoImages { .. })));
        let error = holdout(&[3, 3, 8], 0.5, 0).unwrap_err().to_string();
        assert!(error.starts_with("class 8 has 1 image(s)"), "{error}");
        for fraction in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(matches!(holdout(&[1, 1], fraction, 0), Err(DataError::Fraction { .. })));
        }
    }
}
