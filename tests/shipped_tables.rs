//! Every shipped table loads and predicts a network of the space it was measured for from its rows alone.

use mbn::graph::LayerGraph;
use mbn::latency::{self, LATENCY_TABLES};
use mbn::spec::NetworkSpec;
use rstest::rstest;

fn network(resolution: u32, stem: &str, blocks: &[&str], head: &[&str]) -> NetworkSpec {
    let list = |blocks: &[&str]| blocks.iter().map(|b| format!("\"{b}\"")).collect::<Vec<_>>().join(", ");
    let text = format!(
        "name = \"n\"\nresolution = {resolution}\nclasses = 1000\npadding = \"same\"\n\
         batch_norm = {{ eps = 1e-3, momentum = 0.01 }}\nstem = \"{stem}\"\nblocks = [{}]\nhead = [{}]\n",
        list(blocks),
        list(head)
    );
    NetworkSpec::from_toml("n.toml", &text).expect("valid")
}

fn predict(table: &str, network: &NetworkSpec) -> f64 {
    let table = latency::load(table).expect("shipped");
    let prediction = table.predict(&LayerGraph::lower(network)).expect("in the table");
    assert_eq!(prediction.estimated_rows(), 0);
    prediction.latency_ms
}

#[test]
fn every_table_loads() {
    for (name, _) in LATENCY_TABLES {
        let table = latency::load(name).expect(name);
        assert!(table.len() > 50 && table.header.entries.contains_key("source"), "{name}");
    }
}

/// The smallest network of ProxylessNAS's space; the sum of its rows in the published file.
#[test]
fn proxylessnas() {
    let network = network(
        224,
        "conv_k3_s2_c32_relu6",
        &[
            "ir_k3_s1_h32_c16_relu6",
            "ir_k3_s2_h48_c24_relu6",
            "ir_k3_s2_h72_c40_relu6",
            "ir_k3_s2_h120_c80_relu6",
            "ir_k3_s1_h240_c96_relu6",
            "ir_k3_s2_h288_c192_relu6",
            "ir_k3_s1_h576_c320_relu6",
        ],
        &["conv_k1_s1_c1280_relu6", "pool"],
    );
    let latency = predict("pixel1-proxylessnas.csv", &network);
    assert!((latency - 29.608_776).abs() < 1e-5, "{latency}");
}

/// The smallest networks of once-for-all's space at every resolution of the table.
#[rstest]
fn note10(#[values(160, 176, 192, 208, 224)] resolution: u32) {
    let network = network(
        resolution,
        "conv_k3_s2_c24_hswish",
        &[
            "ir_k3_s1_h24_c24_relu",
            "ir_k3_s2_h72_c32_relu",
            "ir_k5_s2_h96_c48_se24_relu",
            "ir_k3_s2_h192_c96_hswish",
            "ir_k3_s1_h288_c136_se72_hswish",
            "ir_k5_s2_h408_c192_se104_hswish",
        ],
        &["conv_k1_s1_c1152_hswish", "pool", "linear_c1536_hswish"],
    );
    let latency = predict("note10.csv", &network);
    assert!((4.0..16.0).contains(&latency), "{latency}");
}
