//! What a training leaves behind.

use serde_json::Value;

use crate::support::{Place, said};

#[test]
fn a_training_learns_and_leaves_its_files() {
    let place = Place::new();
    let output = place.train("run").args(["--epochs", "20"]).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result = String::from_utf8_lossy(&output.stdout);
    assert!(
        result.contains("tiny: test ") && result.contains("next: mbn-inspect run/network.toml"),
        "{result}"
    );

    let text = std::fs::read_to_string(place.path("run/test.json")).expect("report");
    let report: Value = serde_json::from_str(&text).expect("json");
    assert_eq!(report["images"], 40);
    assert!(report["accuracy"].as_f64().expect("a number") > 0.85, "{report}");
    assert_eq!(report["weights"], "best.safetensors");
    let correct: u64 = (0..4).map(|c| report["confusion"][c][c].as_u64().expect("a count")).sum();
    assert_eq!(report["correct"], correct);

    // The tables are those of the report.
    let classes = std::fs::read_to_string(place.path("run/derived/classes.csv")).expect("classes.csv");
    let mut of_class = csv::Reader::from_reader(classes.as_bytes());
    let rows: Vec<_> = of_class.records().map(|record| record.expect("a line")).collect();
    assert_eq!(rows.len(), 4);
    for (class, row) in rows.iter().enumerate() {
        let counts = report["confusion"][class].as_array().expect("a row");
        let images: u64 = counts.iter().map(|count| count.as_u64().expect("a count")).sum();
        assert_eq!(
            (&row[0], &row[1]),
            (report["classes"][class].as_str().expect("a name"), &*images.to_string())
        );
        assert_eq!(row[3], counts[class].to_string());
    }
    assert!(
        result.contains("most confused with") && result.contains("derived/learning_curves.svg"),
        "{result}"
    );
    let drawn = std::fs::read_to_string(place.path("run/derived/confusion.svg")).expect("drawn");
    assert!(drawn.contains("40 images of images"), "{drawn}");

    // The tested epoch is the best one by what was saved, the averaged weights.
    let mut csv = csv::Reader::from_path(place.path("run/epochs.csv")).expect("epochs.csv");
    let column = csv.headers().expect("a header").iter().position(|h| h == "validation_accuracy");
    let of = |record: csv::StringRecord| record[column.expect("there")].parse::<f64>().expect("a number");
    let accuracies: Vec<f64> = csv.records().map(|record| of(record.expect("a line"))).collect();
    assert_eq!(accuracies.len(), 20);
    let best = accuracies.iter().copied().fold(0.0, f64::max);
    let first = accuracies.iter().position(|&a| a == best).expect("there") + 1;
    assert_eq!(report["epoch"], first);
    assert!(
        std::fs::read_to_string(place.path("run/network.toml")).expect("network").contains("dropout = 0.2")
    );
}

#[test]
fn nothing_is_chosen_without_held_out_images() {
    let place = Place::new();
    let mut command = place.train_network("tiny.toml", "run");
    command.arg("--json");
    let output = command.output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let events: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().expect("a name")).collect();
    assert_eq!(names, ["started", "epoch", "epoch", "epoch", "epoch", "tested", "finished"]);
    assert_eq!(events[1]["validation"], Value::Null);
    // 160 images in batches of 16; the first of each epoch is not counted.
    let total = (1..=4).map(|epoch| {
        assert_eq!(events[epoch]["waits"]["batches"], 9);
        events[epoch]["waits"]["waited"].as_u64().expect("a count")
    });
    let waits = serde_json::json!({ "batches": 36, "waited": total.sum::<u64>() });
    assert_eq!(events[6]["waits"], waits);
    assert_eq!((&events[5]["weights"], &events[5]["epoch"]), (&"last.safetensors".into(), &4.into()));
    assert!(!place.path("run/best.safetensors").exists());
}

#[test]
fn weights_and_a_teacher_come_from_earlier_runs() {
    let place = Place::new();
    place.train("teacher").assert().success();
    let distill = "distill = { temperature = 4, weight = 0.7 }\n";
    place.write("distill.toml", &format!("{}{distill}", crate::support::TINY_RECIPE));
    let mut student = place.train("student");
    student.args(["--recipe", "distill.toml", "--teacher", "teacher/network.toml"]);
    student.args(["--teacher-weights", "teacher/best.safetensors", "--weights", "teacher/last.safetensors"]);
    let talk = said(student, 0);
    assert!(talk.contains("teacher tiny"), "{talk}");

    // The student starts at the teacher's weights: its first epoch is better than the teacher's first.
    let first_loss = |run: &str| {
        let mut csv = csv::Reader::from_path(place.path(run).join("epochs.csv")).expect("epochs.csv");
        csv.records().next().expect("a line").expect("a line")[5].parse::<f64>().expect("a number")
    };
    assert!(first_loss("student") > first_loss("teacher"));
}
