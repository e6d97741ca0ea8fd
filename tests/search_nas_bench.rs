//! Do the strategies search? Checked on NAS-Bench-Macro, whose networks are all trained already.
//!
//! As when training for real, an evaluation is noisy: it returns the accuracy of one of three random
//! seeds. The chosen network is the one with the best score seen; it is judged by its true rank, by
//! mean accuracy, among all networks under the budget. The front it found is judged by its share of
//! the true front's hypervolume. The benchmark's multiply-adds (in millions) are the cost.

#![expect(clippy::unwrap_used, reason = "a broken table is a failed test")]

use std::collections::BTreeMap;

use mbn::outcome::Outcome;
use mbn::search::{Domain, Options, Point, StrategyKind, best, build, hypervolume, pareto_front};
use mbn::seed;
use mbn::space::Genotype;
use rand::Rng;

const TRIALS: usize = 100;
/// With 30 runs the medians are uncertain by a factor of two.
const RUNS: u64 = 300;
/// Number of layers of every stage.
const STAGES: [usize; 3] = [2, 3, 3];

struct Network {
    accuracies: [f64; 3],
    cost: f64,
}

impl Network {
    fn mean_accuracy(&self) -> f64 {
        self.accuracies.iter().sum::<f64>() / 3.0
    }

    fn truth(&self) -> Point {
        Point::new(self.mean_accuracy(), self.cost).unwrap()
    }
}

struct NasBenchMacro {
    networks: BTreeMap<Vec<u8>, Network>,
}

impl NasBenchMacro {
    fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/nas_bench_macro.csv");
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap();
        let networks = reader.deserialize().map(|row| {
            let (arch, seed0, seed1, seed2, flops): (String, f64, f64, f64, f64) = row.unwrap();
            let network = Network {
                accuracies: [seed0, seed1, seed2].map(|percent| percent / 100.0),
                cost: flops / 1e6,
            };
            (arch.bytes().map(|digit| digit - b'0').collect(), network)
        });
        Self { networks: networks.collect() }
    }

    fn network(&self, genotype: &Genotype) -> &Network {
        &self.networks[&self.canonical(genotype).0]
    }

    fn largest_cost(&self) -> f64 {
        self.networks.values().map(|n| n.cost).fold(0.0, f64::max)
    }

    /// 1 for the network with the best mean accuracy under the budget.
    fn true_rank(&self, genotype: &Genotype, budget: f64) -> usize {
        let own = self.network(genotype).mean_accuracy();
        let feasible = self.networks.values().filter(|n| n.cost <= budget);
        1 + feasible.filter(|n| n.mean_accuracy() > own).count()
    }

    /// Area that networks dominate by their mean accuracies, above 85 % and under the budget.
    fn hypervolume<'a>(&self, networks: impl Iterator<Item = &'a Network>, budget: f64) -> f64 {
        let points: Vec<Point> = networks.map(Network::truth).collect();
        let reference = Point::new(0.85, budget.min(self.largest_cost())).unwrap();
        hypervolume(&points, reference)
    }

    fn search(&self, kind: StrategyKind, budget: f64, run: u64) -> Found {
        let options = Options::for_trials(TRIALS);
        let mut strategy = build(kind, self, budget, run, &options).unwrap();
        let mut tried = Vec::new();
        let mut points = Vec::new();
        while tried.len() < TRIALS {
            let asked = strategy.ask(strategy.batch().min(TRIALS - tried.len()));
            assert!(!asked.is_empty(), "the space is larger than the search");
            for trial in asked {
                assert!(trial.cost <= budget);
                let mut noise = seed::rng(run, "noise", trial.index as u64);
                let accuracy = self.network(&trial.genotype).accuracies[noise.random_range(0..3)];
                let outcome = Outcome::from_accuracy(accuracy);
                strategy.tell(trial.index, outcome).unwrap();
                points.push(Point::new(accuracy, trial.cost).unwrap());
                tried.push(trial.genotype);
            }
        }
        let front = pareto_front(&points).into_iter();
        let front = front.map(|position| self.network(&tried[position]));
        Found {
            rank: self.true_rank(&tried[best(&points).unwrap()], budget) as f64,
            hypervolume: self.hypervolume(front, budget),
        }
    }

    /// Median rank and median share of the true front's hypervolume.
    fn medians(&self, kind: StrategyKind, budget: f64) -> Found {
        let found: Vec<Found> = (0..RUNS).map(|run| self.search(kind, budget, run)).collect();
        let whole = self.hypervolume(self.networks.values(), budget);
        Found {
            rank: median(found.iter().map(|f| f.rank)),
            hypervolume: median(found.iter().map(|f| f.hypervolume)) / whole,
        }
    }
}

/// The true rank of a search's choice and the true hypervolume of its front.
struct Found {
    rank: f64,
    hypervolume: f64,
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    (values[middle - 1] + values[middle]) / 2.0
}

impl Domain for NasBenchMacro {
    fn arity(&self) -> &[usize] {
        &[3; 8]
    }

    /// Identities after a stage's first layer commute: they go to the end of the stage.
    fn canonical(&self, genotype: &Genotype) -> Genotype {
        let mut canonical = genotype.clone();
        let mut rest = canonical.0.as_mut_slice();
        for layers in STAGES {
            let (stage, after) = rest.split_at_mut(layers);
            stage[1..].sort_by_key(|&choice| choice == 0);
            rest = after;
        }
        canonical
    }

    fn key(&self, genotype: &Genotype) -> u64 {
        let canonical = self.canonical(genotype);
        (canonical.0.iter()).fold(0, |key, &choice| key * 3 + u64::from(choice))
    }

    fn cost(&self, genotype: &Genotype) -> f64 {
        self.network(genotype).cost
    }

    fn is_admitted(&self, _: &Genotype) -> bool {
        true
    }

    fn cheapest(&self) -> Genotype {
        Genotype(vec![0; 8])
    }
}

#[test]
fn the_table_holds_every_distinct_network() {
    let table = NasBenchMacro::load();
    assert_eq!(table.networks.len(), 3969);
    for architecture in table.networks.keys() {
        let genotype = Genotype(architecture.clone());
        assert_eq!(table.canonical(&genotype), genotype);
    }
}

/// Published medians of the rank after 100 noisy evaluations without a budget: random search 80,
/// regularised evolution 6.
#[test]
fn guided_search_beats_random_search() {
    let table = NasBenchMacro::load();
    for (label, budget) in
        [("no budget", f64::INFINITY), ("60 % of the multiply-adds", 0.6 * table.largest_cost())]
    {
        let medians = StrategyKind::ALL.map(|kind| table.medians(kind, budget));
        for (kind, found) in StrategyKind::ALL.iter().zip(&medians) {
            let percent = 100.0 * found.hypervolume;
            println!("{label}: {kind:9} rank {:4}, front {percent:.1} %", found.rank);
        }
        let [random, evolution, nsga2] = medians;
        assert!(evolution.rank < random.rank, "{label}");
        assert!(nsga2.rank < random.rank, "{label}");
        assert!(nsga2.hypervolume > random.hypervolume, "{label}");
        assert!(nsga2.hypervolume > evolution.hypervolume, "{label}");
    }
}
