//! What a run tells while it works, and who takes it.
//!
//! The library emits events; a progress bar, plain lines and JSON lines are observers of them. Every event travels in
//! one envelope, [`Event`]: which run, of what kind, how far it has come, and a payload of the kind's own.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of runs: a word of every event, and of the manifest of a run folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// `mbn-search`.
    Search,
    /// `mbn-train`.
    Training,
    /// `mbn-netadapt`.
    Netadapt,
    /// `mbn-export`.
    Export,
    /// `mbn-latency measure`.
    Measurement,
    /// `mbn-latency validate`.
    Validation,
    /// `mbn-latency transfer`.
    Transfer,
    /// `mbn-latency check`.
    Check,
}

impl RunKind {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Training => "training",
            Self::Netadapt => "netadapt",
            Self::Export => "export",
            Self::Measurement => "measurement",
            Self::Validation => "validation",
            Self::Transfer => "transfer",
            Self::Check => "check",
        }
    }
}

/// Something that happened in a run. As JSON, the fields of the payload stand beside those of the envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Event_{P}")]
pub struct Event<P> {
    /// The run: the name of its folder, or of the file that it writes.
    pub run: String,
    /// What kind of run it is.
    pub kind: RunKind,
    /// Parts of the work that are done.
    pub done: u64,
    /// Parts in all, as far as it is known: it may change while the run goes on.
    pub of: u64,
    /// What happened.
    #[serde(flatten)]
    pub payload: P,
}

/// What happens in a run that is many equal steps, or one, and ends with the report `R`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[schemars(rename = "{R}")]
pub enum TaskEvent<R> {
    /// The run begins or goes on.
    Started {
        /// What will be done, one fact a line.
        summary: Vec<String>,
    },
    /// Something the user should know.
    Warning {
        /// The sentence.
        message: String,
    },
    /// Another percent of the steps is done; how many steps is told beside.
    Progress,
    /// Everything is done.
    Finished(R),
}

/// What is at work this very moment: too frequent for JSON lines, for a progress bar alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// Steps of the bar since the last glance.
    pub advanced: u64,
    /// What is at work.
    pub message: String,
}

/// Takes the events of a run whose payloads are `P`.
pub trait Observer<P>: Sync {
    /// Takes an event.
    fn notify(&self, event: &Event<P>);

    /// Takes a look at what is at work.
    fn glance(&self, glance: &Glance);
}

/// Takes everything and does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl<P> Observer<P> for Silent {
    fn notify(&self, _event: &Event<P>) {}

    fn glance(&self, _glance: &Glance) {}
}

/// A function takes events alone: those of a run within another one on their way out.
impl<P, F: Fn(&Event<P>) + Sync> Observer<P> for F {
    fn notify(&self, event: &Event<P>) {
        self(event);
    }

    fn glance(&self, _glance: &Glance) {}
}

/// Writes every event as one line of JSON.
#[derive(Debug)]
pub struct JsonLines<W>(Mutex<W>);

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> Self {
        Self(Mutex::new(output))
    }
}

impl<P: Serialize, W: Write + Send> Observer<P> for JsonLines<W> {
    fn notify(&self, event: &Event<P>) {
        let line = serde_json::to_string(event).expect("payloads are plain data with text keys");
        // A reader that has gone away does not end the run: its files are kept.
        if let Ok(mut output) = self.0.lock() {
            let _ = writeln!(output, "{line}").and_then(|()| output.flush());
        }
    }

    fn glance(&self, _glance: &Glance) {}
}

/// The events of one run on their way to its observer.
pub struct Events<'a, P> {
    run: String,
    kind: RunKind,
    done: AtomicU64,
    of: AtomicU64,
    observer: &'a dyn Observer<P>,
}

impl<'a, P> Events<'a, P> {
    /// Events of the run in `folder`, or of the one that writes that file; none of its `of` parts is done.
    pub fn new(folder: &Path, kind: RunKind, of: u64, observer: &'a dyn Observer<P>) -> Self {
        let name = folder.file_name().map_or_else(|| folder.to_string_lossy(), |name| name.to_string_lossy());
        let (done, of) = (AtomicU64::new(0), AtomicU64::new(of));
        Self { run: name.into_owned(), kind, done, of, observer }
    }

    /// Tells that something happened.
    pub fn tell(&self, payload: P) {
        self.observer.notify(&Event {
            run: self.run.clone(),
            kind: self.kind,
            done: self.done.load(Ordering::Relaxed),
            of: self.of.load(Ordering::Relaxed),
            payload,
        });
    }

    /// Tells that another part of the work is done.
    pub fn advance(&self, payload: P) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.tell(payload);
    }

    /// Sets how many parts are done, of how many.
    pub fn set(&self, done: u64, of: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
    }

    /// Parts that are done, and parts in all.
    pub fn progress(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed))
    }

    /// Shows what is at work this moment.
    pub fn glance(&self, advanced: u64, message: String) {
        self.observer.glance(&Glance { advanced, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    #[serde(tag = "event", rename_all = "snake_case")]
    enum Payload {
        Warning { message: String },
    }

    #[test]
    fn an_event_is_one_flat_line_with_run_kind_and_progress() {
        let lines = JsonLines::new(Vec::new());
        let events = Events::new(Path::new("results/a-run"), RunKind::Search, 7, &lines);
        events.advance(Payload::Warning { message: "m".to_owned() });
        events.glance(1, "not a line".to_owned());
        let output = lines.0.into_inner().expect("nobody panicked");
        let expected = r#"{"run":"a-run","kind":"search","done":1,"of":7,"event":"warning","message":"m"}"#;
        assert_eq!(String::from_utf8(output).expect("text"), format!("{expected}\n"));
    }
}
