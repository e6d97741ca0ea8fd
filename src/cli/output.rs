//! Results on stdout.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::run::{Events, JsonLines, RunKind, TaskEvent};

/// Prints a result. A reader that has gone away (`| head`) is no error.
pub fn print(text: impl Display) {
    let mut stdout = std::io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Prints the report of a run that is told only when it is done, as its one event; `file` is what it read or wrote.
pub fn print_finished(file: &Path, kind: RunKind, report: &impl Serialize) {
    let lines = JsonLines::new(std::io::stdout());
    Events::new(file, kind, 1, &lines).advance(TaskEvent::Finished(report));
}
