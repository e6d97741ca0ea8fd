//! `mbn-latency transfer` as people run it, with latencies that others published.

use rstest::rstest;

use crate::{Place, words};

const PIXEL_1: &str = include_str!("../data/latency/pixel_1.csv");
const PIXEL_2: &str = include_str!("../data/latency/pixel_2.csv");
const PIXEL_3: &str = include_str!("../data/latency/pixel_3.csv");

const SETTINGS: [&str; 8] =
    ["--device", "Pixel 2", "--threads", "1", "--precision", "float32", "--batch", "1"];

fn transfer<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let start = ["transfer", "--from", "pixel-latency.csv", "--measurements", "m.csv"];
    [&start[..], more, &SETTINGS].concat()
}

fn json(said: &str) -> serde_json::Value {
    serde_json::from_str(said).expect("JSON")
}

/// Each network predicted from the others: mean absolute error in percent and the bound of confidence 0.8.
#[rstest]
#[case::pixel_1(PIXEL_1, 11, 4.5)]
#[case::pixel_2(PIXEL_2, 6, 5.0)]
#[case::pixel_3(PIXEL_3, 6, 6.0)]
fn published_latencies_are_predicted_from_one_another(
    #[case] measurements: &str,
    #[case] networks: usize,
    #[case] error: f64,
) {
    let place = Place::with(&[("m.csv", measurements)]);
    let (code, said, told) = place.run(&transfer(&["--out", "o.csv", "--json"]));
    assert_eq!(code, Some(0), "{told}");
    let report = json(&said);
    assert_eq!(report["networks"].as_array().expect("a list").len(), networks);
    let found = report["left_out"]["mean_absolute_percent"].as_f64().expect("a number");
    assert!(found < error, "{said}");
    assert_eq!(report["left_out"]["kendall_tau"], 1.0);
    let upper = report["bounds"][0]["interval"]["upper"].as_f64().expect("a bound");
    assert!((1.0..1.12).contains(&upper), "{said}");
    assert_eq!(report["bounds"][2]["interval"], serde_json::Value::Null);
    assert_eq!(report["bounds"][2]["networks_needed"], 19);
}

#[test]
fn the_table_has_the_other_ones_rows_and_the_new_devices_header() {
    let place = Place::with(&[("m.csv", PIXEL_2)]);
    let arguments = transfer(&["--out", "o.csv"]);
    let (code, said, told) = place.run(&arguments);
    assert_eq!(code, Some(0), "{told}");
    for part in [
        "6 networks on the rows of pixel-latency.csv (Google Pixel 1, CPU)",
        "mobilenet_v3_large width 0.75",
        "each predicted from the others",
        "by one factor for all rows",
        "times its prediction with confidence 0.8",
        "a confidence of 0.95 takes 19 networks",
        "table: o.csv",
    ] {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
    let text = place.read("o.csv");
    let source = include_str!("../../latency_tables/pixel-latency.csv");
    let rows = |text: &str| {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&text), rows(source));
    for line in [
        "# device: Pixel 2",
        "# resolution: 224",
        "# folded: pool, classifier",
        "# licence: Apache-2.0",
        "# space: the networks of m.csv",
    ] {
        assert!(text.lines().any(|written| written == line), "no `{line}`");
    }
    for start in [
        "# method: rows of pixel-latency.csv, corrected by 6 whole",
        "# calibration: constant_ms ",
        "# held_out: 0.",
    ] {
        assert!(text.lines().any(|written| written.starts_with(start)), "no `{start}`");
    }
    assert!(!text.contains("# runtime"));
    assert_eq!(place.run(&["check", "o.csv"]).0, Some(0));

    let (code, _, told) = place.run(&arguments);
    assert_eq!(code, Some(1));
    assert!(words(&told).contains("o.csv is there already"), "{told}");
    let (code, _, told) = place.run(&[&arguments[..], &["--force", "--licence", "MIT"]].concat());
    assert_eq!(code, Some(0), "{told}");
    assert!(place.read("o.csv").contains("# licence: MIT\n"));

    // The new table is one to transfer from: its predictions are right already.
    let again = ["transfer", "--from", "o.csv", "--measurements", "m.csv", "--out", "p.csv", "--json"];
    let (code, said, told) = place.run(&[&again[..], &SETTINGS].concat());
    assert_eq!(code, Some(0), "{told}");
    let bias = json(&said)["one_factor"]["bias_percent"].as_f64().expect("a number");
    assert!(bias.abs() < 3.0, "{said}");
}

#[test]
fn the_next_network_is_written_and_can_be_measured() {
    let place = Place::with(&[("m.csv", PIXEL_2)]);
    let next = [
        "transfer",
        "--from",
        "pixel-latency.csv",
        "--measurements",
        "m.csv",
        "--next",
        "--space",
        "mobilenet_v3",
    ];
    let next = [&next[..], &["--candidates", "50", "--json"]].concat();
    let (code, said, told) = place.run(&next);
    assert_eq!(code, Some(0), "{told}");
    let proposed = json(&said)["next"].clone();
    let file = proposed["file"].as_str().expect("a file");
    assert!(place.read(file).contains("resolution = 224"));
    let line = proposed["line"].as_str().expect("a line");
    assert_eq!(line, format!("{file},,LATENCY"));
    let more = format!("{PIXEL_2}{}\n", line.replace("LATENCY", &proposed["predicted_ms"].to_string()));
    let place = Place::with(&[("m.csv", &more), (file, &place.read(file))]);
    let (code, said, told) = place.run(&next);
    assert_eq!(code, Some(0), "{told}");
    assert_ne!(json(&said)["next"]["file"].as_str(), Some(file));
    assert_eq!(json(&said)["networks"].as_array().expect("a list").len(), 7);
}

#[test]
fn networks_beside_the_measurements_are_found_from_anywhere() {
    let network = "name = \"n\"\nresolution = 224\nclasses = 1000\npadding = \"same\"\nbatch_norm = { eps = 1e-3, momentum = 0.1 }\nstem = \"conv_k3_s2_c16_hswish\"\nblocks = [\"ir_k3_s2_h64_c24_relu\"]\nhead = [\"pool\"]\n";
    let rows = format!("{PIXEL_2}own.toml,,9.0\n");
    let place = Place::with(&[]);
    std::fs::create_dir(place.path("phone")).expect("disk");
    std::fs::write(place.path("phone/m.csv"), rows).expect("disk");
    std::fs::write(place.path("phone/own.toml"), network).expect("disk");
    let arguments =
        ["transfer", "--from", "pixel-latency", "--measurements", "phone/m.csv", "--out", "o.csv"];
    let (code, said, told) = place.run(&[&arguments[..], &SETTINGS].concat());
    assert_eq!(code, Some(0), "{told}");
    assert!(said.contains("own.toml") && said.contains("7 networks"), "{said}");
}

#[rstest]
#[case::unknown_network(
    "mobilenet_v9,,3\n",
    "m.csv:12:1: cannot read mobilenet_v9: no such network",
    "shipped ones: "
)]
#[case::latency("mobilenet_v2,,0\n", "m.csv:12:15: a latency of 0 ms is impossible", "leave it out")]
#[case::same_network(
    "mobilenet_v3_large,1,44\n",
    "m.csv:12:1: this is the network of line 6",
    "keep one row for each network"
)]
#[case::unpriced("mobilenet_v1,,44\n", "m.csv:12:1: pixel-latency.csv has no row for", "leave the row out")]
#[case::width("mobilenet_v2,wide,44\n", "m.csv:12:1: a width multiplier is a number from 0.01 to 16", "")]
#[case::fields("mobilenet_v2,44\n", "m.csv:12:1: CSV error", "one field for each column")]
fn wrong_rows(#[case] row: &str, #[case] says: &str, #[case] remedy: &str) {
    let place = Place::with(&[("m.csv", &format!("{PIXEL_2}{row}"))]);
    let (code, said, told) = place.run(&transfer(&["--out", "o.csv"]));
    assert_eq!((code, said.as_str()), (Some(1), ""), "{told}");
    assert!(
        words(&told).contains(says) && words(&told).contains(remedy),
        "no `{says}`, `{remedy}` in:\n{told}"
    );
    assert!(!place.path("o.csv").exists());
}

#[rstest]
#[case(&["transfer", "--from", "pixel-latency", "--measurements", "m.csv"], 2, "--out")]
#[case(&["transfer", "--from", "pixel-latency", "--measurements", "m.csv", "--next"], 2, "--space")]
#[case(&["transfer", "--from", "pixel-latency", "--measurements", "m.csv", "--out", "o.csv"], 1, "m.csv does not tell device, threads, precision, batch add --device NAME")]
#[case(&["transfer", "--from", "nowhere.csv", "--measurements", "m.csv", "--out", "o.csv"], 1, "no such latency table")]
#[case(&["transfer", "--from", "pixel-latency", "--measurements", "n.csv", "--next", "--space", "mobilenet_v3"], 1, "no such file of measurements")]
#[case(&["transfer", "--from", "pixel-latency", "--measurements", "two.csv", "--next", "--space", "mobilenet_v3"], 1, "2 measured networks are too few")]
#[case(&["transfer", "--from", "pixel-latency", "--measurements", "m.csv", "--next", "--space", "mobilenet_v3_small_images"], 1, "pixel-latency.csv has no row for")]
fn bad_arguments(#[case] arguments: &[&str], #[case] code: i32, #[case] says: &str) {
    let two: String = PIXEL_2.lines().take(7).map(|line| format!("{line}\n")).collect();
    let place = Place::with(&[("m.csv", PIXEL_2), ("two.csv", &two)]);
    let (ended, said, told) = place.run(arguments);
    assert_eq!((ended, said.as_str()), (Some(code), ""), "{told}");
    let told_words = words(&told).replace("help: ", "");
    assert!(told_words.contains(says), "no `{says}` in:\n{told}");
}
