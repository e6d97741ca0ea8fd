use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{Content, ImportError, Origin, WeightsFile, import, state_dict};
use crate::graph::{LayerGraph, Values};
use crate::nn::{FileTensor, Network};
use crate::spec::{self, NetworkSpec, WidthRule};

fn values(spec: &NetworkSpec, seed: u64) -> Values {
    let network = Network::new(LayerGraph::lower(spec), seed).expect("memory");
    network.parameters().values().expect("memory")
}

/// The values of a network as a file of `origin` would hold them.
fn file(spec: &NetworkSpec, origin: Origin, values: &Values) -> WeightsFile {
    let names = origin.names(&LayerGraph::lower(spec)).expect("nameable");
    let tensors = state_dict(&names, values).expect("all values");
    let counts: Vec<_> = names.iter().filter(|t| t.content == Content::BatchCount).map(|t| &t.name).collect();
    let floats = tensors.iter().filter(|(name, _)| !counts.contains(name));
    let read = floats.map(|(name, tensor)| {
        let values = tensor.flatten_all().and_then(|t| t.to_vec1()).expect("floats");
        (name.clone(), FileTensor { shape: tensor.dims().to_vec(), values })
    });
    WeightsFile { path: PathBuf::from("file"), tensors: read.collect(), notes: Vec::new() }
}

fn form() -> impl Strategy<Value = (NetworkSpec, Origin)> {
    let of_torchvision = vec!["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"];
    let of_timm = vec!["mobilenet_v1", "mobilenet_v3_small_minimalistic", "mnasnet_b1", "mobilenet_v3_large"];
    let network = prop_oneof![
        (prop::sample::select(of_torchvision), Just(Origin::Torchvision)),
        (
            prop::sample::select(of_timm),
            prop::sample::select(vec![Origin::Timm, Origin::TimmTf, Origin::Own])
        ),
    ];
    let rule = prop::sample::select(vec![WidthRule::Reference, WidthRule::Torchvision]);
    (network, 0.05f64..0.5, rule, 1u32..20, any::<bool>()).prop_map(
        |((name, origin), width, rule, classes, strided)| {
            let mut spec = spec::load(name).expect(name).scaled(width, rule);
            spec.classes = classes;
            if !strided {
                spec.blocks = spec.blocks.iter().map(|block| block.with_stride(1)).collect();
            }
            (spec, origin)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_exported_is_imported_as_it_was((spec, origin) in form(), seed in 0u64..1000) {
        let values = values(&spec, seed);
        let imported = import(&spec, file(&spec, origin, &values), Some(origin), 0).expect("its own weights");
        prop_assert_eq!(imported.values, values);
        prop_assert_eq!(imported.network, origin.conventions(&spec));
        prop_assert!(!imported.has_new_classifier);
    }

    /// Whatever is missing, surplus or of another shape is named, and nothing else is.
    #[test]
    fn one_wrong_tensor_is_named((spec, origin) in form(), at in any::<prop::sample::Index>(), kind in 0..3) {
        let mut file = file(&spec, origin, &values(&spec, 1));
        let keys: Vec<String> = file.tensors.keys().cloned().collect();
        let name = at.get(&keys).clone();
        prop_assume!(!name.contains("classifier") && !name.contains("stem") && name != "features.0.0.weight");
        let surplus = "features.0.surplus".to_owned();
        let named = match kind {
            0 => {
                file.tensors.remove(&name);
                format!("{name} [")
            }
            1 => {
                let tensor = file.tensors.get_mut(&name).expect("there");
                tensor.shape.push(1);
                format!("{name} is [")
            }
            _ => {
                file.tensors.insert(surplus.clone(), FileTensor { shape: vec![1], values: vec![0.0] });
                surplus
            }
        };
        match import(&spec, file, Some(origin), 0) {
            Err(ImportError::OtherNetwork { differences, .. }) => {
                prop_assert!(differences.starts_with(&named), "{named} in {differences}");
                prop_assert!(!differences.contains("; "), "{differences}");
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
}

#[test]
fn the_new_classifier_is_that_of_a_new_network() {
    let spec = spec::load("mobilenet_v3_small").expect("shipped").scaled(0.25, WidthRule::Torchvision);
    let trained = values(&spec, 1);
    let ten = NetworkSpec { classes: 10, ..spec.clone() };
    let imported = import(&ten, file(&spec, Origin::Torchvision, &trained), None, 5).expect("another head");
    assert!(imported.has_new_classifier);
    let fresh = values(&ten, 5);
    for (path, values) in &imported.values {
        let expected = if path.starts_with("classifier.") { &fresh } else { &trained };
        assert_eq!(values, &expected[path], "{path}");
    }
    assert_eq!(imported.values.len(), fresh.len());
}

#[test]
fn nobodys_names_are_shown() {
    let spec = spec::load("mobilenet_v2").expect("shipped");
    let tensor = FileTensor { shape: vec![1], values: vec![1.0] };
    let tensors: BTreeMap<_, _> =
        ["a", "b", "c", "d", "e"].map(|name| (name.to_owned(), tensor.clone())).into();
    let file = WeightsFile { path: Path::new("x").to_owned(), tensors, notes: Vec::new() };
    let error = import(&spec, file, None, 0).expect_err("no names").to_string();
    assert_eq!(error, "the tensors of x have names of none that is known: `a`, `b`, `c`, `d` ...");
}
