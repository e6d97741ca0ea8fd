//! An adaptation that is killed or run with other numbers of jobs ends with the same bytes.

use std::process::Stdio;

use crate::process::{kill, lines, spawn, wait_until};
use crate::support::{Place, differing};

#[test]
fn a_run_killed_at_any_stage_goes_on_to_the_same_bytes() {
    let place = Place::new();
    place.adapt("whole").assert().success();
    // In the training of the seed, in the loop twice, in the final training, in a control.
    let stages = [
        ("killed/seed/epochs.csv", 2),
        ("killed/iterations.jsonl", 2),
        ("killed/iterations.jsonl", 5),
        ("killed/final/epochs.csv", 2),
        ("killed/controls/uniform/training/epochs.csv", 3),
    ];
    for (file, count) in stages {
        let mut child = spawn(&place.adapt("killed"), Stdio::null());
        wait_until(&mut child, || lines(&place.path(file)) >= count);
        kill(child);
        assert!(!place.path("killed/derived").exists(), "it was done before it was killed");
    }
    place.adapt("killed").assert().success();
    assert_eq!(differing(&place.path("whole"), &place.path("killed")), [""; 0]);
    // Once more changes nothing.
    place.adapt("killed").assert().success();
    assert_eq!(differing(&place.path("whole"), &place.path("killed")), [""; 0]);
}

#[test]
fn jobs_change_nothing() {
    let place = Place::new();
    place.adapt("one").args(["--jobs", "1"]).assert().success();
    place.adapt("three").args(["--jobs", "3"]).assert().success();
    assert_eq!(differing(&place.path("one"), &place.path("three")), [""; 0]);
}

#[test]
fn a_torn_line_is_dropped_and_its_iteration_run_again() {
    let place = Place::new();
    place.adapt("whole").args(["--controls", "none"]).assert().success();
    let mut prepared = place.adapt("torn");
    prepared.args(["--controls", "none"]);
    let mut child = spawn(&prepared, Stdio::null());
    wait_until(&mut child, || lines(&place.path("torn/iterations.jsonl")) >= 3);
    kill(child);
    let journal = place.path("torn/iterations.jsonl");
    let mut text = std::fs::read_to_string(&journal).expect("a journal");
    text.push_str("{\"kind\":\"iteration\",\"iter");
    std::fs::write(&journal, text).expect("disk");
    let output = place.adapt("torn").args(["--controls", "none"]).output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("ended in the middle of a line"), "{said}");
    let bytes = |run: &str| std::fs::read(place.path(run).join("iterations.jsonl")).expect("a journal");
    assert!(bytes("whole") == bytes("torn"));
}
