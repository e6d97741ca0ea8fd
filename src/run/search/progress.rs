//! What a search tells while it works, and how that looks on a terminal.

use serde::Serialize;

use super::record::{FinalRecord, TrialRecord};
use crate::cost::Resource;
use crate::outcome::Outcome;
use crate::run::events::{Event, Glance, Observer};
use crate::run::words::human;
use crate::terminal::Terminal;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SearchEvent {
    /// The run begins or goes on.
    Started {
        /// What will be done, one fact a line.
        summary: Vec<String>,
        /// Networks to train in the search.
        trials: usize,
        /// Networks to train longer after it.
        finals: usize,
    },
    /// Trials were taken over from an earlier, unfinished run.
    Resumed {
        /// How many.
        trials: usize,
        /// Networks already trained longer.
        finals: usize,
    },
    /// Something the user should know.
    Warning {
        /// The sentence.
        message: String,
    },
    /// A trial is done.
    Trial(TrialRecord),
    /// An epoch of a longer training is done.
    Epoch {
        /// The network.
        arch_id: String,
        /// Epoch, from 1.
        epoch: u32,
        /// Number of epochs.
        epochs: u32,
        /// Mean training loss.
        loss: f64,
    },
    /// A network of the front was trained longer and tested.
    Final(FinalRecord),
    /// Everything is done.
    Finished {
        /// The run folder.
        folder: String,
        /// Networks on the front.
        front: usize,
    },
}

/// A progress bar on a terminal, plain lines otherwise; both on stderr.
#[derive(Debug)]
pub struct SearchProgress(Terminal);

impl SearchProgress {
    /// A bar if stderr is a terminal.
    pub fn stderr() -> Self {
        Self(Terminal::stderr("{bar:30} {pos}/{len} networks, {elapsed} so far, {eta} to go  {msg}"))
    }

    fn step(&self, line: &str) {
        self.0.bar.inc(1);
        if self.0.plain {
            let (done, total) = (self.0.bar.position(), self.0.bar.length().unwrap_or(0));
            let left = human(self.0.bar.eta());
            self.0.say(&format!("[{done}/{total}] {line}; about {left} to go"));
        } else {
            self.0.bar.set_message(line.to_owned());
        }
    }
}

impl Observer<SearchEvent> for SearchProgress {
    fn notify(&self, event: &Event<SearchEvent>) {
        match &event.payload {
            SearchEvent::Started { summary, trials, finals } => {
                for line in summary {
                    self.0.say(line);
                }
                self.0.bar.set_length((trials + finals) as u64);
            }
            SearchEvent::Resumed { trials, finals } => {
                self.0.say(&format!("going on after {trials} finished trials and {finals} longer trainings"));
                self.0.bar.set_position((trials + finals) as u64);
                self.0.bar.reset_eta();
            }
            SearchEvent::Warning { message } => self.0.say(&format!("warning: {message}")),
            SearchEvent::Trial(trial) => self.step(&trial_line(trial)),
            SearchEvent::Epoch { arch_id, epoch, epochs, loss } => {
                let line = format!("{arch_id}: epoch {epoch}/{epochs}, loss {loss:.3}");
                if self.0.plain { self.0.say(&line) } else { self.0.bar.set_message(line) }
            }
            SearchEvent::Final(record) => self.step(&final_line(record)),
            SearchEvent::Finished { .. } => self.0.bar.finish_and_clear(),
        }
    }

    fn glance(&self, _glance: &Glance) {}
}

fn trial_line(trial: &TrialRecord) -> String {
    let result = match &trial.state {
        Outcome::Scored { accuracy } => format!("{:.1} %", 100.0 * accuracy),
        Outcome::Lost => "out of the race".to_owned(),
        Outcome::Failed { reason } => format!("failed: {reason}"),
    };
    let upper = trial.latency_upper_ms.map_or_else(String::new, |ms| format!(" (at most {ms:.1})"));
    let latency = trial.latency_ms.map(|ms| format!("{ms:.1} ms{upper}, "));
    let amount = |(column, amount): (&String, &f64)| {
        let shown = Resource::of_column(column).map(|resource| resource.show(*amount));
        shown.unwrap_or_else(|| format!("{column} {amount:.2}")) + ", "
    };
    let size = || {
        let (params, madds) = (trial.params as f64, trial.madds as f64);
        format!("{}, {}, ", Resource::Params.show(params), Resource::Madds.show(madds))
    };
    let others: String = trial.costs.iter().map(amount).collect();
    let latency = latency.unwrap_or_else(|| if others.is_empty() { size() } else { String::new() });
    format!("trial {}: {latency}{others}{result}", trial.trial)
}

fn final_line(record: &FinalRecord) -> String {
    match (record.test_accuracy(), &record.failure) {
        (Some(accuracy), _) => format!("{} trained longer: test {:.1} %", record.arch_id, 100.0 * accuracy),
        (None, reason) => format!("{} failed: {}", record.arch_id, reason.as_deref().unwrap_or("no images")),
    }
}
