//! What a training tells while it works, and how that looks on a terminal.

use serde::Serialize;

use super::report::TestReport;
use crate::data::Waits;
use crate::run::events::{Event, Glance, Observer};
use crate::run::words::human;
use crate::terminal::Terminal;
use crate::train::EpochRecord;

/// Something that happened in a training.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrainingEvent {
    /// The training begins or goes on.
    Started {
        /// What will be done, one fact a line.
        summary: Vec<String>,
        /// Number of epochs.
        epochs: u32,
        /// Images in an epoch.
        images: usize,
    },
    /// Epochs were taken over from an earlier, unfinished run.
    Resumed {
        /// How many.
        epochs: u32,
        /// Images trained on in them.
        images: u64,
    },
    /// Something the user should know.
    Warning {
        /// The sentence.
        message: String,
    },
    /// An epoch is done.
    Epoch {
        /// Number of epochs.
        epochs: u32,
        /// What it brought.
        #[serde(flatten)]
        record: EpochRecord,
        /// How many of its batches training waited for.
        waits: Waits,
    },
    /// The test images were seen.
    Tested(TestReport),
    /// Everything is done.
    Finished {
        /// The run folder.
        folder: String,
        /// The same as in the epochs, of all that were trained just now.
        waits: Waits,
    },
}

/// A progress bar over images on a terminal, a line an epoch otherwise; both on stderr.
#[derive(Debug)]
pub struct TrainingProgress(Terminal);

impl TrainingProgress {
    /// A bar if stderr is a terminal.
    pub fn stderr() -> Self {
        Self(Terminal::stderr("{bar:16} {msg}, {eta} to go"))
    }

    fn epoch(&self, epochs: u32, record: &EpochRecord) {
        let mut line = format!(
            "[{}/{epochs}] loss {:.3}, accuracy {:.1} %",
            record.epoch,
            record.train_loss,
            100.0 * record.train_accuracy
        );
        if let Some(validation) = record.validation {
            line += &format!(", validation {:.1} %", 100.0 * validation.accuracy);
        }
        if let Some(without) = record.without_average {
            line += &format!(" (without average {:.1} %)", 100.0 * without.accuracy);
        }
        if self.0.plain {
            line +=
                &format!("; {:.0} images/s, about {} to go", self.0.bar.per_sec(), human(self.0.bar.eta()));
        }
        self.0.say(&line);
    }

    fn waits(&self, Waits { batches, waited }: Waits) {
        if batches > 0 {
            self.0.say(&format!(
                "training waited for images in {waited} of {batches} batches (the first of each epoch left out)"
            ));
        }
    }
}

impl Observer<TrainingEvent> for TrainingProgress {
    fn notify(&self, event: &Event<TrainingEvent>) {
        match &event.payload {
            TrainingEvent::Started { summary, epochs, images } => {
                for line in summary {
                    self.0.say(line);
                }
                self.0.bar.set_length(u64::from(*epochs) * *images as u64);
            }
            TrainingEvent::Resumed { epochs, images } => {
                self.0.say(&format!("going on after epoch {epochs}"));
                self.0.bar.set_position(*images);
                self.0.bar.reset_eta();
            }
            TrainingEvent::Warning { message } => self.0.say(&format!("warning: {message}")),
            TrainingEvent::Epoch { epochs, record, .. } => self.epoch(*epochs, record),
            TrainingEvent::Tested(_) => {}
            TrainingEvent::Finished { waits, .. } => {
                self.waits(*waits);
                self.0.bar.finish_and_clear();
            }
        }
    }

    fn glance(&self, glance: &Glance) {
        self.0.bar.inc(glance.advanced);
        if !self.0.plain {
            self.0.bar.set_message(format!("{}, {:.0} images/s", glance.message, self.0.bar.per_sec()));
        }
    }
}
