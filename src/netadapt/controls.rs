//! Other ways to choose widths within a budget, which an adaptation is compared with.

use rand::Rng;

use super::problem::{Problem, with_width};

/// Steps of the factor that uniform shrinking is searched in.
const FACTORS: u32 = 1000;

/// All groups narrowed by one factor, each to its nearest width: the largest factor that meets the limit.
pub fn uniform(problem: &dyn Problem, limit: f64) -> Option<Vec<u32>> {
    (1..=FACTORS).rev().find_map(|part| {
        let factor = f64::from(part) / f64::from(FACTORS);
        let nearest = |levels: &[u32], wanted: f64| {
            let distance = |level: &u32| (f64::from(*level) - wanted).abs();
            levels.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)))
        };
        let widths: Vec<u32> = problem
            .groups()
            .iter()
            .map(|group| nearest(&group.levels, factor * f64::from(group.full())))
            .collect::<Option<_>>()?;
        problem.cost(&widths).filter(|&cost| cost <= limit).map(|_| widths)
    })
}

/// Random widths that cost between `band` times the limit and the limit.
///
/// Groups are narrowed at random until the limit is met, and then widened at random while there is room. None if
/// `attempts` do not hit the band.
pub fn random_within(
    problem: &dyn Problem,
    limit: f64,
    band: f64,
    attempts: usize,
    rng: &mut impl Rng,
) -> Option<Vec<u32>> {
    (0..attempts).find_map(|_| {
        let widths = random_below(problem, limit, rng)?;
        let widths = random_growth(problem, widths, limit, rng);
        problem.cost(&widths).filter(|cost| (band * limit..=limit).contains(cost)).map(|_| widths)
    })
}

fn random_below(problem: &dyn Problem, limit: f64, rng: &mut impl Rng) -> Option<Vec<u32>> {
    let mut widths = problem.seed();
    let steps: usize = problem.groups().iter().map(|group| group.levels.len()).sum();
    // Some moves lead to no network; the bound ends a walk that finds no way on.
    for _ in 0..100 * steps {
        let cost = problem.cost(&widths)?;
        if cost <= limit {
            return Some(widths);
        }
        let group = rng.random_range(0..widths.len());
        let levels = &problem.groups()[group].levels;
        let other = with_width(&widths, group, levels[rng.random_range(0..levels.len())]);
        if problem.cost(&other).is_some_and(|lower| lower < cost) {
            widths = other;
        }
    }
    None
}

fn random_growth(problem: &dyn Problem, mut widths: Vec<u32>, limit: f64, rng: &mut impl Rng) -> Vec<u32> {
    for _ in 0..4 * widths.len() {
        let group = rng.random_range(0..widths.len());
        let wider: Vec<u32> = problem.groups()[group].wider(widths[group]).collect();
        if wider.is_empty() {
            continue;
        }
        let other = with_width(&widths, group, wider[rng.random_range(0..wider.len())]);
        if problem.cost(&other).is_some_and(|cost| cost <= limit) {
            widths = other;
        }
    }
    widths
}
