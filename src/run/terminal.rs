//! What people see of a run on stderr: a bar with lines above it, or lines alone where stderr is no terminal.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on a terminal, plain lines otherwise.
#[derive(Debug)]
pub(super) struct Terminal {
    pub(super) bar: ProgressBar,
    pub(super) plain: bool,
}

impl Terminal {
    /// A bar drawn by `template` if stderr is a terminal.
    pub(super) fn stderr(template: &str) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if !plain {
            bar.enable_steady_tick(Duration::from_millis(500));
        }
        Self { bar, plain }
    }

    /// Writes a line that stays.
    pub(super) fn say(&self, line: &str) {
        if self.plain {
            let _ = writeln!(std::io::stderr(), "{line}");
        } else {
            self.bar.println(line);
        }
    }
}
