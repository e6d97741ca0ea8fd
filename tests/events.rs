//! What commands print with `--json`: every line is an event of the committed schema.

mod support;
#[path = "support/tiny_network.rs"]
mod tiny_network;

use assert_cmd::Command;
use serde_json::Value;
use support::{Place, results};
use tiny_network::TINY_NETWORK;

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

/// The committed schema. It is checked here by the few keywords that it uses: a validator of all of JSON Schema would
/// take longer to build than this program.
fn schema() -> Value {
    serde_json::from_str(include_str!("../schemas/events.schema.json")).expect("JSON")
}

/// What keeps a value from being one of a schema; `None` if nothing does.
fn mistake(whole: &Value, schema: &Value, value: &Value) -> Option<String> {
    let Some(keywords) = schema.as_object() else {
        return (schema == &Value::Bool(false)).then(|| format!("{value} where nothing is allowed"));
    };
    let check = |schema: &Value, value: &Value| mistake(whole, schema, value);
    let fits = |schemas: &Value| {
        schemas.as_array().expect("a list").iter().filter(|schema| check(schema, value).is_none()).count()
    };
    let all =
        |schemas: &Value| schemas.as_array().expect("a list").iter().find_map(|schema| check(schema, value));
    keywords.iter().find_map(|(keyword, content)| {
        let wrong = |is_wrong: bool| is_wrong.then(|| format!("{value} is not of {keyword} {content}"));
        match keyword.as_str() {
            "$ref" => {
                let name =
                    content.as_str().and_then(|name| name.strip_prefix('#')).expect("a place in the schema");
                check(whole.pointer(name).expect("a definition"), value)
            }
            "allOf" => all(content),
            "anyOf" => wrong(fits(content) == 0),
            "oneOf" => wrong(fits(content) != 1),
            "const" => wrong(value != content),
            "enum" => wrong(!content.as_array().expect("a list").contains(value)),
            "type" => wrong(!match content {
                Value::Array(types) => types.iter().any(|name| is_of(value, name)),
                name => is_of(value, name),
            }),
            "properties" => content
                .as_object()
                .expect("an object")
                .iter()
                .find_map(|(name, schema)| value.get(name).and_then(|value| check(schema, value))),
            "required" => content.as_array().expect("a list").iter().find_map(|name| {
                let name = name.as_str().expect("a name");
                (value.is_object() && value.get(name).is_none()).then(|| format!("no {name} in {value}"))
            }),
            "items" => value.as_array().and_then(|items| items.iter().find_map(|item| check(content, item))),
            "minItems" => wrong(
                value
                    .as_array()
                    .is_some_and(|items| (items.len() as u64) < content.as_u64().expect("a count")),
            ),
            "maxItems" => wrong(
                value.as_array().is_some_and(|items| items.len() as u64 > content.as_u64().expect("a count")),
            ),
            "minimum" => {
                wrong(value.as_f64().is_some_and(|number| number < content.as_f64().expect("a number")))
            }
            "maximum" => {
                wrong(value.as_f64().is_some_and(|number| number > content.as_f64().expect("a number")))
            }
            "additionalProperties" => {
                let known = keywords.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten();
                let mut others =
                    others.filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                others.find_map(|(_, value)| check(content, value))
            }
            "$schema" | "$defs" | "title" | "description" | "format" | "default" => None,
            _ => panic!("the schema has a keyword that is not checked: {keyword}"),
        }
    })
}

fn is_of(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("no type: {other}"),
    }
}

/// What keeps a line from being an event of its kind: more telling than that it is none of all kinds.
fn wrong(event: &Value) -> Option<String> {
    let schema = schema();
    let whole = mistake(&schema, &schema, event)?;
    let kinds = schema["oneOf"].as_array().expect("kinds");
    let own = kinds.iter().find(|kind| kind["allOf"][1]["properties"]["kind"]["const"] == event["kind"]);
    own.and_then(|own| mistake(&schema, own, event)).or(Some(whole))
}

/// The events of a command that must succeed, all of this kind, run and schema; the last one tells that it is finished.
fn events(command: &mut Command, kind: &str, run: &str) -> Vec<Value> {
    let output = command.arg("--json").output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut events: Vec<Value> = Vec::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(wrong(&event), None, "{line}");
        assert_eq!((&event["kind"], &event["run"]), (&kind.into(), &run.into()), "{line}");
        let (done, of) = (event["done"].as_u64().expect("a count"), event["of"].as_u64().expect("a count"));
        assert!(done <= of, "{line}");
        events.push(event);
    }
    let last = events.last().expect("events");
    assert_eq!(last["event"], "finished");
    // The front of a search may have fewer networks than are to be trained longer.
    assert!(kind == "search" || last["done"] == last["of"], "{last}");
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
    let written = results(&place.path("run"));
    let again = events(&mut place.search("run"), "search", "run");
    assert!(names(&again).contains(&"resumed"), "{again:?}");
    assert_eq!(results(&place.path("run")), written);
}

#[test]
fn trainings_adaptations_and_exports_tell_what_they_do() {
    let place = Place::with(&[("tiny.toml", TINY_NETWORK), ("recipe.toml", RECIPE)]);
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
    assert_eq!(wrong(&event), None);
    assert!(event["findings"][0]["severity"] == "error", "{event}");

    let transfer = ["transfer", "--from", "pixel-latency.csv", "--measurements", "m.csv", "--out", "o.csv"];
    let header = ["--device", "d", "--threads", "1", "--precision", "float32", "--batch", "1"];
    let told = events(&mut latency(&place, &[&transfer[..], &header].concat()), "transfer", "o.csv");
    assert_eq!((told.len(), &told[0]["table"]), (1, &"o.csv".into()));
}

/// A schema that takes everything would prove nothing.
#[test]
fn lines_that_are_no_events_are_refused() {
    let line = |text: &str| wrong(&serde_json::from_str(text).expect("JSON")).is_none();
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
