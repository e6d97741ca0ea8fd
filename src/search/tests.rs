//! What must hold for every strategy, checked through the ask/tell contract alone.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, prop_assert_ne, proptest};
use rstest::rstest;

use super::test_domain::TestDomain;
use super::{Domain, Options, SearchError, Strategy, StrategyKind, Trial, build, population};
use crate::outcome::Outcome;
use crate::space::Genotype;

const ARITY: [usize; 6] = [3, 4, 2, 3, 5, 4];

fn strategy<'a>(kind: StrategyKind, domain: &'a TestDomain, limit: f64, seed: u64) -> Box<dyn Strategy + 'a> {
    build(kind, domain, limit, seed, &Options::for_trials(40)).unwrap()
}

/// A made-up training run: dear networks are accurate, every fifth fails in some way.
fn outcome(trial: &Trial) -> Outcome {
    match trial.key % 10 {
        0 => Outcome::Failed { reason: "diverged".to_owned() },
        5 => Outcome::from_accuracy(f64::NAN),
        noise => Outcome::from_accuracy(1.0 - 1.0 / trial.cost + 0.001 * noise as f64),
    }
}

/// Runs generations of the strategy's own size.
fn run(strategy: &mut dyn Strategy, generations: usize) -> Vec<Trial> {
    let mut trials = Vec::new();
    for _ in 0..generations {
        let asked = strategy.ask(strategy.batch());
        for trial in &asked {
            strategy.tell(trial.index, outcome(trial)).unwrap();
        }
        trials.extend(asked);
    }
    trials
}

fn kinds() -> impl proptest::strategy::Strategy<Value = StrategyKind> {
    prop::sample::select(&StrategyKind::ALL[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn trials_are_feasible_distinct_and_canonical(
        kind in kinds(), seed in any::<u64>(), limit in 1.0..30.0_f64
    ) {
        let domain = TestDomain::new(&ARITY);
        let trials = run(&mut *strategy(kind, &domain, limit, seed), 8);
        let keys: BTreeSet<u64> = trials.iter().map(|trial| trial.key).collect();
        prop_assert_eq!(keys.len(), trials.len());
        prop_assert!(!trials.is_empty());
        for (index, trial) in trials.iter().enumerate() {
            prop_assert_eq!(trial.index, index);
            prop_assert!(trial.cost <= limit);
            prop_assert_eq!(trial.cost, domain.cost(&trial.genotype));
            prop_assert_eq!(trial.key, domain.key(&trial.genotype));
            prop_assert_eq!(&domain.canonical(&trial.genotype), &trial.genotype);
        }
    }

    #[test]
    fn replaying_results_repeats_the_search(kind in kinds(), seed in any::<u64>()) {
        let domain = TestDomain::new(&ARITY);
        let first = run(&mut *strategy(kind, &domain, 20.0, seed), 8);
        let again = run(&mut *strategy(kind, &domain, 20.0, seed), 8);
        prop_assert_eq!(&first, &again);
        let other = run(&mut *strategy(kind, &domain, 20.0, seed.wrapping_add(1)), 8);
        prop_assert_ne!(first, other);
    }

    #[test]
    fn the_order_of_results_within_a_generation_changes_nothing(
        kind in kinds(), seed in any::<u64>(), order in any::<u64>()
    ) {
        use rand::seq::SliceRandom;
        let domain = TestDomain::new(&ARITY);
        let expected = run(&mut *strategy(kind, &domain, 20.0, seed), 8);
        let mut strategy = strategy(kind, &domain, 20.0, seed);
        let mut trials = Vec::new();
        for generation in 0..8 {
            let asked = strategy.ask(strategy.batch());
            let mut finished = asked.clone();
            finished.shuffle(&mut crate::seed::rng(order, "completion", generation));
            for trial in &finished {
                strategy.tell(trial.index, outcome(trial)).unwrap();
            }
            trials.extend(asked);
        }
        prop_assert_eq!(trials, expected);
    }
}

#[rstest]
fn a_tiny_space_is_searched_to_its_end(
    #[values(StrategyKind::Random, StrategyKind::Evolution, StrategyKind::Nsga2)] kind: StrategyKind,
    #[values(f64::INFINITY, 5.0)] limit: f64,
) {
    let domain = TestDomain::new(&[2, 3, 1, 2]);
    let mut expected = BTreeSet::new();
    for a in 0..2 {
        for b in 0..3 {
            for c in 0..2 {
                let genotype = domain.canonical(&Genotype(vec![a, b, 0, c]));
                if domain.cost(&genotype) <= limit {
                    expected.insert(genotype);
                }
            }
        }
    }
    // With depth 0 the last decision is inert: 9 networks of 12 genotypes.
    assert!(limit.is_finite() || expected.len() == 9);
    let mut strategy = strategy(kind, &domain, limit, 3);
    let trials = run(&mut *strategy, 20);
    let found: BTreeSet<Genotype> = trials.iter().map(|t| t.genotype.clone()).collect();
    assert_eq!(trials.len(), expected.len());
    assert_eq!(found, expected);
    assert!(strategy.ask(1).is_empty());
}

#[rstest]
fn a_tight_corner_of_a_huge_space_is_searched_to_its_end(
    #[values(StrategyKind::Random, StrategyKind::Evolution, StrategyKind::Nsga2)] kind: StrategyKind,
) {
    let domain = TestDomain::new(&[4; 30]);
    let mut only = strategy(kind, &domain, 1.0, 4);
    assert_eq!(run(&mut *only, 3).len(), 1);
    // Up to 2.5: nothing, decision 0, 1 or 2 at its first choice.
    let mut few = strategy(kind, &domain, 2.5, 4);
    let trials = run(&mut *few, 8);
    let mut costs: Vec<f64> = trials.iter().map(|t| t.cost).collect();
    costs.sort_by(f64::total_cmp);
    assert_eq!(costs, [1.0, 2.0, 2.25, 2.5]);
}

#[rstest]
fn failures_do_not_stop_a_search(
    #[values(StrategyKind::Random, StrategyKind::Evolution, StrategyKind::Nsga2)] kind: StrategyKind,
) {
    let domain = TestDomain::new(&ARITY);
    let mut strategy = strategy(kind, &domain, 20.0, 5);
    for generation in 1..=5 {
        let asked = strategy.ask(strategy.batch());
        assert_eq!(asked.len(), strategy.batch(), "generation {generation}");
        for trial in asked {
            let accuracy = f64::NAN;
            strategy.tell(trial.index, Outcome::Scored { accuracy }).unwrap();
        }
    }
}

/// One network scores and all others fail, with numbers that would win if they were compared:
/// from then on every child descends from the one.
#[rstest]
fn failed_trials_are_never_parents(
    #[values(StrategyKind::Evolution, StrategyKind::Nsga2)] kind: StrategyKind,
) {
    let domain = TestDomain::new(&[4; 30]);
    let mut strategy = strategy(kind, &domain, f64::INFINITY, 6);
    let mut parent = None;
    let mut children = 0;
    for _ in 0..8 {
        for trial in strategy.ask(strategy.batch()) {
            let outcome = match parent.is_none() {
                true => Outcome::from_accuracy(0.1),
                false => Outcome::Scored { accuracy: f64::INFINITY },
            };
            strategy.tell(trial.index, outcome).unwrap();
            let parent: &Genotype = parent.get_or_insert(trial.genotype.clone());
            if trial.index >= population(40) {
                let changes = parent.0.iter().zip(&trial.genotype.0).filter(|(a, b)| a != b);
                // Two samples of 30 decisions with 4 choices differ in about 22 of them.
                assert!(changes.count() <= 10, "trial {} has another parent", trial.index);
                children += 1;
            }
        }
    }
    assert!(children >= 10);
}

#[rstest]
fn the_first_trials_spread_over_the_costs(
    #[values(StrategyKind::Evolution, StrategyKind::Nsga2)] kind: StrategyKind,
) {
    let domain = TestDomain::new(&[4; 24]);
    let mut strategy = strategy(kind, &domain, 100.0, 7);
    let spread = population(40) / 2;
    let mut slices: Vec<usize> =
        (strategy.ask(spread).iter()).map(|t| ((t.cost - 1.0) / 99.0 * spread as f64) as usize).collect();
    slices.sort_unstable();
    assert_eq!(slices, (0..spread).collect::<Vec<_>>());
}

#[test]
fn results_that_belong_to_no_trial_are_refused() {
    let domain = TestDomain::new(&ARITY);
    let mut strategy = strategy(StrategyKind::Nsga2, &domain, 20.0, 8);
    let scored = || Outcome::from_accuracy(0.5);
    let unknown = |index, asked| Err(SearchError::UnknownTrial { index, asked });
    assert_eq!(strategy.tell(0, scored()), unknown(0, 0));
    strategy.ask(2);
    assert_eq!(strategy.tell(1, scored()), Ok(()));
    assert_eq!(strategy.tell(1, scored()), Err(SearchError::AlreadyTold { index: 1 }));
    assert_eq!(strategy.tell(2, scored()), unknown(2, 2));
}
