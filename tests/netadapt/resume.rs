//! An adaptation that is killed or run with other numbers of jobs ends with the same bytes.

use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use crate::support::{Place, differing};

fn spawn(place: &Place, out: &str) -> Child {
    let prepared = place.adapt(out);
    let mut process = Process::new(prepared.get_program());
    process.args(prepared.get_args()).current_dir(place.path(""));
    process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
}

fn lines(place: &Place, file: &str) -> usize {
    std::fs::read_to_string(place.path(file)).map_or(0, |text| text.lines().count())
}

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
        let mut child = spawn(&place, "killed");
        while lines(&place, file) < count {
            assert_eq!(child.try_wait().expect("a process"), None, "ended before {file} had {count} lines");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
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
    let mut child = {
        let mut prepared = place.adapt("torn");
        prepared.args(["--controls", "none"]);
        let mut process = Process::new(prepared.get_program());
        process.args(prepared.get_args()).current_dir(place.path(""));
        process.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
    };
    while lines(&place, "torn/iterations.jsonl") < 3 {
        assert_eq!(child.try_wait().expect("a process"), None, "ended too early");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
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
