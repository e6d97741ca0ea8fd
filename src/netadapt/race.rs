//! Racing: proposals that are certainly not among the best stop early.
//!
//! All contestants are scored on the same held-out images, so that their
//! differences can be paired: image by image, what one contestant's score
//! gains over another's. A contestant is out once the upper end of the
//! one-sided confidence interval of its mean difference to the last winner
//! lies below zero (Maron and Moore's Hoeffding races, with the normal
//! approximation for means of many images).

/// Confidence with which one contestant is told to be worse than another.
pub const CONFIDENCE: f64 = 0.95;

/// Quantile of the normal distribution at [`CONFIDENCE`].
const QUANTILE: f64 = 1.644_853_626_951_472_2;

/// With fewer images, the mean of their differences is too far from normal to be judged.
const FEWEST_IMAGES: usize = 30;

/// A contestant so far.
#[derive(Debug, Clone, Copy)]
pub struct Contestant<'a> {
    /// Whether it got each image right.
    pub right: &'a [bool],
    /// The same of the network that its score refers to, if it does; at least as many images.
    pub reference: Option<&'a [bool]>,
    /// Worth of a unit of accuracy in its score.
    pub weight: f64,
}

impl Contestant<'_> {
    /// What an image adds to the score, times the number of images.
    fn mark(&self, image: usize) -> f64 {
        let hit = |right: &[bool]| f64::from(u8::from(right[image]));
        (hit(self.right) - self.reference.map_or(0.0, hit)) * self.weight
    }

    fn score(&self, images: usize) -> f64 {
        (0..images).map(|image| self.mark(image)).sum::<f64>() / images.max(1) as f64
    }
}

/// Positions of the contestants that are worse than each of the best `winners`, with [`CONFIDENCE`].
///
/// Only images that all have seen are compared.
pub fn losers(contestants: &[Contestant<'_>], winners: usize) -> Vec<usize> {
    let images = contestants.iter().map(|c| c.right.len()).min().unwrap_or(0);
    if images < FEWEST_IMAGES || contestants.len() <= winners {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..contestants.len()).collect();
    let scores: Vec<f64> = contestants.iter().map(|c| c.score(images)).collect();
    // Ties keep the order of the proposals.
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let last_winner = order[winners.max(1) - 1];
    let mut out: Vec<usize> = order[winners.max(1)..]
        .iter()
        .copied()
        .filter(|&at| is_worse(&contestants[at], &contestants[last_winner], images))
        .collect();
    out.sort_unstable();
    out
}

fn is_worse(one: &Contestant<'_>, other: &Contestant<'_>, images: usize) -> bool {
    let differences: Vec<f64> = (0..images).map(|image| one.mark(image) - other.mark(image)).collect();
    let count = images as f64;
    let mean = differences.iter().sum::<f64>() / count;
    let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    // One more image on which the two differ: a run of equal images must not look like certainty.
    let unseen = one.weight.powi(2).max(other.weight.powi(2));
    let deviation = ((squares + unseen) / (count - 1.0) / count).sqrt();
    mean + QUANTILE * deviation < 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use rand::Rng;

    fn hits(share: f64, images: usize, index: u64) -> Vec<bool> {
        let mut rng = seed::rng(5, "race", index);
        (0..images).map(|_| rng.random_bool(share)).collect()
    }

    fn contest(rights: &[Vec<bool>], winners: usize) -> Vec<usize> {
        let contestants: Vec<_> =
            rights.iter().map(|right| Contestant { right, reference: None, weight: 1.0 }).collect();
        losers(&contestants, winners)
    }

    #[test]
    fn the_hopeless_are_out_and_the_close_stay() {
        let rights = [hits(0.9, 500, 0), hits(0.89, 500, 1), hits(0.6, 500, 2), hits(0.3, 500, 3)];
        assert_eq!(contest(&rights, 1), [2, 3]);
        assert_eq!(contest(&rights, 3), [3]);
        assert_eq!(contest(&rights, 4), [0; 0]);
        assert_eq!(contest(&[vec![true; 3], vec![false; 3]], 1), [0; 0], "three images prove nothing");
    }

    /// Of two equal contestants, each is told to be worse in about 5 % of races.
    #[test]
    fn the_confidence_is_what_it_says() {
        let mut out = 0;
        let races = 2000;
        for race in 0..races {
            let rights = [hits(0.8, 300, 2 * race), hits(0.8, 300, 2 * race + 1)];
            let [a, b] =
                [&rights[0], &rights[1]].map(|right| Contestant { right, reference: None, weight: 1.0 });
            out += usize::from(is_worse(&a, &b, 300));
        }
        let share = out as f64 / races as f64;
        assert!((0.03..0.07).contains(&share), "{share}");
    }

    #[test]
    fn slopes_are_compared_and_not_accuracies() {
        let parent = vec![true; 400];
        // Equal losses of accuracy; the second saves ten times as much.
        let rights = [hits(0.8, 400, 0), hits(0.8, 400, 1)];
        let contestants = [
            Contestant { right: &rights[0], reference: Some(&parent), weight: 1.0 },
            Contestant { right: &rights[1], reference: Some(&parent), weight: 0.1 },
        ];
        assert_eq!(losers(&contestants, 1), [0]);
    }
}
