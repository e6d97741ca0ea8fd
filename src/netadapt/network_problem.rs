//! The widths of a network as a problem.

use super::problem::{Group, Problem, cheapest_from};
use crate::cost::{Meter, Resource, overload};
use crate::graph::{ChannelGroup, ChannelGroups, GroupId, LayerGraph};
use crate::latency::{Bounds, MissingRows};
use crate::spec::{CHANNEL_DIVISOR, NetworkSpec, make_divisible, squeeze_width};

/// A network that can be narrowed.
///
/// It has two forms with the same blocks: the one whose cost counts, and the one that is trained on the images at
/// hand. The groups are those of the trained form, which may share more widths: where a stride of 2 became 1, a
/// residual connection joins them.
///
/// A squeeze-excite layer is no group of its own here: its width follows the channels that it serves by the network's
/// own rule, since the published tables are measured so and price no other width.
///
/// With one budget, its cost is that of the budget's resource. With several, or with one of a peak, which single groups
/// often don't lower, it is what [`overload`] says, and the limit is 1.
#[derive(Debug)]
pub struct NetworkProblem<'a> {
    costed: NetworkSpec,
    trained: NetworkSpec,
    costed_graph: LayerGraph,
    trained_graph: LayerGraph,
    channels: ChannelGroups,
    meters: Vec<Meter<'a>>,
    free: Vec<GroupId>,
    groups: Vec<Group>,
}

impl<'a> NetworkProblem<'a> {
    /// The widths of `trained`, whose cost is that of `costed`, by one meter or more.
    ///
    /// # Errors
    /// If a meter's table lacks rows that `costed` needs.
    pub fn new(
        costed: NetworkSpec,
        trained: NetworkSpec,
        meters: Vec<Meter<'a>>,
    ) -> Result<Self, MissingRows> {
        let (costed_graph, trained_graph) = (LayerGraph::lower(&costed), LayerGraph::lower(&trained));
        for meter in &meters {
            meter.cost(&costed_graph)?;
        }
        let channels = trained_graph.channel_groups();
        let step = useful_step(&meters);
        let is_free = |(_, group): &(GroupId, &ChannelGroup)| !group.frozen && group.serves.is_none();
        let free: Vec<GroupId> = channels.iter().filter(is_free).map(|(id, _)| id).collect();
        let as_group = |&id: &GroupId| {
            let group = channels.group(id);
            let below = (1..).map(|n| n * step).take_while(|&width| width < group.width);
            Group { name: group.name(), levels: below.chain([group.width]).collect() }
        };
        let groups = free.iter().map(as_group).collect();
        Ok(Self { costed, trained, costed_graph, trained_graph, channels, meters, free, groups })
    }

    /// The form whose cost counts and the form that is trained, with other widths; none where the blocks would mean
    /// something else: a residual connection or an expansion that appears or vanishes.
    pub fn networks(&self, widths: &[u32]) -> Option<(NetworkSpec, NetworkSpec)> {
        let counts = self.channel_counts(widths);
        let narrowed = |spec: &NetworkSpec, graph: &LayerGraph| {
            let mut spec = spec.clone();
            for (id, group) in self.channels.iter().filter(|(_, group)| !group.frozen) {
                for &(place, slot) in &group.slots {
                    spec.set_width(place, slot, counts[id.index()]);
                }
            }
            LayerGraph::lower(&spec).has_structure_of(graph).then_some(spec)
        };
        Some((narrowed(&self.costed, &self.costed_graph)?, narrowed(&self.trained, &self.trained_graph)?))
    }

    /// Channels of every group of the trained form, those that follow others included.
    pub fn channel_counts(&self, widths: &[u32]) -> Vec<u32> {
        let mut counts: Vec<u32> = self.channels.iter().map(|(_, group)| group.width).collect();
        let original = counts.clone();
        for (&id, &width) in self.free.iter().zip(widths) {
            counts[id.index()] = width;
        }
        for (id, group) in self.channels.iter() {
            if let Some(served) = group.serves {
                counts[id.index()] = squeeze(group.width, original[served.index()], counts[served.index()]);
            }
        }
        counts
    }

    /// The widths of a network of the same structure; none for any other.
    pub fn widths_of(&self, trained: &NetworkSpec) -> Option<Vec<u32>> {
        let width = |&id: &GroupId| {
            let mut stated =
                self.channels.group(id).slots.iter().map(|&(place, slot)| trained.block(place)?.width(slot));
            let first = stated.next()??;
            stated.all(|other| other == Some(first)).then_some(first)
        };
        let widths: Vec<u32> = self.free.iter().map(width).collect::<Option<_>>()?;
        self.networks(&widths).is_some().then_some(widths)
    }

    /// The channel group of each of the problem's groups.
    pub fn free(&self) -> &[GroupId] {
        &self.free
    }

    /// The operators of the trained form of the original.
    pub fn trained_graph(&self) -> &LayerGraph {
        &self.trained_graph
    }

    /// The groups of the trained form.
    pub fn channels(&self) -> &ChannelGroups {
        &self.channels
    }

    /// The original's form whose cost counts.
    pub fn costed(&self) -> &NetworkSpec {
        &self.costed
    }

    /// The original's form that is trained.
    pub fn trained(&self) -> &NetworkSpec {
        &self.trained
    }

    /// What measures the costs, each with its budget.
    pub fn meters(&self) -> &[Meter<'a>] {
        &self.meters
    }

    /// The meter of the cost, where it is that of one resource.
    fn only_meter(&self) -> Option<&Meter<'a>> {
        match self.meters.as_slice() {
            [only] if !only.is_peak() => Some(only),
            _ => None,
        }
    }

    /// What the cost is one of.
    pub fn resource(&self) -> Resource {
        self.only_meter().map_or(Resource::Share, Meter::resource)
    }

    /// The most that a network may cost as asked for: more than [`Self::limit`] where it is to hold with a confidence.
    pub fn budget(&self) -> f64 {
        self.only_meter().and_then(Meter::budget).map_or(1.0, |budget| budget.amount)
    }

    /// The most that a network may be measured to cost.
    pub fn limit(&self) -> f64 {
        self.only_meter().map_or(1.0, Meter::limit)
    }

    /// What is known of the error of the cost.
    pub fn bounds(&self) -> Bounds {
        self.only_meter().map_or(Bounds::Unknown, Meter::bounds)
    }

    /// Name of the cost on the axis of a plot.
    pub fn axis_label(&self) -> String {
        let of_share = || "share of the budgets, with all that exceeds them, %".to_owned();
        self.only_meter().map_or_else(of_share, Meter::axis_label)
    }

    /// What a network costs by each meter; none where there is no such network.
    pub fn costs(&self, widths: &[u32]) -> Option<Vec<f64>> {
        let graph = LayerGraph::lower(&self.networks(widths)?.0);
        self.meters.iter().map(|meter| meter.cost(&graph).ok()).collect()
    }

    /// The network of the smallest cost by one meter that narrowing leads to, with that cost.
    pub fn smallest_by(&self, meter: &Meter<'_>) -> Option<(Vec<u32>, f64)> {
        cheapest_from(&self.groups, self.seed(), |widths| {
            meter.cost(&LayerGraph::lower(&self.networks(widths)?.0)).ok()
        })
    }

    /// The network that narrowing leads to which comes closest to these budgets together, with its
    /// [`overload`]: at most 1 if it meets them. Not finding one proves nothing.
    pub fn closest_to(&self, meters: &[Meter<'_>]) -> Option<(Vec<u32>, f64)> {
        let load = |widths: &[u32]| overload(meters, &LayerGraph::lower(&self.networks(widths)?.0)).ok();
        let alone = meters.iter().filter_map(|meter| Some(self.smallest_by(meter)?.0));
        let found = alone.chain([self.seed()]).filter_map(|start| cheapest_from(&self.groups, start, load));
        found.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Widths below the original's that no row of the table reaches, all other groups as they are.
    pub fn unmeasured_levels(&self) -> usize {
        let seed = self.seed();
        let of_group = |(at, group): (usize, &Group)| {
            let below =
                group.narrower(group.full()).map(|level| super::problem::with_width(&seed, at, level));
            let lacks_rows = |widths: &Vec<u32>| {
                let networks = self.networks(widths);
                networks.is_some_and(|(costed, _)| {
                    let graph = LayerGraph::lower(&costed);
                    self.meters.iter().any(|meter| meter.cost(&graph).is_err())
                })
            };
            below.filter(lacks_rows).count()
        };
        self.groups.iter().enumerate().map(of_group).sum()
    }
}

impl Problem for NetworkProblem<'_> {
    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn cost(&self, widths: &[u32]) -> Option<f64> {
        let (costed, _) = self.networks(widths)?;
        let graph = LayerGraph::lower(&costed);
        match self.only_meter() {
            Some(meter) => meter.cost(&graph).ok(),
            None => overload(&self.meters, &graph).ok(),
        }
    }
}

/// The step of the widths: that of the table's rows, which are measured where the device's kernels have theirs, a
/// common multiple where there are several tables, and the MobileNets' own where nothing is measured.
fn useful_step(meters: &[Meter<'_>]) -> u32 {
    let steps = meters.iter().filter_map(Meter::table);
    let steps = steps.map(|table| table.channel_step().unwrap_or(CHANNEL_DIVISOR));
    steps.reduce(common_multiple).unwrap_or(CHANNEL_DIVISOR)
}

fn common_multiple(a: u32, b: u32) -> u32 {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a / divisor.max(1) * b
}

/// Squeeze width for `channels`, where the original has `squeeze` for `original`: by MobileNetV3's rule if the
/// original follows it, else at the original's ratio.
fn squeeze(squeeze: u32, original: u32, channels: u32) -> u32 {
    let by_rule = if squeeze == squeeze_width(original) {
        squeeze_width(channels)
    } else {
        make_divisible(f64::from(squeeze) * f64::from(channels) / f64::from(original))
    };
    by_rule.min(squeeze)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency;
    use crate::netadapt::smallest_reachable;
    use crate::spec::{self, Place, WidthRule};

    fn problem<'a>(name: &str, meters: Vec<Meter<'a>>) -> NetworkProblem<'a> {
        let spec = spec::load(name).expect(name);
        NetworkProblem::new(spec.clone(), spec, meters).expect("rows")
    }

    #[test]
    fn the_step_is_that_of_the_table() {
        let table = latency::load("pixel-latency.csv").expect("shipped");
        assert_eq!(table.channel_step(), Some(8));
        let problem = problem("mobilenet_v3_small", vec![Meter::latency(&table)]);
        let group = problem.groups().iter().find(|g| g.name == "blocks.2.hidden").expect("a group");
        assert_eq!(group.levels, [8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88]);
    }

    #[test]
    fn squeeze_excite_follows_by_the_networks_own_rule() {
        let problem = problem("mobilenet_v3_small", vec![Meter::counting(Resource::Madds)]);
        let mut widths = problem.seed();
        let at = problem.groups().iter().position(|g| g.name == "blocks.9.hidden").expect("a group");
        widths[at] = 480;
        let (costed, _) = problem.networks(&widths).expect("the same structure");
        assert_eq!(
            costed.block(Place::Block(9)).expect("there").to_string(),
            "ir_k5_s1_h480_c96_se120_hswish"
        );
        // A squeeze width of no known rule keeps its ratio.
        assert_eq!(squeeze(4, 16, 8), 4, "never wider than before");
        assert_eq!(squeeze(96, 96, 48), 48);
    }

    #[test]
    fn widths_that_would_change_the_structure_are_no_networks() {
        let problem = problem("mobilenet_v3_small", vec![Meter::counting(Resource::Madds)]);
        let with = |name: &str, width| {
            let at = problem.groups().iter().position(|g| g.name == name).expect("a group");
            super::super::problem::with_width(&problem.seed(), at, width)
        };
        // 40 channels as before the block: it would become residual.
        assert!(problem.cost(&with("blocks.6.output", 40)).is_none());
        assert!(problem.cost(&with("blocks.6.output", 32)).is_some());
        // As many hidden channels as enter: the expansion would vanish.
        assert!(problem.cost(&with("blocks.1.hidden", 16)).is_none());
        assert!(problem.cost(&with("blocks.1.hidden", 8)).is_some());
    }

    #[test]
    fn widths_are_read_back_from_scaled_networks() {
        let problem = problem("mobilenet_v2", vec![Meter::counting(Resource::Madds)]);
        assert_eq!(problem.widths_of(problem.trained()), Some(problem.seed()));
        let scaled = problem.trained().scaled(0.75, WidthRule::Reference);
        let widths = problem.widths_of(&scaled).expect("the same structure");
        let (costed, _) = problem.networks(&widths).expect("the same structure");
        assert_eq!(costed.blocks, scaled.blocks);
    }

    #[test]
    fn several_budgets_are_one_load() {
        let tables = [latency::load("pixel-latency.csv").expect("shipped")];
        let given = ["10ms", "500k-peak-memory-int8", "1500k-weight-bytes-int8"];
        let given: Vec<_> = given.iter().map(|text| text.parse().expect(text)).collect();
        let meters = Meter::of_budgets(&given, &tables, &[], None, false).expect("in order");
        let problem = problem("mobilenet_v3_small", meters.clone());
        assert_eq!((problem.resource(), problem.limit()), (Resource::Share, 1.0));
        let full = problem.cost(&problem.seed()).expect("itself");
        let (widths, load) = problem.closest_to(&meters).expect("a network");
        assert!(full > 1.0 && load <= 1.0, "{full} {load}");
        let costs = problem.costs(&widths).expect("rows");
        assert!(costs.iter().zip(&meters).all(|(cost, meter)| *cost <= meter.limit()), "{costs:?}");
        for meter in &meters {
            let (_, smallest) = problem.smallest_by(meter).expect("a network");
            assert!(smallest < meter.limit(), "{smallest}");
        }
        assert_eq!((common_multiple(8, 12), common_multiple(8, 8)), (24, 8));
    }

    #[test]
    fn every_reference_network_can_be_narrowed_far() {
        for (file, _) in spec::REFERENCE_NETWORKS {
            let problem = problem(file, vec![Meter::counting(Resource::Madds)]);
            let full = problem.cost(&problem.seed()).expect("itself");
            let (_, smallest) = smallest_reachable(&problem).expect("a network");
            assert!(smallest < 0.1 * full, "{file}: {smallest} of {full}");
        }
    }
}
