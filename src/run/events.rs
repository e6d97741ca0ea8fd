//! What a run tells while it works, and who listens.
//!
//! The library emits events; a progress bar, plain lines and JSON lines are
//! observers of them.

use std::io::Write;
use std::sync::Mutex;

use serde::Serialize;

/// Listens to a run that tells events `E`.
pub trait Observer<E>: Sync {
    /// Takes an event.
    fn notify(&self, event: &E);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl<E> Observer<E> for Silent {
    fn notify(&self, _event: &E) {}
}

/// Writes every event as one line of JSON.
#[derive(Debug)]
pub struct JsonLines<W>(Mutex<W>);

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> Self {
        Self(Mutex::new(output))
    }

    pub(super) fn write(&self, event: &impl Serialize) {
        // A reader that has gone away does not end the run: its files are kept.
        if let (Ok(mut output), Ok(line)) = (self.0.lock(), serde_json::to_string(event)) {
            let _ = writeln!(output, "{line}").and_then(|()| output.flush());
        }
    }
}
