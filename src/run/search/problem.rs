//! A search space under budgets, as strategies see it; whether they can be met is known before anything is trained.
//!
//! Each budget alone is decided exactly: [`SearchSpace::cheapest`] finds the smallest cost. Several together:
//! - a budget of a peak excludes every block that exceeds it, which is exact beside any other budget;
//! - for those that add up, a weighted sum of costs in units of their limits is minimised exactly. A minimum above the
//!   weights' sum proves that no network meets all of them; else the weight of what is exceeded grows, and so on. That
//!   finds a network, or a proof, but where the space has only few networks near the limits;
//! - there, single choices of the best networks so far are changed while that brings them closer.

use std::collections::HashMap;

use super::error::SearchRunError;
use crate::cost::{BudgetError, Meter};
use crate::graph::{LayerGraph, Shape, Surroundings};
use crate::latency::{MissingRows, Prediction};
use crate::search::Domain;
use crate::space::{Genotype, SearchSpace, Step};
use crate::spec::NetworkSpec;

/// Weighted sums that are tried for several budgets, and how fast their weights follow what is exceeded: each changes
/// by less than a factor of `e^2` at a time, and has settled long before the last.
const WEIGHTINGS: usize = 100;
const WEIGHT_RATE: f64 = 2.0;
/// What a sum of rounded costs may miss.
const ROUNDING: f64 = 1e-9;

const REMEDY: &str = "raise the budget, or widen the space";
const REMEDY_OF_BOUNDS: &str = "raise the budget, ask for less confidence, or widen the space";
const REMEDY_OF_SEVERAL: &str = "raise one of them, or widen the space";
const NETWORKS: &str = "network of this space";

/// A space whose every network has a cost in every resource that counts.
#[derive(Debug)]
pub struct CostProblem<'a> {
    space: &'a SearchSpace,
    meters: &'a [Meter<'a>],
    cheapest: Genotype,
}

impl<'a> CostProblem<'a> {
    /// Checks that the tables cover the space and that the budgets can be met, and finds the network of the smallest
    /// cost by the first meter that meets them: the smallest of all but where several budgets that add up hold it up.
    ///
    /// # Errors
    /// The rows that some network of the space needs and a table cannot give; budgets that can't be met.
    pub fn new(space: &'a SearchSpace, meters: &'a [Meter<'a>]) -> Result<Self, SearchRunError> {
        let prices = Prices::new(space, meters)?;
        let problem = Self { space, meters, cheapest: prices.cheapest[0].clone() };
        for (meter, cheapest) in meters.iter().zip(&prices.cheapest) {
            let smallest = problem.cost_by(meter, cheapest);
            if smallest > meter.limit() {
                let held = meter.limit() < meter.budget().map_or(0.0, |budget| budget.amount);
                let remedy = if held { REMEDY_OF_BOUNDS } else { REMEDY };
                return Err(meter.unreachable(NETWORKS, smallest, remedy).into());
            }
        }
        let limited: Vec<usize> = (0..meters.len()).filter(|&at| meters[at].budget().is_some()).collect();
        let cheapest = problem.start(&prices, &limited)?;
        Ok(Self { cheapest, ..problem })
    }

    /// The network of a genotype.
    pub fn decode(&self, genotype: &Genotype) -> NetworkSpec {
        self.space.decode(genotype)
    }

    /// Predicted latency of a network of this space by the first table; none without one.
    ///
    /// # Errors
    /// Never for a network of the space.
    pub fn predict(&self, spec: &NetworkSpec) -> Result<Option<Prediction>, MissingRows> {
        let table = self.meters.iter().find_map(Meter::table);
        table.map(|table| table.predict(&LayerGraph::lower(spec))).transpose()
    }

    /// The smallest cost by the first meter.
    pub fn smallest_cost(&self) -> f64 {
        self.cost(&self.cheapest)
    }

    fn cost_by(&self, meter: &Meter<'_>, genotype: &Genotype) -> f64 {
        // A network without a prediction meets no budget.
        meter.cost(&LayerGraph::lower(&self.decode(genotype))).unwrap_or(f64::INFINITY)
    }

    /// How far a network is above the limits of these meters, as shares of them; zero if it meets them.
    fn excess(&self, which: &[usize], genotype: &Genotype) -> f64 {
        let graph = LayerGraph::lower(&self.decode(genotype));
        let of = |&at: &usize| {
            let (cost, limit) =
                (self.meters[at].cost(&graph).unwrap_or(f64::INFINITY), self.meters[at].limit());
            if cost <= limit { 0.0 } else { (cost / limit - 1.0).max(f64::EPSILON) }
        };
        which.iter().map(of).sum()
    }

    /// A network that meets all budgets, the cheapest by the first meter that is found.
    fn start(&self, prices: &Prices<'_>, limited: &[usize]) -> Result<Genotype, SearchRunError> {
        if self.excess(limited, &self.cheapest) == 0.0 {
            return Ok(self.cheapest.clone());
        }
        let (cost, within_peaks) = prices.weighted(&[(0, 1.0)], limited);
        if cost.is_finite() && self.excess(limited, &within_peaks) == 0.0 {
            return Ok(within_peaks);
        }
        match self.common(prices, limited) {
            Ok(genotype) => Ok(self.descend(genotype, |next| {
                if self.excess(limited, next) == 0.0 { self.cost(next) } else { f64::INFINITY }
            })),
            Err((is_proven, closest)) => {
                let (which, is_proven, closest) = self.excluding(prices, limited, is_proven, closest);
                let graph = LayerGraph::lower(&self.decode(&closest));
                let meters: Vec<&Meter<'_>> = which.iter().map(|&at| &self.meters[at]).collect();
                let costs: Result<Vec<f64>, MissingRows> =
                    meters.iter().map(|meter| meter.cost(&graph)).collect();
                let error = BudgetError::together(&meters, &costs?, NETWORKS, is_proven, REMEDY_OF_SEVERAL);
                Err(error.into())
            }
        }
    }

    /// The fewest budgets that exclude each other, two if two do; with whether that is proven, and the closest network.
    fn excluding(
        &self,
        prices: &Prices<'_>,
        limited: &[usize],
        is_proven: bool,
        closest: Genotype,
    ) -> (Vec<usize>, bool, Genotype) {
        let mut unproven = None;
        for (at, &first) in limited.iter().enumerate() {
            for &second in &limited[at + 1..] {
                match self.common(prices, &[first, second]) {
                    Ok(_) => {}
                    Err((true, closest)) => return (vec![first, second], true, closest),
                    Err((false, closest)) => unproven = Some((vec![first, second], false, closest)),
                }
            }
        }
        let mut found = (limited.to_vec(), is_proven, closest);
        if let (false, Some(pair)) = (is_proven, unproven) {
            return pair;
        }
        // Those without which the others still exclude each other are left out.
        for &candidate in limited {
            let fewer: Vec<usize> = found.0.iter().copied().filter(|&at| at != candidate).collect();
            if let (true, Err((true, closest))) = (fewer.len() > 1, self.common(prices, &fewer)) {
                found = (fewer, true, closest);
            }
        }
        found
    }

    /// A network within the limits of these meters, or whether it is proven that there is none, and the closest that
    /// was found.
    fn common(&self, prices: &Prices<'_>, which: &[usize]) -> Result<Genotype, (bool, Genotype)> {
        let adding: Vec<usize> = which.iter().copied().filter(|&at| !self.meters[at].is_peak()).collect();
        let closest_of = |genotypes: Vec<Genotype>| {
            let descended = genotypes.into_iter().map(|genotype| {
                let near = self.descend(genotype, |next| self.excess(which, next));
                (self.excess(which, &near), near)
            });
            let closest = descended.min_by(|a, b| a.0.total_cmp(&b.0));
            closest.expect("there is one network at least")
        };
        let alone: Vec<Genotype> = which.iter().map(|&at| prices.cheapest[at].clone()).collect();
        // Weighted sums are those of blocks; what every network takes beside them is off the limits.
        let limit = |&at: &usize| self.meters[at].limit() - self.meters[at].beside_blocks();
        let limits: Vec<f64> = adding.iter().map(limit).collect();
        let mut weights = vec![1.0 / adding.len().max(1) as f64; adding.len()];
        let mut tried = alone.clone();
        for _ in 0..WEIGHTINGS {
            let priced: Vec<(usize, f64)> = adding
                .iter()
                .zip(weights.iter().zip(&limits))
                .map(|(&at, (w, limit))| (at, w / limit))
                .collect();
            let (sum, genotype) = prices.weighted(&priced, which);
            let is_impossible = sum.is_infinite() || (!adding.is_empty() && sum > 1.0 + ROUNDING);
            if is_impossible {
                let (_, closest) = closest_of(alone);
                return Err((true, closest));
            }
            if self.excess(which, &genotype) == 0.0 {
                return Ok(genotype);
            }
            for (weight, (&at, limit)) in weights.iter_mut().zip(adding.iter().zip(&limits)) {
                let share =
                    (self.cost_by(&self.meters[at], &genotype) - self.meters[at].beside_blocks()) / limit;
                *weight *= (WEIGHT_RATE * (share - 1.0).clamp(-1.0, 1.0)).exp();
            }
            let sum: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= sum);
            if !tried.contains(&genotype) {
                tried.push(genotype);
            }
        }
        tried.sort_by(|a, b| self.excess(which, a).total_cmp(&self.excess(which, b)));
        tried.truncate(4);
        let (excess, closest) = closest_of(tried);
        if excess == 0.0 { Ok(closest) } else { Err((false, closest)) }
    }

    /// Changes single choices while that lowers the value, which may be infinite but not at the start.
    fn descend(&self, mut genotype: Genotype, value: impl Fn(&Genotype) -> f64) -> Genotype {
        let mut lowest = value(&genotype);
        loop {
            let before = lowest;
            for (decision, &choices) in self.space.arity().iter().enumerate() {
                for choice in 0..choices {
                    let mut next = genotype.clone();
                    next.0[decision] = choice as u8;
                    let lower = if next == genotype { lowest } else { value(&next) };
                    if lower < lowest {
                        (lowest, genotype) = (lower, next);
                    }
                }
            }
            if lowest == 0.0 || lowest >= before {
                return genotype;
            }
        }
    }
}

impl Domain for CostProblem<'_> {
    fn arity(&self) -> &[usize] {
        self.space.arity()
    }

    fn canonical(&self, genotype: &Genotype) -> Genotype {
        self.space.canonical(genotype)
    }

    fn key(&self, genotype: &Genotype) -> u64 {
        self.space.decode(genotype).arch_id().as_u64()
    }

    fn cost(&self, genotype: &Genotype) -> f64 {
        self.cost_by(&self.meters[0], genotype)
    }

    fn is_admitted(&self, genotype: &Genotype) -> bool {
        self.meters[1..]
            .iter()
            .filter(|meter| meter.budget().is_some())
            .all(|meter| self.cost_by(meter, genotype) <= meter.limit())
    }

    fn cheapest(&self) -> Genotype {
        self.cheapest.clone()
    }
}

/// What the blocks of a space cost by each meter, and the cheapest networks.
#[derive(Debug)]
struct Prices<'a> {
    space: &'a SearchSpace,
    meters: &'a [Meter<'a>],
    of_step: HashMap<Step, Vec<f64>>,
    /// By meter: the network of the smallest cost.
    cheapest: Vec<Genotype>,
}

impl<'a> Prices<'a> {
    fn new(space: &'a SearchSpace, meters: &'a [Meter<'a>]) -> Result<Self, MissingRows> {
        let mut prices = Self { space, meters, of_step: HashMap::new(), cheapest: Vec::new() };
        let mut missing: Option<MissingRows> = None;
        for (at, meter) in meters.iter().enumerate() {
            let of_step = &mut prices.of_step;
            let (_, cheapest) = space.cheapest(meter.join(), &mut |step| {
                let known = of_step.entry(step).or_default();
                if known.len() <= at {
                    let price = meter.cost_of_block(&lowered(space, step)).unwrap_or_else(|more| {
                        match &mut missing {
                            Some(known) => known.units.extend(more.units),
                            none => *none = Some(more),
                        }
                        0.0
                    });
                    known.push(price);
                }
                known[at]
            });
            if let Some(mut missing) = missing.take() {
                missing.units.sort();
                missing.units.dedup();
                return Err(missing);
            }
            prices.cheapest.push(cheapest);
        }
        Ok(prices)
    }

    /// The network of the smallest weighted sum, or of the smallest peak where nothing is weighted, without the blocks
    /// that exceed one of these limits on their own.
    fn weighted(&self, weights: &[(usize, f64)], limits: &[usize]) -> (f64, Genotype) {
        let peaks: Vec<usize> = limits.iter().copied().filter(|&at| self.meters[at].is_peak()).collect();
        let join = match weights {
            [] => f64::max,
            [(only, _)] => self.meters[*only].join(),
            _ => |a, b| a + b,
        };
        self.space.cheapest(join, &mut |step| {
            let price = self.of_step.get(&step).expect("every walk through a space visits the same steps");
            if peaks.iter().any(|&at| price[at] > self.meters[at].limit()) {
                return f64::INFINITY;
            }
            weights.iter().map(|&(at, weight)| weight * price[at]).sum()
        })
    }
}

/// The operators of a step.
fn lowered(space: &SearchSpace, step: Step) -> LayerGraph {
    let (padding, batch_norm) = space.conventions();
    let input = Shape { height: step.side, width: step.side, channels: step.channels };
    let around = Surroundings { input, classes: space.classes(), padding, batch_norm };
    LayerGraph::lower_block(step.block.as_ref(), around)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Budget, Resource};
    use crate::latency::LatencyTable;
    use crate::seed;
    use rand::Rng;

    const START: &str = r#"name = "small"
resolution = [32]
input_channels = 1
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
[stem]
kernel = [3]
stride = 1
width = [8]
activation = ["relu"]
"#;

    /// Three stages of one block, each with six choices: 216 networks.
    fn space() -> SearchSpace {
        let stage = |stride| {
            format!(
                "[[stage]]\nblock = \"ir\"\nstride = {stride}\ndepth = [1]\nwidth = [8, 16]\nkernel = [3, 5, 7]\n\
                 expansion = [1]\nactivation = [\"relu\"]\n"
            )
        };
        let text = [START, &stage(1), &stage(2), &stage(2), "[[head]]\nblock = \"pool\"\n"].concat();
        SearchSpace::from_toml("small.toml", &text).expect("valid")
    }

    /// A made-up device on which every block takes a random time.
    fn table(name: &str, rng: &mut impl Rng) -> LatencyTable {
        let mut text = "# device: d\n# threads: 1\n# precision: float32\n# batch: 1\n# resolution: 32\n\
            op,in_h,in_w,c_in,c_out,kernel,stride,expanded,squeeze,activation,latency_ms\n\
            conv,32,32,1,8,3,1,,,relu,1\n"
            .to_owned();
        for (side, stride) in [(32, 1), (32, 2), (16, 2)] {
            for (c_in, c_out) in [(8, 8), (8, 16), (16, 8), (16, 16)] {
                for kernel in [3, 5, 7] {
                    let ms = rng.random_range(1.0..10.0);
                    text += &format!(
                        "inverted_residual,{side},{side},{c_in},{c_out},{kernel},{stride},{c_in},0,relu,{ms}\n"
                    );
                }
            }
        }
        for c in [8, 16] {
            text += &format!("pool,8,8,{c},{c},,,,,,1\nclassifier,1,1,{c},4,,,,,,1\n");
        }
        LatencyTable::parse(name, &text).expect("a table")
    }

    fn every_genotype(space: &SearchSpace) -> Vec<Genotype> {
        let longer = |all: Vec<Vec<u8>>, &arity: &usize| {
            let with =
                |g: &Vec<u8>| (0..arity as u8).map(|c| [g.as_slice(), &[c]].concat()).collect::<Vec<_>>();
            all.iter().flat_map(with).collect()
        };
        space.arity().iter().fold(vec![Vec::new()], longer).into_iter().map(Genotype).collect()
    }

    /// Two unrelated latencies and a peak: some budgets can be met together, others exclude each other.
    #[test]
    fn several_budgets_are_decided_as_by_exhaustive_search() {
        let space = space();
        let all = every_genotype(&space);
        let mut rng = seed::rng(5, "problem", 0);
        let (mut met, mut proven, mut open) = (0, 0, 0);
        for _ in 0..60 {
            let tables = [table("a.csv", &mut rng), table("b.csv", &mut rng)];
            let meters = [
                Meter::latency(&tables[0]),
                Meter::latency(&tables[1]),
                Meter::counting(Resource::PeakMemoryInt8),
            ];
            let costs: Vec<Vec<f64>> = all
                .iter()
                .map(|genotype| {
                    let graph = LayerGraph::lower(&space.decode(genotype));
                    meters.iter().map(|meter| meter.cost(&graph).expect("rows")).collect()
                })
                .collect();
            let budget = |(at, meter): (usize, &Meter<'_>)| {
                let mut sorted: Vec<f64> = costs.iter().map(|costs| costs[at]).collect();
                sorted.sort_by(f64::total_cmp);
                let amount = sorted[rng.random_range(0..all.len() / 6)];
                Budget { resource: meter.resource(), amount, table: meter.table().map(|t| t.name.clone()) }
            };
            let budgets: Vec<Budget> = meters.iter().enumerate().map(budget).collect();
            let meters = Meter::of_budgets(&budgets, &tables, &[], None, false).expect("in order");
            let is_within = |costs: &&Vec<f64>| costs.iter().zip(&budgets).all(|(cost, b)| *cost <= b.amount);
            let cheapest = costs.iter().filter(is_within).map(|costs| costs[0]).fold(f64::INFINITY, f64::min);
            match CostProblem::new(&space, &meters) {
                Ok(problem) => {
                    met += 1;
                    let start = problem.cheapest();
                    assert!(problem.is_admitted(&start) && problem.cost(&start) <= meters[0].limit());
                    assert!(problem.cost(&start) >= cheapest);
                }
                Err(error) if error.to_string().contains("exclude each other") => {
                    proven += 1;
                    assert!(cheapest.is_infinite(), "{error}: {budgets:?}");
                }
                Err(error) => {
                    open += 1;
                    assert!(error.to_string().contains("not proven"), "{error}");
                }
            }
        }
        assert!(met >= 5 && proven >= 5, "{met} met, {proven} proven impossible, {open} open");
        assert!(open < 20, "{met} met, {proven} proven impossible, {open} open");
    }
}
