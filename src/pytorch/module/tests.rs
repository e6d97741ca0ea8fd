use std::collections::BTreeSet;

use super::*;
use crate::graph::Values;
use crate::nn::Network;
use crate::spec::{self, Padding};

fn network(stem: &str, blocks: &[&str], head: &[&str]) -> NetworkSpec {
    let parse = |texts: &[&str]| texts.iter().map(|t| t.parse().expect("a block")).collect();
    NetworkSpec {
        name: "small".into(),
        resolution: 32,
        classes: 2,
        stem: stem.parse().expect("a block"),
        blocks: parse(blocks),
        head: parse(head),
        ..spec::load("mobilenet_v3_small").expect("shipped")
    }
}

/// A block of every kind.
fn small() -> NetworkSpec {
    network(
        "conv_k3_s2_c16_hswish",
        &[
            "ds_k3_s1_c16_relu6",
            "ir_k5_s2_h16_c24_se8_relu",
            "ir_k3_s1_h72_c24_hswish",
            "ir_k3_s1_h96_c32_relu_proj",
            "conv_k1_s1_c40",
        ],
        &["conv_k1_s1_c64_hswish", "pool", "linear_c48_hswish", "linear_c20"],
    )
}

fn text(spec: &NetworkSpec) -> String {
    module_text(spec, ModuleNotes::default()).expect("a module")
}

fn values(graph: &LayerGraph) -> Values {
    Network::new(graph.clone(), 1).and_then(|network| network.parameters().values()).expect("memory")
}

#[test]
fn a_network_with_every_kind_of_block() {
    let names = ["cat".to_owned(), "dog".to_owned()];
    let normalisation = serde_json::from_str(r#"{"mean":[0.5,0.25,0.125],"std":[0.25,0.5,1.0]}"#);
    let notes =
        ModuleNotes { class_names: Some(&names), normalisation: Some(&normalisation.expect("well-formed")) };
    insta::assert_snapshot!(module_text(&small(), notes).expect("a module"));
}

#[test]
fn a_network_of_few_parts_has_no_others() {
    let spec = network("conv_k3_s2_c16_relu", &[], &["pool"]);
    let spec = NetworkSpec { padding: Padding::Symmetric, dropout: 0.0, ..spec };
    insta::assert_snapshot!(text(&spec));
}

#[test]
fn every_tensor_of_the_graph_is_in_the_state_and_declared_by_the_module() {
    let reference = spec::REFERENCE_NETWORKS.iter().map(|(file, _)| spec::load(file).expect(file));
    for spec in reference.chain([small()]) {
        let graph = LayerGraph::lower(&spec);
        let state = module_state(&graph, &values(&graph)).expect("complete");
        let (counts, tensors): (Vec<_>, Vec<_>) =
            state.iter().partition(|(name, _)| name.ends_with(".num_batches_tracked"));
        let expected: BTreeSet<String> = graph.parameters().map(|(name, _)| name).collect();
        assert!(tensors.iter().map(|(name, _)| *name).eq(&expected), "{}", spec.name);
        let means = expected.iter().filter_map(|name| name.strip_suffix(".running_mean"));
        assert!(means.eq(counts.iter().filter_map(|(name, _)| name.strip_suffix(".num_batches_tracked"))));
        let text = text(&spec);
        for (name, _) in tensors {
            let (path, _) = name.rsplit_once('.').expect("a path");
            for attribute in path.split('.').filter(|part| part.parse::<u32>().is_err()) {
                assert!(text.contains(&format!("        self.{attribute} = ")), "{attribute} of {name}");
            }
        }
    }
}

#[test]
fn tensors_have_the_layouts_of_pytorch() {
    let graph = LayerGraph::lower(&small());
    let values = values(&graph);
    let state = module_state(&graph, &values).expect("complete");
    let dims = |name: &str| state[name].dims();
    assert_eq!(dims("stem.conv.weight"), [16, 3, 3, 3]);
    assert_eq!(dims("blocks.1.depthwise.weight"), [16, 1, 5, 5]);
    assert_eq!(dims("blocks.1.se.reduce.weight"), [8, 16]);
    assert_eq!(dims("blocks.3.shortcut.weight"), [32, 24, 1, 1]);
    assert_eq!(dims("classifier.linear.weight"), [2, 20]);
    assert_eq!(dims("stem.bn.num_batches_tracked"), [0usize; 0]);
    let at = |name: &str, index: [usize; 4]| {
        let [a, b, c, d] = index;
        state[name].get(a).and_then(|t| t.get(b)?.get(c)?.get(d)?.to_scalar::<f32>()).expect("inside")
    };
    // Ours are [c_out, k, k, c_in] and [k, k, c].
    let ours = values["stem.conv.weight"][((7 * 3 + 2) * 3 + 1) * 3];
    assert_eq!(at("stem.conv.weight", [7, 0, 2, 1]), ours);
    let ours = values["blocks.1.depthwise.weight"][(3 * 5 + 4) * 16 + 9];
    assert_eq!(at("blocks.1.depthwise.weight", [9, 0, 3, 4]), ours);
}

/// Quotes of a line that Python does not read as characters of a string.
fn bare_quotes(line: &str) -> usize {
    let mut escaped = false;
    let quotes = line.chars().filter(|&c| {
        let bare = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        bare
    });
    quotes.count()
}

#[test]
fn names_cannot_become_code() {
    let with_name = |name: &str| {
        let names = [name.to_owned(), "dog".to_owned()];
        let notes = ModuleNotes { class_names: Some(&names), ..ModuleNotes::default() };
        module_text(&NetworkSpec { name: name.into(), ..small() }, notes).expect("a module")
    };
    let harmless = with_name("x");
    let names =
        ["\"", "\\", "\\\"", "\"\"\"\nimport os", "\\\"\"\"\nimport os", "a\r\nimport os", "{{ 7 * 7 }}"];
    for name in names {
        let text = with_name(name);
        assert_eq!(text.lines().count(), harmless.lines().count(), "{text}");
        let changed: Vec<&str> =
            text.lines().zip(harmless.lines()).filter(|(a, b)| a != b).map(|(line, _)| line).collect();
        let [docstring, class] = changed[..] else { panic!("{name} changes {changed:#?}") };
        assert!(docstring.starts_with("\"\"\"The network ") && docstring.ends_with(" as a PyTorch module."));
        assert!(class.starts_with("    \"") && class.ends_with("\","), "{class}");
        assert_eq!((bare_quotes(docstring), bare_quotes(class)), (3, 2), "{changed:#?}");
    }
}

#[test]
fn notes_and_values_of_another_network_are_refused() {
    let spec = small();
    let names = ["cat".to_owned()];
    let notes = ModuleNotes { class_names: Some(&names), ..ModuleNotes::default() };
    let error = module_text(&spec, notes).expect_err("one name").to_string();
    assert_eq!(error, "there are 1 class names for 2 classes");
    let grey = serde_json::from_str(r#"{"mean":[0.5],"std":[0.5]}"#).expect("well-formed");
    let notes = ModuleNotes { normalisation: Some(&grey), ..ModuleNotes::default() };
    let error = module_text(&spec, notes).expect_err("grey").to_string();
    assert_eq!(error, "the normalisation is of 1 channels, the network takes images of 3");

    let graph = LayerGraph::lower(&spec);
    let mut values = values(&graph);
    values.insert("stem.bn.bias".into(), vec![0.0; 15]);
    let error = module_state(&graph, &values).expect_err("too short").to_string();
    assert_eq!(error, "`stem.bn.bias` takes 16 values of `stem.bn.bias`, and there are 15");
    values.remove("stem.bn.bias");
    let error = module_state(&graph, &values).expect_err("incomplete").to_string();
    assert_eq!(error, "`stem.bn.bias` takes 16 values of `stem.bn.bias`, and there are 0");
}
