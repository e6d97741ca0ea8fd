//! How far a measurement has come, on stderr; and Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::ProgressBar;
use miette::Report;

use crate::cli::interrupt::stop_on_ctrl_c;
use crate::measure::Progress;
use crate::terminal::Terminal;

/// A bar with the time that is left.
pub(super) struct Bar {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Bar {
    pub(super) fn new(what: &'static str, quiet: bool) -> Result<Self, Report> {
        let stop = stop_on_ctrl_c()?;
        let template = "{msg} {wide_bar} {pos}/{len}, {eta} left";
        let bar = if quiet { ProgressBar::hidden() } else { Terminal::stderr(template).bar };
        bar.set_message(what);
        Ok(Self { bar, stop })
    }

    /// Shows the progress; false if people want it to end.
    pub(super) fn goes_on(&mut self, progress: Progress) -> bool {
        if self.bar.length() != Some(progress.all as u64) {
            self.bar.set_length(progress.all as u64);
            // What was done in an earlier run says nothing of the speed of this one.
            self.bar.set_position(progress.done as u64);
            self.bar.reset_eta();
        }
        self.bar.set_position(progress.done as u64);
        if progress.done == progress.all {
            self.bar.finish_and_clear();
        }
        !self.stop.load(Ordering::SeqCst)
    }
}
