//! What an adaptation came to, for people and programs.

use serde::Serialize;

use super::gains::NetworkResult;
use super::record::{IterationRecord, ProposalState, SeedRecord};
use super::view::NetadaptView;
use crate::cost::{Budget, Resource};
use crate::latency::{AT_MOST, Bounds};
use crate::netadapt::{NetworkProblem, Phase};
use crate::report::{Align, Table};
use crate::run::one_or_many;

/// Iterations whose slope tells what the next step would cost.
const LAST_ITERATIONS: usize = 5;

/// What became of a group.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct GroupChange {
    /// Its name.
    pub group: String,
    /// Channels of the seed.
    pub from: u32,
    /// Channels of the result.
    pub to: u32,
    /// Cost saved by the iterations that narrowed it.
    pub saved: f64,
    /// Change of accuracy on held-out images in these iterations, in percentage points, against the unchanged network
    /// trained as much where that was measured. Of many proposals the best was taken: it is higher than deserved.
    pub points: f64,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Summary {
    /// What is limited.
    pub resource: Resource,
    /// The most that the result may cost.
    #[serde(serialize_with = "one_or_many::serialize")]
    #[schemars(with = "serde_json::Value")]
    pub budget: Vec<Budget>,
    /// What is known of the error of costs.
    pub bounds: Bounds,
    /// Cost of the seed.
    pub seed_cost: f64,
    /// Cost of the result.
    pub cost: f64,
    /// Held-out accuracy of the seed.
    pub seed_accuracy: f64,
    /// Held-out accuracy of the result before its final training.
    pub accuracy: f64,
    /// Iterations.
    pub iterations: usize,
    /// Proposals trained, and those that were out of the race early.
    pub proposals: usize,
    /// See `proposals`.
    pub lost: usize,
    /// Percentage points of held-out accuracy that one more unit of cost would take away at the slope of the last
    /// iterations; none where they lost nothing that can be told.
    pub next_unit_points: Option<f64>,
    /// Percentage points of held-out accuracy that a unit of cost took away over all iterations.
    pub unit_points: f64,
    /// All groups, in network order.
    pub groups: Vec<GroupChange>,
    /// The seed where it was tested, then the result and what it is compared with.
    pub results: Vec<NetworkResult>,
}

impl Summary {
    pub(super) fn new(state: &NetadaptView, problem: &NetworkProblem<'_>) -> Self {
        let NetadaptView { options, start: seed, iterations, widths, results, .. } = state;
        let resource = problem.resource();
        let path = path(seed, iterations, widths);
        let mut groups: Vec<GroupChange> = seed
            .groups
            .iter()
            .zip(seed.widths.iter().zip(widths))
            .map(|(group, (&from, &to))| GroupChange {
                group: group.clone(),
                from,
                to,
                saved: 0.0,
                points: 0.0,
            })
            .collect();
        for stage in &path {
            let changed = groups.iter_mut().find(|change| Some(&change.group) == stage.group.as_ref());
            if let Some(change) = changed {
                change.saved += stage.saved;
                change.points += 100.0 * stage.gained;
            }
        }
        let all = || iterations.iter().flat_map(|iteration| &iteration.proposals);
        let end = path.last();
        let (cost, accuracy) = end.map_or((seed.cost, seed.accuracy), |end| (end.cost, end.accuracy));
        let saved = (seed.cost - cost) / resource.unit();
        Self {
            resource,
            budget: options.budget.clone(),
            bounds: problem.bounds(),
            seed_cost: seed.cost,
            cost,
            seed_accuracy: seed.accuracy,
            accuracy,
            unit_points: if saved > 0.0 { 100.0 * (seed.accuracy - accuracy) / saved } else { 0.0 },
            iterations: iterations.len(),
            proposals: all().filter(|p| p.state != ProposalState::Pacer).count(),
            lost: all().filter(|p| p.state == ProposalState::Lost).count(),
            next_unit_points: next_unit(&path, resource),
            groups,
            results: results.clone(),
        }
    }

    /// Tables and sentences.
    pub fn text(&self) -> String {
        let resource = self.resource;
        let mut text = format!(
            "{} -> {} (budget {}{}) in {} iterations, {} proposals, {} of them out early\n\n",
            self.show(self.seed_cost),
            self.show(self.cost),
            self.budgets_text(),
            self.budget.first().map_or_else(String::new, |budget| self.bounds.beside_budget(budget.amount)),
            self.iterations,
            self.proposals,
            self.lost
        );
        text += &self.groups_table();
        text += "\n";
        let unit = resource.unit_name();
        text += &match self.next_unit_points {
            Some(points) => format!(
                "one more {unit} would cost about {points:.2} points of held-out accuracy, at the slope of the last iterations\n"
            ),
            None if self.unit_points > 0.0 => format!(
                "the last iterations lost no accuracy that can be told: what one more {unit} would cost is open; over all iterations one cost {:.2} points\n",
                self.unit_points
            ),
            None => {
                format!("no accuracy was lost that can be told: what one more {unit} would cost is open\n")
            }
        };
        text + "\n" + &self.results_table() + &self.verdict()
    }

    fn groups_table(&self) -> String {
        let mut table = Table::new([
            ("layers", Align::Left),
            ("channels", Align::Right),
            ("kept", Align::Number),
            ("saved", Align::Number),
            ("held-out accuracy", Align::Number),
        ]);
        for change in self.groups.iter().filter(|change| change.from != change.to || change.saved != 0.0) {
            table.row([
                change.group.clone(),
                format!("{} -> {}", change.from, change.to),
                format!("{:.0} %", 100.0 * f64::from(change.to) / f64::from(change.from)),
                self.show(change.saved),
                format!("{:+.2} points", change.points),
            ]);
        }
        let unchanged = self.groups.iter().filter(|change| change.from == change.to).count();
        format!("{table}{unchanged} of {} groups stay as they are\n", self.groups.len())
    }

    fn results_table(&self) -> String {
        let bounded = self.bounds.interval().map(|_| (AT_MOST, Align::Number));
        let before = [("trained to the end", Align::Left), (self.resource.short_name(), Align::Number)];
        let behind = [
            ("test", Align::Number),
            ("95 % interval", Align::Number),
            ("gain of NetAdapt over it", Align::Left),
        ];
        let each = self.results.first().map(|result| &result.costs).into_iter().flatten();
        let each = each.map(|(column, _)| (column.as_str(), Align::Number));
        let mut table = Table::new(before.into_iter().chain(bounded).chain(each).chain(behind));
        for result in &self.results {
            let (low, high) = result.interval();
            let gain = result.gain.map_or_else(String::new, |gain| {
                format!("{:+.2} ± {:.2} points: {}", gain.points, gain.half_interval, gain.verdict())
            });
            let costs = [Some(result.cost), result.cost_upper].into_iter().flatten();
            let each = result.costs.iter().map(|(column, &cost)| shown_in(column, cost));
            let behind = [
                format!("{:.2} %", 100.0 * result.accuracy()),
                format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high),
                gain,
            ];
            let costs = costs.map(|cost| self.show(cost)).chain(each);
            table.row([result.name.clone()].into_iter().chain(costs).chain(behind));
        }
        format!("{table}{}", self.bounds.legend())
    }

    /// The budgets as given.
    pub(super) fn budgets_text(&self) -> String {
        self.budget.iter().map(Budget::to_string).collect::<Vec<_>>().join(" and ")
    }

    /// An amount with as many decimals as the largest has.
    fn show(&self, amount: f64) -> String {
        self.resource.show_beside(amount, self.seed_cost)
    }

    fn verdict(&self) -> String {
        let gains: Vec<_> = self.results.iter().filter_map(|r| Some((r.name.as_str(), r.gain?))).collect();
        let Some((name, least)) = gains.iter().min_by(|a, b| a.1.points.total_cmp(&b.1.points)) else {
            return String::new();
        };
        if gains.iter().all(|(_, gain)| gain.is_gain()) {
            format!("gain over every control; the least is {:+.2} points over {name}\n", least.points)
        } else {
            format!(
                "no gain over every control: {:+.2} ± {:.2} points over {name}\n",
                least.points, least.half_interval
            )
        }
    }
}

/// An amount of a column.
fn shown_in(column: &str, amount: f64) -> String {
    Resource::of_column(column).map_or_else(|| amount.to_string(), |resource| resource.show(amount))
}

/// A network on the way from the seed to the result.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    pub(super) group: Option<String>,
    pub(super) cost: f64,
    pub(super) accuracy: f64,
    pub(super) phase: Option<Phase>,
    /// Cost that this step saved, and accuracy that it gained.
    saved: f64,
    gained: f64,
    key: u64,
    parent: Option<u64>,
}

/// The way from the seed to the network of these widths, which was told last among equals.
pub(super) fn path(seed: &SeedRecord, iterations: &[IterationRecord], widths: &[u32]) -> Vec<Stage> {
    let start = Stage {
        group: None,
        cost: seed.cost,
        accuracy: seed.accuracy,
        phase: None,
        saved: 0.0,
        gained: 0.0,
        key: 0,
        parent: None,
    };
    let mut known = vec![(seed.widths.as_slice(), start)];
    let mut key = 0;
    for iteration in iterations {
        let pacer = iteration.proposals.iter().find(|proposal| proposal.state == ProposalState::Pacer);
        let paced = pacer.and_then(|pacer| pacer.accuracy);
        for proposal in &iteration.proposals {
            key += 1;
            if !proposal.chosen {
                continue;
            }
            let accuracy = proposal.accuracy.unwrap_or(0.0);
            let parent = known.iter().find(|(_, stage)| stage.key == proposal.parent).map(|(_, stage)| stage);
            let (cost_before, accuracy_before) =
                parent.map_or((proposal.cost, accuracy), |parent| (parent.cost, parent.accuracy));
            let stage = Stage {
                group: proposal.group.clone(),
                cost: proposal.cost,
                accuracy,
                phase: Some(iteration.phase),
                saved: cost_before - proposal.cost,
                gained: accuracy - paced.unwrap_or(accuracy_before),
                key,
                parent: Some(proposal.parent),
            };
            known.push((&proposal.widths, stage));
        }
    }
    let mut way = Vec::new();
    let mut next = known.iter().rev().find(|(of, _)| *of == widths).map(|(_, stage)| stage);
    while let Some(stage) = next {
        way.push(stage.clone());
        next = known.iter().find(|(_, other)| Some(other.key) == stage.parent).map(|(_, stage)| stage);
    }
    way.reverse();
    way
}

/// Percentage points lost per unit of cost over the last iterations that narrowed.
fn next_unit(path: &[Stage], resource: Resource) -> Option<f64> {
    let last = || path.iter().rev().filter(|stage| stage.phase == Some(Phase::Narrow)).take(LAST_ITERATIONS);
    let lost: f64 = last().map(|stage| -100.0 * stage.gained).sum();
    let saved: f64 = last().map(|stage| stage.saved / resource.unit()).sum();
    (saved > 0.0 && lost > 0.0).then(|| lost / saved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::netadapt::record::ProposalRecord;
    use crate::spec;

    fn proposal(parent: u64, to: Option<u32>, cost: f64, accuracy: f64) -> ProposalRecord {
        ProposalRecord {
            parent,
            group: to.map(|_| "g".to_owned()),
            from: to.map(|_| 32),
            to,
            widths: to.into_iter().collect(),
            arch_id: spec::load("mobilenet_v1").expect("shipped").arch_id(),
            cost,
            accuracy: Some(accuracy),
            images: 10,
            steps: 1,
            chosen: false,
            state: ProposalState::Scored,
        }
    }

    fn iteration(iteration: u32, proposals: Vec<ProposalRecord>) -> IterationRecord {
        IterationRecord { iteration, phase: Phase::Narrow, target: 0.0, trained_images: 0, proposals }
    }

    #[test]
    fn the_way_goes_through_parents_and_changes_are_measured_against_the_pacer() {
        let seed = SeedRecord {
            arch_id: spec::load("mobilenet_v1").expect("shipped").arch_id(),
            cost: 10.0,
            accuracy: 0.9,
            images: 10,
            groups: vec!["g".into()],
            widths: vec![32],
        };
        let pacer = |parent, accuracy| ProposalRecord {
            state: ProposalState::Pacer,
            ..proposal(parent, None, 10.0, accuracy)
        };
        let chosen = |p: ProposalRecord| ProposalRecord { chosen: true, ..p };
        let lost = proposal(0, Some(16), 7.0, 0.5);
        let iterations = [
            iteration(1, vec![pacer(0, 0.88), lost, chosen(proposal(0, Some(24), 9.0, 0.87))]),
            iteration(2, vec![pacer(3, 0.86), chosen(proposal(3, Some(8), 6.0, 0.83))]),
        ];
        let way = path(&seed, &iterations, &[8]);
        let costs: Vec<f64> = way.iter().map(|stage| stage.cost).collect();
        assert_eq!(costs, [10.0, 9.0, 6.0]);
        let saved: Vec<f64> = way.iter().map(|stage| stage.saved).collect();
        assert_eq!(saved, [0.0, 1.0, 3.0]);
        assert!((way[1].gained + 0.01).abs() < 1e-12 && (way[2].gained + 0.03).abs() < 1e-12);
        // 4 points for 4 units of cost.
        let next = next_unit(&way, Resource::Latency).expect("accuracy was lost");
        assert!((next - 1.0).abs() < 1e-9, "{next}");
    }
}
