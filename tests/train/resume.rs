//! A training that is killed, interrupted or run with other numbers of threads ends with the same bytes.

use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use crate::process::{kill, lines, spawn, wait_until};
use crate::support::{Place, differing, said};

/// Waits until a run has finished some epochs, and at least one is left.
fn wait_for_epochs(place: &Place, run: &str, epochs: usize, child: &mut Child) {
    let header_and_epochs = epochs + 1;
    wait_until(child, || lines(&place.path(run).join("epochs.csv")) >= header_and_epochs);
}

#[test]
fn a_run_killed_after_some_epochs_goes_on_to_the_same_bytes() {
    let place = Place::new();
    let long = |out: &str| {
        let mut command = place.train(out);
        command.args(["--epochs", "40"]);
        command
    };
    long("whole").assert().success();
    let mut child = spawn(&long("killed"), Stdio::piped());
    for epochs in [2, 9] {
        wait_for_epochs(&place, "killed", epochs, &mut child);
        kill(child);
        assert!(!place.path("killed/derived").exists(), "it was done before it was killed");
        child = spawn(&long("killed"), Stdio::piped());
    }
    assert!(child.wait().expect("ended").success());
    let mut last = long("killed");
    let talk = said(
        {
            last.arg("--resume");
            last
        },
        0,
    );
    assert!(talk.contains("going on after epoch 40"), "{talk}");
    assert_eq!(differing(&place.path("whole"), &place.path("killed")), [""; 0]);
}

#[test]
fn a_run_killed_at_any_moment_goes_on_to_the_same_bytes() {
    let place = Place::new();
    place.train("whole").assert().success();
    for patience_ms in [5, 40, 80, 120, 200] {
        let out = format!("killed{patience_ms}");
        let child = spawn(&place.train(&out), Stdio::piped());
        std::thread::sleep(Duration::from_millis(patience_ms));
        kill(child);
        place.train(&out).assert().success();
        assert_eq!(differing(&place.path("whole"), &place.path(&out)), [""; 0], "after {patience_ms} ms");
    }
}

#[test]
fn one_thread_and_three_give_the_same_run() {
    let place = Place::new();
    place.train("one").args(["--threads", "1"]).assert().success();
    place.train("three").args(["--threads", "3"]).assert().success();
    assert_eq!(differing(&place.path("one"), &place.path("three")), [""; 0]);
    place.train("other").args(["--seed", "1"]).assert().success();
    assert!(differing(&place.path("one"), &place.path("other")).contains(&"last.safetensors"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_last_epoch_and_exits_with_130() {
    let place = Place::new();
    let mut prepared = place.train("run");
    prepared.args(["--epochs", "100000"]);
    let mut child = spawn(&prepared, Stdio::piped());
    wait_for_epochs(&place, "run", 2, &mut child);
    let interrupt = Process::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(interrupt.success());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(130));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains("interrupted after") && talk.contains("goes on"), "{talk}");
    assert!(place.path("run/checkpoint.safetensors").exists());
    for file in ["learning_curves.svg", "learning_curves.png"] {
        assert!(place.path("run/derived").join(file).exists(), "{file}");
    }
}
