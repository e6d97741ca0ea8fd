//! What commands print with `--json`: every line is an event of the committed schema.

mod support;

use assert_cmd::Command;
use serde_json::Value;
use support::Place;

/// A network for the 8x8 grey images of 4 classes.
const NETWORK: &str = r#"name = "tiny"
resolution = 8
input_channels = 1
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
stem = "conv_k3_s1_c16_hswish"
blocks = [
    "ir_k3_s1_h48_c16_se16_relu",
    "ir_k3_s2_h32_c24_hswish",
]
head = ["conv_k1_s1_c64_hswish", "pool", "linear_c32_hswish"]
"#;

const RECIPE: &str = r#"epochs = 2
batch = 16
optimizer = { kind = "adamw", beta1 = 0.9, beta2 = 0.999, eps = 1e-8 }
schedule = { kind = "cosine", learning_rate = 0.004, warmup_epochs = 0.5 }
recalibrate = 2
augment = { pad = 1, flip = false }
"#;

/// Networks for 16x16 images.
const SPACE: &str = r#"name = "small"
resolution = [16]
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }

[stem]
kernel = [3]
stride = 2
width = [8, 16]
activation = ["hswish"]

[[stage]]
block = "ir"
stride = 1
depth = [1, 2]
width = [8, 16, 24]
kernel = [3, 5]
expansion = [2, 3]
activation = ["relu"]

[[head]]
block = "pool"
"#;

const MEASUREMENTS: &str = include_str!("data/latency/pixel_2.csv");

fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(include_str!("../schemas/events.schema.json")).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

/// The events of a command that must succeed, all of this kind, run and schema; the last one tells that it is finished.
fn events(command: &mut Command, kind: &str, run: &str) -> Vec<Value> {
    let output = command.arg("--json").output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let schema = schema();
    let mut events: Vec<Value> = Vec::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        assert!(schema.is_valid(&event), "{line}: {:?}", schema.iter_errors(&event).collect::<Vec<_>>());
        assert_eq!((&event["kind"], &event["run"]), (&kind.into(), &run.into()), "{line}");
        let (done, of) = (event["done"].as_u64().expect("a count"), event["of"].as_u64().expect("a count"));
        assert!(done <= of, "{line}");
        events.push(event);
    }
    let last = events.last().expect("events");
    assert_eq!((&last["event"], &last["done"]), (&"finished".into(), &last["of"]), "{last}");
    events
}

fn names(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    names.dedup();
    names
}

fn latency(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-latency"));
    command.args(arguments);
    command
}

#[test]
fn a_search_tells_trials_epochs_and_results() {
    let place = Place::new();
    let told = events(&mut place.search("run"), "search", "run");
    for name in ["started", "trial", "epoch", "final"] {
        assert!(names(&told).contains(&name), "{name}");
    }
    let again = events(&mut place.search("run"), "search", "run");
    assert!(names(&again).contains(&"resumed"), "{again:?}");
}

#[test]
fn trainings_adaptations_and_exports_tell_what_they_do() {
    let place = Place::with(&[("tiny.toml", NETWORK), ("recipe.toml", RECIPE)]);
    let given = ["tiny.toml", "--data", "images", "--recipe", "recipe.toml", "--out"];
    let mut train = place.command(env!("CARGO_BIN_EXE_mbn-train"));
    train.args(given).args(["trained", "--validation", "0.25"]);
    let told = events(&mut train, "training", "trained");
    assert_eq!(names(&told), ["started", "epoch", "tested", "finished"]);

    let mut adapt = place.command(env!("CARGO_BIN_EXE_mbn-netadapt"));
    adapt.args(given).args(["adapted", "--budget", "60k-madds", "--step", "10%", "--short-steps", "3"]);
    adapt.args(["--train-epochs", "1", "--final-epochs", "1"]);
    let told = events(&mut adapt, "netadapt", "adapted");
    for name in ["started", "seed", "epoch", "iteration", "tested"] {
        assert!(names(&told).contains(&name), "{name}");
    }

    for (more, run) in [(&[][..], "tiny.onnx"), (&["--int8"], "tiny_int8.onnx")] {
        let mut export = place.command(env!("CARGO_BIN_EXE_mbn-export"));
        export
            .env_remove("ORT_DYLIB_PATH")
            .args(["trained", "--format", "onnx", "--data", "images"])
            .args(more);
        let told = events(&mut export, "export", &format!("{run}.json"));
        assert_eq!((told.len(), told[0]["int8"].is_object()), (1, !more.is_empty()));
        let path = told[0]["files"][0]["path"].as_str().expect("a path");
        assert!(path.ends_with(run), "{path}");
    }
}

#[test]
fn measurements_and_validations_tell_how_far_they_have_come() {
    let place = Place::with(&[("small.toml", SPACE)]);
    let quick = ["--space", "small.toml", "--rounds", "2", "--passes", "2"];
    let mut measure = latency(&place, &[&["measure", "--out", "t.csv"], &quick[..]].concat());
    let told = events(&mut measure, "measurement", "t.csv");
    let expected = ["started", "progress", "finished"];
    assert_eq!(names(&told).into_iter().filter(|name| *name != "warning").collect::<Vec<_>>(), expected);
    let steps: Vec<_> = told.iter().filter(|event| event["event"] == "progress").collect();
    assert!((2..=101).contains(&steps.len()), "{steps:?}");
    assert!(steps.is_sorted_by_key(|event| event["done"].as_u64()), "{steps:?}");
    let report = told.last().expect("finished");
    assert_eq!((&report["table"], report["rows"].as_u64() > Some(10)), (&"t.csv".into(), true), "{report}");
    assert!(place.path("t.csv").is_file());

    let networks = ["--networks", "9", "--fit", "4"];
    let validate = [&["validate", "--target", "t.csv"], &quick[..], &networks].concat();
    let told = events(&mut latency(&place, &validate), "validation", "t.csv");
    assert!(names(&told).starts_with(&["started"]) && names(&told).contains(&"progress"));
    let reports = told.last().expect("finished")["reports"].as_array().expect("reports");
    assert_eq!((reports.len(), &reports[0]["figures"]["networks"]), (1, &5.into()));

    for command in [&validate[..], &["measure", "--out", "u.csv", "--space", "small.toml"]] {
        let output = latency(&place, command).args(["--json", "-q"]).output().expect("started");
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true));
    }
}

#[test]
fn what_is_done_at_once_is_one_event() {
    let place = Place::with(&[("m.csv", MEASUREMENTS), ("bad.csv", "# device: d\nop,latency_ms\npool,-1\n")]);
    let mut check = latency(&place, &["check", "pixel-latency.csv"]);
    let told = events(&mut check, "check", "pixel-latency.csv");
    assert_eq!((told.len(), told[0]["findings"].is_array()), (1, true));
    let output = latency(&place, &["check", "bad.csv", "--json"]).output().expect("started");
    assert_eq!(output.status.code(), Some(1), "errors end with 1, told as an event all the same");
    let event: Value = serde_json::from_slice(&output.stdout).expect("one line");
    assert!(schema().is_valid(&event) && event["findings"][0]["severity"] == "error", "{event}");

    let transfer = ["transfer", "--from", "pixel-latency.csv", "--measurements", "m.csv", "--out", "o.csv"];
    let header = ["--device", "d", "--threads", "1", "--precision", "float32", "--batch", "1"];
    let told = events(&mut latency(&place, &[&transfer[..], &header].concat()), "transfer", "o.csv");
    assert_eq!((told.len(), &told[0]["table"]), (1, &"o.csv".into()));
}

/// A schema that takes everything would prove nothing.
#[test]
fn lines_that_are_no_events_are_refused() {
    let schema = schema();
    let line = |text: &str| schema.is_valid(&serde_json::from_str(text).expect("JSON"));
    assert!(line(r#"{"run":"r","kind":"measurement","done":1,"of":2,"event":"progress"}"#));
    for text in [
        r#"{"run":"r","kind":"measurement","done":1,"of":2}"#,
        r#"{"run":"r","kind":"measurement","done":1,"of":2,"event":"trial"}"#,
        r#"{"run":"r","kind":"search","done":1,"of":2,"event":"progress"}"#,
        r#"{"run":"r","kind":"measurement","done":1,"of":2,"event":"finished"}"#,
        r#"{"kind":"measurement","done":1,"of":2,"event":"progress"}"#,
    ] {
        assert!(!line(text), "{text}");
    }
}
