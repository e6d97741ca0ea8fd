//! A search that is killed, cut or run with other numbers of jobs ends with the same bytes.

#[path = "support/process.rs"]
mod process;
mod support;

use std::process::{Command as Process, Stdio};
use std::time::Duration;

use process::{kill, lines, spawn, wait_until};
use support::{Place, results};

fn journal_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&b| b == b'\n').count()
}

#[test]
fn one_job_and_two_give_the_same_run() {
    let place = Place::new();
    place.search("one").args(["--jobs", "1"]).assert().success();
    place.search("two").args(["--jobs", "2"]).assert().success();
    let (one, two) = (results(&place.path("one")), results(&place.path("two")));
    assert_eq!(one, two);
    let lines = journal_lines(&one[0].1);
    assert!((11..=12).contains(&lines), "10 trials and up to 2 longer trainings, not {lines} lines");
    let names: Vec<_> = one.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "trials.jsonl",
            "pareto.csv",
            "pareto.png",
            "pareto.svg",
            "progress.png",
            "progress.svg",
            "trials.csv"
        ]
    );
}

#[test]
fn a_journal_cut_at_every_line_and_at_random_bytes_is_completed_to_the_same_bytes() {
    let place = Place::new();
    place.search("whole").assert().success();
    let whole = results(&place.path("whole"));
    let journal = &whole[0].1;
    let line_ends = journal.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
    let mut cuts: Vec<usize> = std::iter::once(0).chain(line_ends).collect();
    // Bytes inside lines, spread by a fixed rule.
    cuts.extend((1..=8).map(|i| i * 7919 % journal.len()));
    for cut in cuts {
        std::fs::write(place.path("whole/trials.jsonl"), &journal[..cut]).expect("disk");
        std::fs::remove_dir_all(place.path("whole/derived")).expect("derived");
        place.search("whole").assert().success();
        assert_eq!(results(&place.path("whole")), whole, "cut at byte {cut}");
    }
}

#[test]
fn a_process_killed_at_any_moment_goes_on_to_the_same_bytes() {
    let place = Place::new();
    place.search("whole").assert().success();
    let whole = results(&place.path("whole"));
    for (round, patience_ms) in [30, 300, 600, 1200, 2400].into_iter().enumerate() {
        let out = format!("killed{round}");
        kill_after(&place, &out, Duration::from_millis(patience_ms));
        place.search(&out).assert().success();
        assert_eq!(results(&place.path(&out)), whole, "killed after {patience_ms} ms");
    }
}

#[test]
fn every_strategy_and_reward_runs_under_a_budget() {
    let place = Place::new();
    let cases: [&[&str]; 4] = [
        &["--strategy", "random"],
        &["--strategy", "evolution"],
        &["--strategy", "evolution", "--reward", "tunas"],
        &["--strategy", "nsga2"],
    ];
    for (index, arguments) in cases.iter().enumerate() {
        let out = format!("run{index}");
        place.search(&out).args(["--budget", "6.8ms", "--finals", "0"]).args(*arguments).assert().success();
        let journal = std::fs::read_to_string(place.path(&out).join("trials.jsonl")).expect("journal");
        assert_eq!(journal.lines().count(), 10, "{arguments:?}");
        for line in journal.lines() {
            let trial: serde_json::Value = serde_json::from_str(line).expect("json");
            assert!(trial["latency_ms"].as_f64().expect("a number") <= 6.8, "{line}");
        }
    }
}

/// Starts a search and kills it without warning.
fn kill_after(place: &Place, out: &str, patience: Duration) {
    let child = spawn(&place.search(out), Stdio::null());
    std::thread::sleep(patience);
    kill(child);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_finished_and_exits_with_130() {
    let place = Place::new();
    let mut prepared = place.search("run");
    prepared.args(["--trials", "40", "--epochs", "50", "--jobs", "2"]);
    let mut child = spawn(&prepared, Stdio::piped());
    wait_until(&mut child, || lines(&place.path("run/trials.jsonl")) >= 2);
    let interrupt = Process::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(interrupt.success());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(130));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains("interrupted after") && talk.contains("goes on"), "{talk}");
    assert!(place.path("run/derived/trials.csv").exists());
}
