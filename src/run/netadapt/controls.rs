//! What an adaptation is compared with: other widths within the same budget, trained on as many images.
//!
//! - *uniform*: every group narrowed by one factor;
//! - *width multiplier*: the reference code's rule for thinner networks;
//! - *random*: the best of a few random widths near the budget, after short training like the loop's.
//!
//! All inherit their weights from the seed by the same surgery, and each gets as many training images as the loop and
//! the final training had together.

use serde::{Deserialize, Serialize};

use super::race::{Arena, Original, Trained};
use crate::netadapt::{NetworkProblem, Problem, random_within, uniform};
use crate::seed;
use crate::spec::WidthRule;
use crate::train::TrainError;

/// Random networks that share the loop's images.
const RANDOM_NETWORKS: usize = 6;
/// Costs of random networks, as shares of the budget.
const BAND: f64 = 0.95;
const ATTEMPTS: usize = 10_000;
/// Width multipliers are searched in these steps.
const MULTIPLIER_STEPS: u32 = 400;

/// A way to choose widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Control {
    Uniform,
    WidthMultiplier,
    Random,
}

impl Control {
    pub(super) const ALL: [Self; 3] = [Self::Uniform, Self::WidthMultiplier, Self::Random];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::WidthMultiplier => "width multiplier",
            Self::Random => "random",
        }
    }

    /// Its folder in `controls/`.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::WidthMultiplier => "width_multiplier",
            other => other.name(),
        }
    }
}

/// The widest network of the multiplier within the limit.
pub(super) fn multiplied(problem: &NetworkProblem<'_>, limit: f64) -> Option<Vec<u32>> {
    (1..=MULTIPLIER_STEPS).rev().find_map(|part| {
        let alpha = f64::from(part) / f64::from(MULTIPLIER_STEPS);
        let widths = problem.widths_of(&problem.trained().scaled(alpha, WidthRule::Reference))?;
        problem.cost(&widths).filter(|&cost| cost <= limit).map(|_| widths)
    })
}

/// Widths chosen by one factor; none where no factor leads to a network within the limit.
pub(super) fn fixed_widths(control: Control, problem: &NetworkProblem<'_>, limit: f64) -> Option<Vec<u32>> {
    match control {
        Control::Uniform => uniform(problem, limit),
        Control::WidthMultiplier => multiplied(problem, limit),
        Control::Random => None,
    }
}

/// The best of some random networks near the budget, each trained on an equal part of `images`.
pub(super) fn best_random(
    arena: &Arena<'_>,
    original: &Original,
    limit: f64,
    images: u64,
) -> Result<Option<(Vec<u32>, Trained)>, TrainError> {
    let mut rng = seed::rng(arena.seed, "netadapt/random", 0);
    let steps = images / (RANDOM_NETWORKS * arena.recipe.batch.get()) as u64;
    let mut best: Option<(Vec<u32>, Trained)> = None;
    for _ in 0..RANDOM_NETWORKS {
        let drawn = random_within(arena.problem, limit, BAND, ATTEMPTS, &mut rng);
        let Some(widths) = drawn else { continue };
        let cut = arena.cut(&widths, &original.trained, &original.scores, original);
        match arena.train_on(&widths, &cut, 0..steps.max(1), arena.last_heat()) {
            Ok(trained) if best.as_ref().is_none_or(|(_, best)| trained.accuracy() > best.accuracy()) => {
                best = Some((widths, trained));
            }
            Err(error) if error.ends_the_run() => return Err(error),
            // A network that diverges is a bad choice of widths, and no more than that.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(best)
}
