//! Drawings of real networks on real tables.

use clap::Parser;
use rstest::rstest;

use super::*;
use crate::cli::inspect::target::target;
use crate::cli::inspect::{InspectArgs, network};
use crate::spec::{Activation, REFERENCE_NETWORKS};

fn report_of(arguments: &[&str]) -> NetworkReport {
    let args = InspectArgs::parse_from([&["mbn-inspect"], arguments].concat());
    let target = target(&args).expect("a table");
    network::report(&args, arguments[0], target.as_ref()).expect("a network")
}

fn layers_of(arguments: &[&str]) -> Vec<DrawnLayer> {
    drawing(&report_of(arguments)).layers
}

#[test]
fn every_reference_network_is_legible() {
    for (file, _) in REFERENCE_NETWORKS {
        let name = file.trim_end_matches(".toml");
        for change in [&[][..], &["--width", "0.35", "--classes", "100000"]] {
            let scene = drawing(&report_of(&[&[name], change].concat())).scene().expect("drawn");
            scene.assert_legible();
        }
    }
}

#[rstest]
#[case("mobilenet_v2")]
#[case("mobilenet_v3_large")]
#[case("mobilenet_v3_small")]
#[case("mnasnet_b1")]
fn a_network_on_a_device_with_a_long_name_is_legible(#[case] name: &str) {
    let mut report = report_of(&[name, "--target", "pixel-latency.csv"]);
    report.device = Some("a handset, one big core pinned, aeroplane mode, ".repeat(20));
    drawing(&report).scene().expect("drawn").assert_legible();
}

#[test]
fn layers_are_those_of_the_paper() {
    let layers = layers_of(&["mobilenet_v3_small"]);
    assert_eq!(layers.len(), 16);
    let [stem, first, fourth, pool, classifier] = [0, 1, 4, 13, 15].map(|index| &layers[index]);
    assert_eq!((stem.expanded, stem.output, stem.map), (None, 16, [112, 112]));
    assert_eq!(stem.nonlinearity, Some(Activation::Hswish));
    assert_eq!((first.expanded, first.squeeze_excite), (Some(16), true));
    assert_eq!(first.nonlinearity, Some(Activation::Relu));
    assert_eq!(fourth.operation, Operation::Convolution { kernel: 5 });
    assert_eq!((fourth.expanded, fourth.output, fourth.map), (Some(96), 40, [14, 14]));
    assert_eq!((pool.operation, pool.nonlinearity, pool.madds), (Operation::Pooling, None, 0));
    assert_eq!((classifier.operation, classifier.output), (Operation::Linear, 1000));
    assert!(layers.iter().all(|layer| layer.latency.is_none()));
    assert_eq!(layers.iter().map(|layer| layer.madds).sum::<u64>(), 56_510_400);
    let relu6 = layers_of(&["mobilenet_v2"])[0].nonlinearity;
    assert_eq!(relu6, Some(Activation::Relu6));
}

#[test]
fn latencies_say_what_they_rest_on() {
    let report = report_of(&["mobilenet_v3_small", "--target", "pixel-latency.csv"]);
    let layers = drawing(&report).layers;
    let at = |index: usize| layers[index].latency.expect("timed");
    let bases = [0, 2, 9, 13].map(|index| at(index).basis);
    let expected = [RowSource::Exact, RowSource::Interpolated, RowSource::Extrapolated, RowSource::Folded];
    assert_eq!(bases, expected);
    assert_eq!(at(0).stddev_ms, None, "the table has one measurement of the stem");
    assert!(at(5).stddev_ms.is_some_and(|stddev| stddev > 0.0));
    let sum: f64 = layers.iter().filter_map(|layer| layer.latency).map(|latency| latency.ms).sum();
    let (total, base) = (report.latency_ms.expect("timed"), report.latency_base_ms.expect("timed"));
    assert!((sum + base - total).abs() < 1e-9);
    let subtitle = subtitle(&report);
    assert!(
        subtitle
            .ends_with("17.98 ms (standard deviation 0.47) on Google Pixel 1, CPU, of which base 1.28 ms")
    );
}

#[test]
fn one_estimate_makes_a_latency_an_estimate() {
    use RowSource::{Exact, Extrapolated, Folded, Interpolated, OtherActivation};
    assert_eq!(basis(&[Exact, Interpolated]), RowSource::Interpolated);
    assert_eq!(basis(&[Interpolated, Extrapolated]), RowSource::Extrapolated);
    assert_eq!(basis(&[Folded, OtherActivation]), RowSource::Exact);
    assert_eq!(basis(&[Folded]), RowSource::Folded);
}

#[test]
fn a_figure_has_one_of_two_extensions() {
    assert!(figure_file("a.b/network.SVG").is_ok() && figure_file("network.png").is_ok());
    for name in ["network", "network.pdf", ".svg", "svg", ""] {
        assert!(figure_file(name).is_err_and(|remedy| remedy.contains("network.svg")), "{name}");
    }
}
