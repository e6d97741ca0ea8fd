//! Programs that are watched while they work.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Starts a prepared command, which goes on by itself.
pub fn spawn(prepared: &assert_cmd::Command, stderr: Stdio) -> Child {
    let mut process = Command::new(prepared.get_program());
    process.args(prepared.get_args());
    process.current_dir(prepared.get_current_dir().expect("commands run in a place"));
    process.stdout(Stdio::null()).stderr(stderr).spawn().expect("started")
}

/// Waits until something has come about, which must be before the process ends.
#[track_caller]
pub fn wait_until(child: &mut Child, has_come: impl Fn() -> bool) {
    while !has_come() {
        assert_eq!(child.try_wait().expect("a process"), None, "ended too early");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills a process without warning; it may have ended already.
pub fn kill(mut child: Child) {
    child.kill().expect("a process");
    child.wait().expect("ended");
}

/// Lines of a file so far, none where it has not begun.
pub fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}
