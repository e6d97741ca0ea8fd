//! Runs as anyone can read them, and trials as any process can run them.

#[path = "support/process.rs"]
mod process;
#[path = "support/said.rs"]
mod said;
mod support;
#[path = "support/tiny_network.rs"]
mod tiny_network;
#[path = "support/words.rs"]
mod words;

use std::path::Path;
use std::process::Stdio;

use assert_cmd::Command;
use process::{kill, lines, spawn, wait_until};
use said::said;
use support::{Place, results};
use tiny_network::TINY_NETWORK;
use words::assert_says;

/// `mbn-report` of a run.
fn report(place: &Place, run: &str) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-report"));
    command.arg(run);
    command
}

/// What a command that must succeed printed.
fn printed(mut command: Command) -> String {
    let output = command.output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The tiny search with more options.
fn search(place: &Place, out: &str, more: &[&str]) -> Command {
    let mut command = place.search(out);
    command.args(more);
    command
}

/// The files of `derived/` with their bytes.
fn derived(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(run.join("derived"))
        .expect("derived")
        .map(|entry| entry.expect("entry").path())
        .map(|path| (path.display().to_string(), std::fs::read(path).expect("readable")))
        .collect();
    files.sort();
    files
}

#[test]
fn derived_files_of_every_kind_of_run_are_rebuilt_to_the_same_bytes_from_the_folder_alone() {
    let place = Place::new();
    place.write("net.toml", TINY_NETWORK);
    place.write("table.csv", &std::fs::read_to_string("latency_tables/pixel-latency.csv").expect("shipped"));
    place.search("search").args(["--target", "table.csv"]).assert().success();
    let mut train = place.command(env!("CARGO_BIN_EXE_mbn-train"));
    train.args([
        "net.toml",
        "--data",
        "images",
        "--epochs",
        "2",
        "--validation",
        "0.25",
        "--out",
        "training",
    ]);
    train.assert().success();
    let mut narrow = place.command(env!("CARGO_BIN_EXE_mbn-netadapt"));
    narrow.args([
        "net.toml",
        "--data",
        "images",
        "--budget",
        "60k-madds",
        "--step",
        "8%",
        "--out",
        "netadapt",
    ]);
    narrow.args(["--train-epochs", "1", "--final-epochs", "1"]).assert().success();
    // Nothing but the folders is needed.
    for input in ["space.toml", "table.csv", "net.toml"] {
        std::fs::remove_file(place.path(input)).expect("there");
    }
    std::fs::remove_dir_all(place.path("images")).expect("there");
    for run in ["search", "training", "netadapt"] {
        let before = derived(&place.path(run));
        assert!(before.len() > 4, "{run}: {}", before.len());
        std::fs::remove_dir_all(place.path(run).join("derived")).expect("there");
        let text = printed(report(&place, run));
        assert!(text.contains("next: mbn-inspect"), "{text}");
        assert!(derived(&place.path(run)) == before, "{run} was rebuilt to other bytes");
    }
}

#[test]
fn a_run_is_read_while_it_goes_on_and_what_is_no_run_is_refused() {
    let place = Place::new();
    let mut child =
        spawn(&search(&place, "run", &["--trials", "40", "--epochs", "60", "--jobs", "1"]), Stdio::null());
    wait_until(&mut child, || lines(&place.path("run/trials.jsonl")) >= 2);
    let text = printed(report(&place, "run"));
    assert!(text.contains("The front of"), "{text}");
    assert_eq!(child.try_wait().expect("a process"), None, "reading ended the run");
    kill(child);

    for (name, says) in [("images", "holds no run"), ("nowhere", "holds no run")] {
        assert_says(&said(report(&place, name), 1), &[says, name]);
    }
    let manifest = place.path("run/manifest.json");
    let text = std::fs::read_to_string(&manifest).expect("written");
    std::fs::write(&manifest, text.replacen("\"format\": 2", "\"format\": 9", 1)).expect("disk");
    assert_says(&said(report(&place, "run"), 1), &["format 9", "newer version"]);
}

/// A search that was interrupted in its first generation: its jobs are written, none is done.
fn interrupted(place: &Place, out: &str) {
    let mut child = spawn(&search(place, out, &["--jobs", "1"]), Stdio::null());
    // The jobs of a generation are written before the first of them runs.
    wait_until(&mut child, || place.path(out).join("tasks/00003.json").exists());
    kill(child);
}

fn worker(place: &Place, run: &str, trial: &str) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-search"));
    command.args(["--worker", run, trial]);
    command
}

#[test]
fn trials_run_by_processes_of_their_own_give_the_same_bytes() {
    let place = Place::new();
    place.search("whole").assert().success();
    interrupted(&place, "parts");
    let done = lines(&place.path("parts/trials.jsonl"));
    let mut ran = 0;
    for trial in done..4 {
        let text = printed(worker(&place, "parts", &trial.to_string()));
        assert!(text.contains(&format!("trial {trial}: ")), "{text}");
        let result = place.path(&format!("parts/results/{trial:05}.json"));
        let before = std::fs::read(&result).expect("a result");
        // Another process for the same trial changes nothing.
        printed(worker(&place, "parts", &trial.to_string()));
        assert_eq!(std::fs::read(&result).expect("a result"), before);
        ran += 1;
    }
    assert!(ran > 0, "all trials were done before the search was killed");
    // The search takes results over and trains nothing for them: marked ones come through.
    place.search("parts").assert().success();
    assert_eq!(results(&place.path("parts")), results(&place.path("whole")));
    assert!(!place.path("parts/results/00003.json").exists(), "taken over");
}

#[test]
fn a_search_takes_the_result_of_a_worker_instead_of_training() {
    let place = Place::new();
    interrupted(&place, "run");
    let done = lines(&place.path("run/trials.jsonl"));
    let trial = done.max(3);
    printed(worker(&place, "run", &trial.to_string()));
    let result = place.path(&format!("run/results/{trial:05}.json"));
    let text = std::fs::read_to_string(&result).expect("a result");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    value["outcome"] = serde_json::json!({ "state": "failed", "reason": "said by a worker" });
    std::fs::write(&result, value.to_string()).expect("disk");
    place.search("run").assert().success();
    let journal = std::fs::read_to_string(place.path("run/trials.jsonl")).expect("journal");
    let line = journal.lines().nth(trial).expect("a line");
    assert!(line.contains("said by a worker"), "{line}");
}

#[test]
fn a_worker_for_a_trial_that_is_done_or_does_not_exist_is_told_so() {
    let place = Place::new();
    place.search("run").assert().success();
    for (trial, says) in [
        ("0", "trial 0 of run is done: its line is in trials.jsonl"),
        ("99", "has no job of trial 99"),
        ("first", "`first` is not a trial"),
    ] {
        assert_says(&said(worker(&place, "run", trial), 1), &[says]);
    }
    assert_says(&said(worker(&place, "images", "0"), 1), &["holds no run"]);
    interrupted(&place, "cut");
    std::fs::remove_dir_all(place.path("images")).expect("there");
    assert_says(&said(worker(&place, "cut", "3"), 1), &["images"]);
}

#[test]
fn finals_of_a_search_are_trainings_that_go_on_after_a_kill() {
    let place = Place::new();
    let longer = ["--final-epochs", "30", "--finals", "1"];
    search(&place, "whole", &longer).assert().success();
    let mut child = spawn(&search(&place, "killed", &longer), Stdio::null());
    let networks = place.path("killed/networks");
    let epochs = || {
        let folder = std::fs::read_dir(&networks).ok()?.next()?.ok()?.path();
        lines(&folder.join("training/epochs.csv")).checked_sub(1)
    };
    wait_until(&mut child, || epochs().unwrap_or(0) >= 5);
    kill(child);
    let folder = std::fs::read_dir(&networks).expect("a network").next().expect("one").expect("entry").path();
    // The checkpoint counts, which is written after the table of epochs.
    let told = printed(report(&place, &folder.join("training").display().to_string()));
    let before = (4..30).find(|done| told.contains(&format!(": {done} of 30 epochs are done")));
    let before = before.unwrap_or_else(|| panic!("{told}"));
    let mut again = search(&place, "killed", &longer);
    again.arg("--json");
    let trained = printed(again).matches("\"event\":\"epoch\"").count();
    assert_eq!(trained, 30 - before, "epochs after the first {before}");
    assert_eq!(results(&place.path("killed")), results(&place.path("whole")));
}

#[test]
fn a_final_of_a_search_is_repeated_by_mbn_train_to_the_last_bit() {
    let place = Place::new();
    place.write("final.toml", &std::fs::read_to_string("recipes/search_final.toml").expect("shipped"));
    place.search("run").args(["--final-recipe", "final.toml", "--final-epochs", "3"]).assert().success();
    let networks = std::fs::read_dir(place.path("run/networks")).expect("networks");
    let mut repeated = 0;
    for (number, network) in networks.enumerate() {
        let network = network.expect("entry").path();
        let out = format!("again{number}");
        let mut train = place.command(env!("CARGO_BIN_EXE_mbn-train"));
        train.arg(network.join("trained.toml")).arg("--normalisation").arg(network.join("model.json"));
        train.args(["--recipe", "final.toml", "--epochs", "3", "--data", "images", "--out", &out]);
        train.assert().success();
        let bytes = |path: &Path| std::fs::read(path).expect("weights");
        let again = bytes(&place.path(&out).join("last.safetensors"));
        assert!(again == bytes(&network.join("training/last.safetensors")));
        assert!(again == bytes(&network.join("weights.safetensors")));
        repeated += 1;
    }
    assert!(repeated > 0, "the search has no finals");
}
