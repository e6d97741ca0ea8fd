//! `mbn-inspect --target`: bounds of a network, and what each layer's latency rests on.

use assert_cmd::Command;
use serde_json::Value;

use crate::said::said;
use crate::support::Place;
use crate::table::{UPPER_90, UPPER_95, validated};
use crate::words::assert_says;

fn place() -> Place {
    let place = Place::with(&[]);
    place.write("validated.csv", &validated(60));
    place.write("few.csv", &validated(30));
    place
}

fn inspect(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-inspect"));
    command.args(arguments);
    command
}

fn stdout(mut command: Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).expect("utf-8")
}

fn json(command: Command) -> Value {
    serde_json::from_str(&stdout(command)).expect("JSON")
}

const SMALL: [&str; 3] = ["mobilenet_v3_small", "--target", "validated.csv"];

#[test]
fn a_validated_table_tells_bounds_of_a_network() {
    let place = place();
    let report = json(inspect(&place, &[&SMALL[..], &["--json"]].concat()));
    let (ms, bound) = (report["latency_ms"].as_f64().expect("a latency"), &report["latency_bound"]);
    assert_eq!(bound["upper_ms"], UPPER_95 * ms);
    // The first and the last of 60 ratios.
    assert_eq!(bound["two_sided_ms"], serde_json::json!([1.002 * ms, 1.12 * ms]));
    let rest = (&bound["confidence"], &bound["networks"], &bound["space"]);
    assert_eq!(rest, (&0.95.into(), &60.into(), &"v3_like".into()));
    let text = stdout(inspect(&place, &SMALL));
    let line = "measured at most 20.08 ms with 95 % confidence; between 18.02 and 20.14 ms with 95 % confidence (60 held-out networks of v3_like)";
    assert!(text.lines().any(|written| written == line), "{text}");

    let at_90 = [&SMALL[..], &["--confidence", "0.9", "--json"]].concat();
    assert_eq!(json(inspect(&place, &at_90))["latency_bound"]["upper_ms"], UPPER_90 * ms);
    inspect(&place, &[&SMALL[..], &["--svg", "net.svg"]].concat()).assert().success();
    let drawn = std::fs::read_to_string(place.path("net.svg")).expect("drawn");
    // Lines of the drawing break where they must.
    assert!(drawn.contains("measured at most 20.08 ms with 95 %"), "no bound in the drawing");
}

#[test]
fn a_space_has_a_bound_of_its_smallest_latency() {
    let place = place();
    let space = ["--space", "mobilenet_v3", "--target", "validated.csv"];
    let report = json(inspect(&place, &[&space[..], &["--json"]].concat()));
    let smallest = report["smallest_latency_ms"].as_f64().expect("a latency");
    assert_eq!(report["smallest_latency_bound"]["upper_ms"], UPPER_95 * smallest);
    assert!(stdout(inspect(&place, &space)).contains(" ms\nmeasured at most "));
}

/// 30 networks tell an upper bound of 0.95, but no two bounds that hold together.
#[test]
fn few_networks_tell_less() {
    let place = place();
    let few = ["mobilenet_v3_small", "--target", "few.csv"];
    let report = json(inspect(&place, &[&few[..], &["--json"]].concat()));
    assert!(report["latency_bound"]["upper_ms"].is_number(), "{report}");
    assert!(report["latency_bound"]["two_sided_ms"].is_null());
    let text = said(inspect(&place, &[&few[..], &["--confidence", "0.99"]].concat()), 1);
    assert_says(&text, &["few.csv was validated on 30 held-out networks", "takes 99 or more"]);
}

#[test]
fn a_table_that_was_not_validated_says_so() {
    let place = place();
    let plain = ["mobilenet_v3_small", "--target", "pixel-latency.csv"];
    let text = stdout(inspect(&place, &plain));
    assert!(
        text.contains("pixel-latency.csv was not validated on whole networks, so nothing is known of the error of its predictions; only the standard deviation of its rows is known\n"),
        "{text}"
    );
    assert!(json(inspect(&place, &[&plain[..], &["--json"]].concat()))["latency_bound"].is_null());
    let asked = said(inspect(&place, &[&plain[..], &["--confidence", "0.9"]].concat()), 1);
    assert_says(&asked, &["pixel-latency.csv was not validated", "mbn-latency validate"]);
    let nowhere = said(inspect(&place, &["mobilenet_v3_small", "--confidence", "0.9"]), 2);
    assert_says(&nowhere, &["--target <TABLE>"]);
}

#[test]
fn every_layer_tells_its_spread_and_what_it_rests_on() {
    let place = place();
    let text = stdout(inspect(&place, &SMALL));
    let line = |layer: &str| {
        let of_layer = |line: &&str| line.split_whitespace().next() == Some(layer);
        text.lines().find(of_layer).unwrap_or_else(|| panic!("no {layer} in {text}"))
    };
    // One measurement has no spread; estimates do.
    assert!(line("stem").ends_with("row") && !line("stem").contains('\u{b1}'), "{text}");
    for (layer, source) in [("blocks.1", "interpolated"), ("blocks.8", "extrapolated")] {
        assert!(line(layer).ends_with(source) && line(layer).contains('\u{b1}'), "{text}");
    }
    let report = json(inspect(&place, &[&SMALL[..], &["--json"]].concat()));
    for layer in report["layers"].as_array().expect("layers") {
        let rows = layer["latency_rows"].as_array().expect("rows");
        let sum: f64 = rows.iter().map(|row| row["latency_ms"].as_f64().expect("a latency")).sum();
        assert!((sum - layer["latency_ms"].as_f64().expect("a latency")).abs() < 1e-12, "{layer}");
        assert!(rows.iter().all(|row| row["unit"].is_string() && row["source"].is_string()), "{layer}");
    }
}

/// A table of operators has several rows for a block.
#[test]
fn a_layer_of_several_rows_counts_those_that_are_not_in_the_table() {
    let place = Place::with(&[]);
    let header = "# device: d\n# threads: 1\n# precision: float32\n# batch: 1\n# resolution: 32\n# ignores: activation\n# folded: pool, classifier\n";
    let mut table = format!(
        "{header}op,in_h,in_w,c_in,c_out,kernel,stride,activation,latency_ms,stddev_ms\n\
         conv,32,32,3,8,3,2,relu,0.5,0.01\ndepthwise,16,16,24,24,3,1,hswish,0.25,0.02\nadd,16,16,8,8,,,,0.02,\n"
    );
    // Expansions to all but the hidden width, and projections from it.
    for (c_in, c_out) in
        [(8, 16), (8, 32), (8, 40), (16, 8), (32, 8), (24, 8), (16, 32), (32, 16), (8, 8), (16, 16), (32, 32)]
    {
        table += &format!("conv,16,16,{c_in},{c_out},1,1,relu,{},\n", 0.01 + 0.001 * f64::from(c_in * c_out));
    }
    place.write("t.csv", &table);
    place.write(
        "n.toml",
        "name = \"n\"\nresolution = 32\nclasses = 10\npadding = \"same\"\nbatch_norm = { eps = 1e-3, momentum = 0.1 }\n\
         stem = \"conv_k3_s2_c8_relu\"\nblocks = [\"ir_k3_s1_h24_c8_relu\"]\nhead = [\"pool\"]\n",
    );
    let text = stdout(inspect(&place, &["n.toml", "--target", "t.csv"]));
    let block = text.lines().find(|line| line.starts_with("blocks.0")).expect("a block");
    assert!(block.ends_with("1 of 4 interpolated; 2 of 4 row, other activation"), "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("stem ") && line.contains("0.500 \u{b1} 0.010 ms")),
        "{text}"
    );
}
