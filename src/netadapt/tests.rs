use proptest::prelude::*;

use super::{
    Adaptation, AdaptationOptions, Channels, Group, GroupColumns, Importance, Phase, Problem, Rule, Step,
    Surgery, TabularProblem, TabularSource, channel_scores, most_important, random_within,
    smallest_reachable, uniform,
};
use crate::graph::ops::{Axis, Operation};
use crate::graph::{ChannelGroups, LayerGraph, Values};
use crate::nn::{Engine, Mode, Network, Parameters};
use crate::outcome::Outcome;
use crate::seed;
use crate::spec::{self, BlockSpec, NetworkSpec, Padding};

/// Values that leave nothing at zero or one, so that no mistake can hide.
fn random_values(graph: &LayerGraph, seed: u64) -> Values {
    use rand::Rng;
    let mut values = Parameters::initial(graph, seed).and_then(|p| p.values()).expect("memory");
    let mut rng = seed::rng(seed, "values", 0);
    for (path, tensor) in &mut values {
        for value in tensor.iter_mut() {
            if path.ends_with("running_var") || path.ends_with("bn.weight") {
                *value = rng.random_range(0.5..1.5);
            } else if path.ends_with("bias") || path.ends_with("running_mean") {
                *value = rng.random_range(-0.5..0.5);
            }
        }
    }
    values
}

/// The same weights with the dropped channels forced to zero where they are made, tensor by tensor.
fn forced_to_zero(graph: &LayerGraph, groups: &ChannelGroups, values: &Values, keep: &Channels) -> Values {
    let mut forced = values.clone();
    for (at, node) in graph.nodes().iter().enumerate() {
        for parameter in node.op.parameters() {
            // A variance of zero would be no batch norm; the scale is zero already.
            if parameter.name == "running_var" {
                continue;
            }
            let made_here = match (parameter.name, parameter.axes[0]) {
                ("expand.weight" | "expand.bias", _) => continue,
                ("weight", Axis::Kernel) => parameter.axes.len() - 1,
                _ => 0,
            };
            let Some(id) = groups.of_axis(node, at, parameter.axes[made_here]) else { continue };
            let path = format!("{}.{}", graph.name(node), parameter.name);
            let tensor = forced.get_mut(&path).expect("every tensor has values");
            let inner: usize = parameter.shape[made_here + 1..].iter().product();
            for (i, value) in tensor.iter_mut().enumerate() {
                let channel = (i / inner % parameter.shape[made_here]) as u32;
                if keep.of(id).binary_search(&channel).is_err() {
                    *value = 0.0;
                }
            }
        }
    }
    forced
}

fn logits(graph: &LayerGraph, values: &Values, images: &[f32]) -> Vec<f32> {
    let network = Network::with_values(graph.clone(), values).expect("its own shapes");
    let mut engine = Engine::new(&network, 2).expect("memory");
    engine.forward(images, engine.shape(2), Mode::Evaluate).expect("its own images").to_vec()
}

fn images(graph: &LayerGraph) -> Vec<f32> {
    let image = graph.image();
    (0..2 * image.pixels() as usize * image.channels as usize)
        .map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0)
        .collect()
}

/// The original with the kept channels' widths.
fn narrowed(spec: &NetworkSpec, groups: &ChannelGroups, keep: &Channels) -> NetworkSpec {
    let mut spec = spec.clone();
    for (id, group) in groups.iter() {
        for &(place, slot) in &group.slots {
            spec.set_width(place, slot, keep.of(id).len() as u32);
        }
    }
    spec
}

fn random_keep(groups: &ChannelGroups, seed: u64, share: f64) -> Channels {
    use rand::Rng;
    let mut rng = seed::rng(seed, "keep", 0);
    let mut keep = Channels::all(groups);
    for (id, group) in groups.iter().filter(|(_, group)| !group.frozen) {
        let mut kept: Vec<u32> = (0..group.width).filter(|_| rng.random_bool(share)).collect();
        if kept.is_empty() {
            kept.push(rng.random_range(0..group.width));
        }
        keep.set(id, kept);
    }
    keep
}

fn block() -> impl Strategy<Value = String> {
    let activation = prop::sample::select(vec!["relu", "relu6", "hswish"]);
    let kernel = prop::sample::select(vec![3, 5]);
    let stride = 1..3_u32;
    let channels = prop::sample::select(vec![5, 8, 12, 16]);
    (0..5, kernel, stride, channels, prop::option::of(2..9_u32), activation).prop_map(
        |(kind, k, s, c, squeeze, activation)| match kind {
            0 => format!("ds_k{k}_s{s}_c{c}_{activation}"),
            1 => format!("conv_k{k}_s{s}_c{c}_{activation}"),
            2 => format!("ir_k{k}_s1_h{}_c{c}_{activation}_proj", 3 * c),
            _ => {
                let squeeze = squeeze.map_or_else(String::new, |n| format!("_se{n}"));
                // Expansion to as many channels as often enter: blocks without expansion occur as well.
                format!("ir_k{k}_s{s}_h{}_c{c}{squeeze}_{activation}", if kind == 3 { c } else { 20 })
            }
        },
    )
}

fn network() -> impl Strategy<Value = NetworkSpec> {
    let padding = prop::sample::select(vec![Padding::Same, Padding::Symmetric]);
    let linear = prop::option::of(1..12_u32);
    (prop::collection::vec(block(), 1..6), padding, linear).prop_map(|(blocks, padding, linear)| {
        let parse = |text: &String| text.parse::<BlockSpec>().expect("a block");
        let mut head = vec![BlockSpec::Pool];
        head.extend(linear.map(|c| parse(&format!("linear_c{c}_hswish"))));
        NetworkSpec {
            resolution: 9,
            input_channels: 2,
            classes: 3,
            padding,
            stem: parse(&"conv_k3_s1_c8_hswish".to_owned()),
            blocks: blocks.iter().map(parse).collect(),
            head,
            ..spec::load("mobilenet_v3_small").expect("shipped")
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What makes surgery right: nothing but the dropped channels is gone.
    #[test]
    fn a_shrunk_network_computes_what_the_original_does_with_dropped_channels_at_zero(
        spec in network(),
        seed in 0..u64::MAX,
        share in 0.1..0.95_f64,
    ) {
        let graph = LayerGraph::lower(&spec);
        let groups = graph.channel_groups();
        let values = random_values(&graph, seed);
        let keep = random_keep(&groups, seed, share);
        let shrunk_graph = LayerGraph::lower(&narrowed(&spec, &groups, &keep));
        prop_assume!(shrunk_graph.has_structure_of(&graph));
        let surgery = Surgery { graph: &graph, groups: &groups };
        let shrunk = surgery.shrink(&values, &Channels::all(&groups), &keep);
        let images = images(&graph);
        let expected = logits(&graph, &forced_to_zero(&graph, &groups, &values, &keep), &images);
        let found = logits(&shrunk_graph, &shrunk, &images);
        let scale = expected.iter().fold(1.0_f32, |largest, value| largest.max(value.abs()));
        for (a, b) in found.iter().zip(&expected) {
            prop_assert!((a - b).abs() <= 1e-5 * scale, "{a} instead of {b}");
        }
    }

    /// Shrinking in two steps is shrinking in one, and growing back gives the original's own channels.
    #[test]
    fn surgery_composes_and_can_be_undone(spec in network(), seed in 0..u64::MAX) {
        let graph = LayerGraph::lower(&spec);
        let groups = graph.channel_groups();
        let values = random_values(&graph, seed);
        let surgery = Surgery { graph: &graph, groups: &groups };
        let all = Channels::all(&groups);
        let some = random_keep(&groups, seed, 0.7);
        let mut few = some.clone();
        for (id, group) in groups.iter().filter(|(_, group)| !group.frozen) {
            let of = some.of(id);
            few.set(id, of[..of.len().div_ceil(2)].to_vec());
            prop_assert!(group.width as usize >= of.len());
        }
        let at_once = surgery.shrink(&values, &all, &few);
        let half_way = surgery.shrink(&values, &all, &some);
        prop_assert_eq!(&surgery.shrink(&half_way, &some, &few), &at_once);
        prop_assert_eq!(&surgery.regrow(&values, &at_once, &few, &some), &half_way);
        // What was trained since stays as it is.
        let trained: Values = at_once.iter().map(|(k, v)| (k.clone(), v.iter().map(|x| x + 1.0).collect())).collect();
        let regrown = surgery.regrow(&values, &trained, &few, &some);
        prop_assert_eq!(surgery.shrink(&regrown, &some, &few), trained);
    }
}

#[test]
fn scores_of_a_shrunk_network_are_those_of_its_channels() {
    let spec = spec::load("mobilenet_v3_28").expect("shipped");
    let graph = LayerGraph::lower(&spec);
    let groups = graph.channel_groups();
    let values = random_values(&graph, 1);
    let scores = channel_scores(&graph, &groups, &values, Importance::BnScale, &Values::new());
    for (id, group) in groups.iter().filter(|(_, group)| !group.frozen) {
        let kept = most_important(&scores[id.index()], group.width as usize / 2);
        let worst_kept = kept.iter().map(|&c| scores[id.index()][c]).fold(f64::INFINITY, f64::min);
        let dropped = (0..group.width as usize).filter(|c| !kept.contains(c));
        assert!(dropped.map(|c| scores[id.index()][c]).all(|score| score <= worst_kept));
    }
}

/// A problem whose cost and accuracy are known in closed form.
struct Linear {
    groups: Vec<Group>,
    costs: Vec<f64>,
    worth: Vec<f64>,
}

impl Linear {
    fn new() -> Self {
        let groups = (0..4)
            .map(|n| Group { name: format!("g{n}"), levels: (1..=8).map(|w| 8 * w).collect() })
            .collect();
        Self { groups, costs: vec![1.0, 2.0, 3.0, 4.0], worth: vec![4.0, 3.0, 2.0, 1.0] }
    }

    /// Saturates, so that even shrinking is no optimum either.
    fn accuracy(&self, widths: &[u32]) -> f64 {
        let part = |(&width, &worth): (&u32, &f64)| worth * (f64::from(width) / 64.0).powf(0.3);
        widths.iter().zip(&self.worth).map(part).sum::<f64>() / 10.0
    }
}

impl Problem for Linear {
    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn cost(&self, widths: &[u32]) -> Option<f64> {
        // One width is missing: no such network.
        if widths[1] == 48 {
            return None;
        }
        Some(1.0 + widths.iter().zip(&self.costs).map(|(&w, c)| c * f64::from(w) / 64.0).sum::<f64>())
    }
}

fn options(limit: f64) -> AdaptationOptions {
    AdaptationOptions {
        limit,
        rule: Rule::Slope,
        step: Step::fixed(0.02),
        beam: 1,
        exchanges: 0,
        fill: true,
        inherits: true,
        kept: 4,
        seed: 0,
    }
}

/// Runs the loop on exact accuracies; returns the rounds too.
fn adapt(problem: &Linear, options: AdaptationOptions) -> (super::Member, Vec<super::Round>) {
    let accuracy = problem.accuracy(&problem.seed());
    let mut adaptation = Adaptation::new(problem, options, accuracy).expect("a seed");
    let mut rounds = Vec::new();
    while let Some(round) = adaptation.ask() {
        let outcomes: Vec<_> =
            round.proposals.iter().map(|p| Outcome::from_accuracy(problem.accuracy(&p.widths))).collect();
        adaptation.tell(&round, &outcomes);
        rounds.push(round);
        assert!(rounds.len() < 1000, "the loop does not end");
    }
    (adaptation.best().expect("within the budget").clone(), rounds)
}

#[test]
fn every_proposal_is_the_widest_that_saves_the_step_and_the_limit_holds() {
    let problem = Linear::new();
    let (best, rounds) = adapt(&problem, options(5.0));
    assert!(best.cost <= 5.0);
    let mut costs = std::collections::BTreeMap::from([(0_u64, 11.0)]);
    let mut key = 0;
    for round in rounds.iter().filter(|round| round.phase == Phase::Narrow) {
        for proposal in &round.proposals {
            key += 1;
            costs.insert(key, proposal.cost);
            if proposal.is_pacer {
                continue;
            }
            assert!(proposal.cost <= round.target + 1e-12);
            let saved = costs[&proposal.parent] - proposal.cost;
            assert!(saved >= 0.02 * 11.0 - 1e-12 || round.target == 5.0, "saves {saved}");
            // One width more would miss the target.
            let group = proposal.group.expect("one group");
            if let Some(wider) = problem.groups[group].wider(proposal.widths[group]).next() {
                let widths = super::problem::with_width(&proposal.widths, group, wider);
                let cost = problem.cost(&widths);
                assert!(cost.is_none_or(|cost| cost > round.target || cost >= costs[&proposal.parent]));
            }
        }
    }
}

#[test]
fn the_result_leaves_no_room_to_grow() {
    let problem = Linear::new();
    for limit in [2.3, 3.3, 5.0, 9.9] {
        let (best, _) = adapt(&problem, options(limit));
        for group in 0..4 {
            for wider in problem.groups[group].wider(best.widths[group]) {
                let widths = super::problem::with_width(&best.widths, group, wider);
                assert!(
                    problem.cost(&widths).is_none_or(|cost| cost > limit),
                    "{:?} grows to {widths:?}",
                    best.widths
                );
            }
        }
    }
}

#[test]
fn a_quarter_of_the_seed_is_reached_with_steps_that_shrink_and_with_steps_no_group_can_save() {
    let problem = Linear::new();
    for step in [Step { share: 0.025, decay: 0.96 }, Step::fixed(0.3)] {
        let (best, _) = adapt(&problem, AdaptationOptions { step, ..options(2.75) });
        assert!(best.cost <= 2.75);
    }
}

#[test]
fn the_slope_rule_beats_uniform_widths_and_a_wider_beam_is_no_worse() {
    let problem = Linear::new();
    let (one, _) = adapt(&problem, options(5.0));
    let (four, _) = adapt(&problem, AdaptationOptions { beam: 4, ..options(5.0) });
    let even = uniform(&problem, 5.0).expect("widths");
    assert!(problem.cost(&even).expect("a network") <= 5.0);
    assert!(one.accuracy > problem.accuracy(&even) + 0.005, "{} {}", one.accuracy, problem.accuracy(&even));
    assert!(four.accuracy >= one.accuracy - 1e-9);
}

#[test]
fn exchanges_find_what_greed_missed() {
    let problem = Linear::new();
    let coarse = AdaptationOptions {
        rule: Rule::Accuracy,
        step: Step::fixed(0.3),
        fill: false,
        inherits: false,
        ..options(5.0)
    };
    let (greedy, _) = adapt(&problem, coarse);
    let (better, rounds) = adapt(&problem, AdaptationOptions { exchanges: 30, ..coarse });
    let tried = rounds.iter().filter(|round| round.phase == Phase::Exchange).count();
    // It may run out of neighbours that it has not tried.
    assert!((10..=30).contains(&tried), "{tried}");
    assert!(better.accuracy > greedy.accuracy, "{} {}", better.accuracy, greedy.accuracy);
}

#[test]
fn failures_and_lost_races_never_win() {
    let problem = Linear::new();
    let mut adaptation = Adaptation::new(&problem, options(9.0), 1.0).expect("a seed");
    let round = adaptation.ask().expect("proposals");
    let mut outcomes = vec![Outcome::failed("no images"); round.proposals.len()];
    outcomes[0] = Outcome::from_accuracy(1.0);
    assert!(round.proposals[0].is_pacer, "it is scored, and never goes on");
    outcomes[1] = Outcome::Lost;
    outcomes[2] = Outcome::from_accuracy(0.0);
    assert_eq!(adaptation.tell(&round, &outcomes), [2]);
    let round = adaptation.ask().expect("proposals");
    let all_failed = vec![Outcome::failed("no images"); round.proposals.len()];
    assert_eq!(adaptation.tell(&round, &all_failed), [0; 0]);
    assert!(adaptation.ask().is_none() && adaptation.best().is_none(), "there is no way on");
}

#[test]
fn the_smallest_network_jumps_over_widths_that_are_missing() {
    let problem = Linear::new();
    let (widths, cost) = smallest_reachable(&problem).expect("a network");
    assert_eq!(widths, [8; 4]);
    assert!((cost - 2.25).abs() < 1e-12);
}

#[test]
fn random_widths_lie_in_the_band_and_differ() {
    let problem = Linear::new();
    let mut rng = seed::rng(3, "test", 0);
    let drawn: std::collections::BTreeSet<_> = (0..50)
        .map(|_| random_within(&problem, 5.0, 0.95, 1000, &mut rng).expect("within 1000 attempts"))
        .inspect(|widths| assert!((4.75..=5.0).contains(&problem.cost(widths).expect("a network"))))
        .collect();
    assert!(drawn.len() > 30, "{}", drawn.len());
    assert!(random_within(&problem, 2.0, 0.95, 10, &mut rng).is_none(), "nothing is that cheap");
}

fn source() -> TabularSource {
    TabularSource {
        groups: GroupColumns::Digits("widths".into()),
        scores: vec!["a".into(), "b".into()],
        cost: "flops".into(),
    }
}

#[test]
fn tables_are_read_and_mistakes_are_told_with_their_line() {
    let text = "widths,a,b,flops\n11,1,2,10\n12,3,5,20\n21,2,2,15\n22,4,6,30\n";
    let table = TabularProblem::parse("t.csv", text, &source()).expect("a table");
    assert_eq!(table.seed(), [2, 2]);
    assert_eq!((table.full_cost(), table.repeats()), (30.0, 2));
    assert_eq!(table.mean_score(&[1, 2]), Some(4.0));
    for (good, bad, says) in [
        ("21,2,2,15", "21,2,x,15", "t.csv:4:6: `x` is not a number"),
        ("21,2,2,15", "2a,2,2,15", "t.csv:4:1: `2a` is not a row of digits"),
        ("21,2,2,15", "211,2,2,15", "t.csv:4:1: this row has another number of groups"),
        ("21,2,2,15", "12,2,2,15", "t.csv:4:1: a network of these widths is in the table already"),
        ("21,2,2,15", "21,2,2", "t.csv:4"),
        ("flops", "cost", "no column `flops`"),
        ("22,4,6,30\n", "", "lacks the network that is widest"),
    ] {
        let error = TabularProblem::parse("t.csv", &text.replacen(good, bad, 1), &source()).expect_err(bad);
        assert!(error.to_string().contains(says), "{error}");
    }
    let columns = "x, y,a,b,flops\n8,16,1,2,3\n16,32,1,2,4\n";
    let groups = "x,y".parse().expect("columns");
    let table =
        TabularProblem::parse("t.csv", columns, &TabularSource { groups, ..source() }).expect("a table");
    assert_eq!(table.groups()[1], Group { name: "y".into(), levels: vec![16, 32] });
}

#[test]
fn narrower_networks_of_the_reference_networks_compute() {
    let table = crate::latency::load("pixel-latency.csv").expect("shipped");
    let spec = spec::load("mobilenet_v3_small").expect("shipped");
    let trained = NetworkSpec { resolution: 32, classes: 10, ..spec.clone() };
    let problem =
        super::NetworkProblem::new(spec, trained, vec![crate::cost::Meter::latency(&table)]).expect("rows");
    let widths = uniform(&problem, 12.0).expect("within the budget");
    let (costed, trained) = problem.networks(&widths).expect("the same structure");
    let latency = table.predict(&LayerGraph::lower(&costed)).expect("rows").latency_ms;
    assert!((11.0..=12.0).contains(&latency), "{latency}");
    let graph = LayerGraph::lower(&trained);
    let images = vec![0.5; 2 * 32 * 32 * 3];
    assert_eq!(logits(&graph, &random_values(&graph, 2), &images).len(), 20);
}
