use proptest::prelude::*;
use rstest::rstest;

use super::{Genotype, SearchSpace, Step, load};
use crate::seed;
use crate::spec::NetworkSpec;

fn space(name: &str) -> SearchSpace {
    load(name).expect("shipped")
}

/// A space small enough to enumerate.
const TINY: &str = r#"name = "tiny"
resolution = [16, 32]
classes = 10
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
[stem]
kernel = [3]
stride = 2
width = [8, 16]
activation = ["relu"]
[[stage]]
block = "ir"
stride = 2
depth = [1, 3]
width = [8, 24]
kernel = [3, 5]
expansion = [1, 2]
se = [false, true]
activation = ["relu", "hswish"]
per_block = ["kernel"]
[[head]]
block = "pool"
"#;

fn every_genotype(space: &SearchSpace) -> Vec<Genotype> {
    let mut all = vec![Vec::new()];
    for &arity in space.arity() {
        all = all
            .iter()
            .flat_map(|g: &Vec<u8>| (0..arity as u8).map(move |c| [g.as_slice(), &[c]].concat()))
            .collect();
    }
    all.into_iter().map(Genotype).collect()
}

#[test]
fn size_counts_the_distinct_canonical_genotypes() {
    let space = SearchSpace::from_toml("tiny.toml", TINY).expect("valid");
    let mut canonical: Vec<_> = every_genotype(&space).iter().map(|g| space.canonical(g)).collect();
    canonical.sort();
    canonical.dedup();
    assert_eq!(space.size(), canonical.len() as f64);
}

#[test]
fn canonical_genotypes_decode_to_the_same_network() {
    let space = SearchSpace::from_toml("tiny.toml", TINY).expect("valid");
    for genotype in every_genotype(&space) {
        assert_eq!(space.decode(&genotype), space.decode(&space.canonical(&genotype)));
    }
}

/// A cost that depends on every field of a step.
fn made_up_cost(step: Step) -> f64 {
    let text = format!("{:?} {} {}", step.block.map(|b| b.to_string()), step.side, step.channels);
    let hash = text.bytes().fold(7u64, |h, b| h.wrapping_mul(131).wrapping_add(u64::from(b)));
    1.0 + (hash % 1000) as f64 / 100.0
}

fn cost_of(spec: &NetworkSpec, join: fn(f64, f64) -> f64) -> f64 {
    let (mut side, mut channels, mut cost) = (spec.resolution, spec.input_channels, 0.0);
    for block in spec.all_blocks() {
        cost = join(cost, made_up_cost(Step { block: Some(*block), side, channels }));
        channels = block.channels(channels);
        side = if matches!(block, crate::spec::BlockSpec::Pool) { 1 } else { side.div_ceil(block.stride()) };
    }
    join(cost, made_up_cost(Step { block: None, side, channels }))
}

#[rstest]
#[case::sum(|a, b| a + b)]
#[case::peak(f64::max)]
fn the_cheapest_network_is_that_of_exhaustive_search(#[case] join: fn(f64, f64) -> f64) {
    let space = SearchSpace::from_toml("tiny.toml", TINY).expect("valid");
    let (cost, genotype) = space.cheapest(join, &mut made_up_cost);
    let all = every_genotype(&space);
    let exhaustive = all.iter().map(|g| cost_of(&space.decode(g), join)).fold(f64::INFINITY, f64::min);
    assert!((cost - exhaustive).abs() < 1e-9, "{cost} {exhaustive}");
    assert!((cost_of(&space.decode(&genotype), join) - cost).abs() < 1e-9);
}

/// A limit of each step is an infinite price of those above it.
#[test]
fn steps_of_infinite_cost_are_excluded() {
    let space = SearchSpace::from_toml("tiny.toml", TINY).expect("valid");
    let all = every_genotype(&space);
    let mut peaks: Vec<f64> = all.iter().map(|g| cost_of(&space.decode(g), f64::max)).collect();
    peaks.sort_by(f64::total_cmp);
    let limit = peaks[peaks.len() / 4];
    let mut price = |step| if made_up_cost(step) > limit { f64::INFINITY } else { made_up_cost(step) };
    let (cost, _) = space.cheapest(|a, b| a + b, &mut price);
    let within = all.iter().map(|g| space.decode(g)).filter(|spec| cost_of(spec, f64::max) <= limit);
    let exhaustive = within.map(|spec| cost_of(&spec, |a, b| a + b)).fold(f64::INFINITY, f64::min);
    assert!((cost - exhaustive).abs() < 1e-9, "{cost} {exhaustive}");
    assert!(space.cheapest(|a, b| a + b, &mut |_| f64::INFINITY).0.is_infinite());
}

#[test]
fn the_shipped_spaces_hold_what_they_say() {
    let v3 = space("mobilenet_v3");
    assert_eq!(v3.resolutions(), [224]);
    assert!(v3.size() > 1e35, "{}", v3.size());
    let small = space("mobilenet_v3_small_images.toml");
    assert_eq!(small.resolutions(), [28, 32]);
    assert!(small.size() > 1e15);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn sampled_networks_survive_writing_and_reading(seed in any::<u64>(), small in any::<bool>()) {
        let space = space(if small { "mobilenet_v3_small_images" } else { "mobilenet_v3" });
        let genotype = space.sample(&mut seed::rng(seed, "test", 0));
        prop_assert!(space.contains(&genotype));
        let network = space.decode(&genotype);
        prop_assert_eq!(NetworkSpec::from_toml("n.toml", &network.to_toml()).expect("valid"), network);
    }
}

#[rstest]
#[case("kernel = [3, 5]", "kernel = [4]", "not possible", 16)]
#[case("kernel = [3, 5]", "kernel = []", "no choices", 16)]
#[case("kernel = [3, 5]", "kernel = [3, 3]", "twice", 16)]
#[case("kernel = [3, 5]", "kernel = 3", "invalid type", 16)]
#[case("kernel = [3, 5]", "kernels = [3]", "unknown field", 16)]
#[case("expansion = [1, 2]", "expansion = [0]", "out of range", 17)]
#[case("expansion = [1, 2]", "", "`expansion` is missing", 11)]
#[case("block = \"ir\"", "block = \"ds\"", "only `ir` blocks", 17)]
#[case("per_block = [\"kernel\"]", "per_block = [\"width\"]", "can't vary", 20)]
#[case("resolution = [16, 32]", "resolution = [2]", "out of range", 2)]
#[case("[\"relu\", \"hswish\"]", "[\"swish\"]", "unknown variant", 19)]
#[case("block = \"pool\"", "block = \"linear\"\nwidth = [8]\nactivation = [\"relu\"]", "out of order", 21)]
#[case("classes = 10", "classes = 10\ndropout = 1.0", "dropout = 1 is out of range", 4)]
#[case("classes = 10", "classes = 10\ninput_channels = 0", "input_channels = 0 is out of range", 4)]
#[case("momentum = 0.1", "momentum = 0.0", "batch_norm constants are out of range", 5)]
#[case("depth = [1, 3]", "depth = [0]", "out of range", 14)]
fn a_mistake_is_told_with_its_line(
    #[case] good: &str,
    #[case] bad: &str,
    #[case] says: &str,
    #[case] line: usize,
) {
    assert!(TINY.contains(good), "{good}");
    let error = SearchSpace::from_toml("tiny.toml", &TINY.replacen(good, bad, 1)).expect_err(bad);
    assert!(error.message.contains(says), "{error}");
    assert_eq!(error.line, line, "{error}");
}
