//! What an adaptation tells while it works, and how that looks on a terminal.

use std::sync::Mutex;

use serde::Serialize;

use super::record::{IterationRecord, ProposalState, SeedRecord};
use super::summary::Summary;
use crate::cost::Resource;
use crate::netadapt::Phase;
use crate::run::events::{Event, Glance, Observer};
use crate::run::words::human;
use crate::terminal::Terminal;

/// Something that happened in an adaptation.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum NetadaptEvent {
    /// The run begins or goes on.
    Started {
        /// What will be done, one fact a line.
        summary: Vec<String>,
        /// What is limited.
        resource: Resource,
        /// The most that the result may cost.
        budget: f64,
        /// The most that it may be predicted to cost: another number where the budget is to hold with a confidence.
        limit: f64,
    },
    /// Iterations were taken over from an earlier, unfinished run.
    Resumed {
        /// How many.
        iterations: usize,
        /// What the network costs that they led to.
        cost: f64,
    },
    /// Something the user should know.
    Warning {
        /// The sentence.
        message: String,
    },
    /// The network to start from is trained and scored.
    Seed(SeedRecord),
    /// An epoch of a longer training is done.
    Epoch {
        /// What is trained.
        name: String,
        /// Epoch, from 1.
        epoch: u32,
        /// Number of epochs.
        epochs: u32,
        /// Mean training loss.
        loss: f64,
        /// Training accuracy, as a fraction.
        accuracy: f64,
    },
    /// An iteration is done.
    Iteration(IterationRecord),
    /// A network saw the test images.
    Tested {
        /// Which one.
        name: String,
        /// Its accuracy, as a fraction.
        accuracy: f64,
    },
    /// Everything is done.
    Finished {
        /// The run folder.
        folder: String,
        /// What was found.
        summary: Summary,
    },
}

/// A spinner with what is at work on a terminal, and a line for each iteration and epoch; all on stderr.
#[derive(Debug)]
pub struct NetadaptProgress {
    terminal: Terminal,
    state: Mutex<State>,
}

/// Where the loop is.
#[derive(Debug)]
struct State {
    resource: Resource,
    /// Where narrowing ends.
    limit: f64,
    /// Cost of the seed.
    seed: f64,
}

/// Parts that the way to the budget is counted in, for the time that is left.
const WAY: f64 = 1000.0;

impl State {
    /// How much of the way to the budget a network of this cost has behind it.
    fn way_done(&self, cost: f64) -> u64 {
        (WAY * (self.seed - cost) / (self.seed - self.limit)).clamp(0.0, WAY) as u64
    }
}

impl NetadaptProgress {
    /// A spinner if stderr is a terminal.
    pub fn stderr() -> Self {
        let state = State { resource: Resource::Latency, limit: 0.0, seed: 0.0 };
        Self { terminal: Terminal::stderr("{spinner} {elapsed} {msg}"), state: Mutex::new(state) }
    }

    fn iteration(&self, record: &IterationRecord) {
        let Ok(state) = self.state.lock() else { return };
        let line = iteration_line(record, state.resource);
        let narrowed = record.winner().filter(|_| record.phase == Phase::Narrow);
        let left = narrowed.filter(|winner| winner.cost > state.limit).map(|winner| {
            self.terminal.bar.set_position(state.way_done(winner.cost));
            self.terminal.bar.eta()
        });
        drop(state);
        self.terminal.say(&match left {
            Some(left) => format!("{line}; about {} to the budget", human(left)),
            None => line,
        });
    }
}

/// An iteration in a line.
pub(super) fn iteration_line(record: &IterationRecord, resource: Resource) -> String {
    let word = match record.phase {
        Phase::Narrow => "",
        Phase::Exchange => " exchange,",
        Phase::Fill => " filling up,",
    };
    let count = record.proposals.iter().filter(|p| p.state != ProposalState::Pacer).count();
    let lost = record.proposals.iter().filter(|p| p.state == ProposalState::Lost).count();
    let failed = record.proposals.iter().filter(|p| matches!(p.state, ProposalState::Failed { .. })).count();
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let what = match record.winner() {
        None => "no proposal has a result".to_owned(),
        Some(winner) => {
            let change = match (&winner.group, winner.from, winner.to) {
                (Some(group), Some(from), Some(to)) => format!("{group} {from} -> {to}, "),
                _ => String::new(),
            };
            format!("{change}{}, {:.1} %", resource.show(winner.cost), 100.0 * winner.accuracy.unwrap_or(0.0))
        }
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("[{}]{word} {what} ({count} proposal{plural}, {lost} out early{failed})", record.iteration)
}

impl Observer<NetadaptEvent> for NetadaptProgress {
    fn notify(&self, event: &Event<NetadaptEvent>) {
        match &event.payload {
            NetadaptEvent::Started { summary, resource, limit, .. } => {
                for line in summary {
                    self.terminal.say(line);
                }
                if let Ok(mut state) = self.state.lock() {
                    (state.resource, state.limit) = (*resource, *limit);
                }
            }
            NetadaptEvent::Resumed { iterations, cost } => {
                if let Ok(state) = self.state.lock() {
                    self.terminal.bar.set_position(state.way_done(*cost));
                    self.terminal.bar.reset_eta();
                }
                self.terminal.say(&format!("going on after {iterations} finished iterations"));
            }
            NetadaptEvent::Warning { message } => self.terminal.say(&format!("warning: {message}")),
            NetadaptEvent::Seed(seed) => {
                if let Ok(mut state) = self.state.lock() {
                    state.seed = seed.cost;
                    self.terminal.bar.set_length(WAY as u64);
                    self.terminal.bar.set_position(0);
                    self.terminal.bar.reset_eta();
                    self.terminal.say(&format!(
                        "start: {}, {:.1} % of {} held-out images",
                        state.resource.show(seed.cost),
                        100.0 * seed.accuracy,
                        seed.images
                    ));
                }
            }
            NetadaptEvent::Epoch { name, epoch, epochs, loss, accuracy } => {
                self.terminal.say(&format!(
                    "{name}: epoch {epoch}/{epochs}, loss {loss:.3}, {:.1} %",
                    100.0 * accuracy
                ));
            }
            NetadaptEvent::Iteration(record) => self.iteration(record),
            NetadaptEvent::Tested { name, accuracy } => {
                self.terminal.say(&format!("{name}: test {:.1} %", 100.0 * accuracy));
            }
            NetadaptEvent::Finished { .. } => self.terminal.bar.finish_and_clear(),
        }
    }

    fn glance(&self, glance: &Glance) {
        self.terminal.bar.set_message(glance.message.clone());
    }
}
