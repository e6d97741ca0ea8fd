//! What a training tells while it works, and how that looks on a terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::observer::{JsonLines, Observer, human};
use super::training_report::TestReport;
use crate::data::Waits;
use crate::train::{EpochRecord, StepReport};

/// Something that happened in a training.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// A step is done; too frequent for JSON lines.
    #[serde(skip)]
    Step(StepReport),
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

impl<W: Write + Send> Observer<TrainingEvent> for JsonLines<W> {
    fn notify(&self, event: &TrainingEvent) {
        if !matches!(event, TrainingEvent::Step(_)) {
            self.write(event);
        }
    }
}

/// A progress bar over images on a terminal, a line an epoch otherwise; both on stderr.
#[derive(Debug)]
pub struct TrainingProgress {
    bar: ProgressBar,
    plain: bool,
}

impl TrainingProgress {
    /// A bar if stderr is a terminal.
    pub fn stderr() -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:16} {msg}, {eta} to go");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        if !plain {
            bar.enable_steady_tick(Duration::from_millis(500));
        }
        Self { bar, plain }
    }

    fn say(&self, line: &str) {
        if self.plain {
            let _ = writeln!(std::io::stderr(), "{line}");
        } else {
            self.bar.println(line);
        }
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
        if self.plain {
            line += &format!("; {:.0} images/s, about {} to go", self.bar.per_sec(), human(self.bar.eta()));
        }
        self.say(&line);
    }

    fn waits(&self, Waits { batches, waited }: Waits) {
        if batches > 0 {
            self.say(&format!(
                "training waited for images in {waited} of {batches} batches (the first of each epoch left out)"
            ));
        }
    }
}

impl Observer<TrainingEvent> for TrainingProgress {
    fn notify(&self, event: &TrainingEvent) {
        match event {
            TrainingEvent::Started { summary, epochs, images } => {
                for line in summary {
                    self.say(line);
                }
                self.bar.set_length(u64::from(*epochs) * *images as u64);
            }
            TrainingEvent::Resumed { epochs, images } => {
                self.say(&format!("going on after epoch {epochs}"));
                self.bar.set_position(*images);
                self.bar.reset_eta();
            }
            TrainingEvent::Warning { message } => self.say(&format!("warning: {message}")),
            TrainingEvent::Step(step) => {
                self.bar.inc(step.images as u64);
                if !self.plain {
                    self.bar.set_message(format!(
                        "epoch {}, loss {:.3}, {:.1} %, {:.0} images/s",
                        step.epoch,
                        step.loss,
                        100.0 * step.accuracy,
                        self.bar.per_sec()
                    ));
                }
            }
            TrainingEvent::Epoch { epochs, record, .. } => self.epoch(*epochs, record),
            TrainingEvent::Tested(_) => {}
            TrainingEvent::Finished { waits, .. } => {
                self.waits(*waits);
                self.bar.finish_and_clear();
            }
        }
    }
}
