//! What people see of work on stderr: a bar with lines above it, or lines alone where stderr is no terminal.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Tells people on stderr what is being done.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A bar on a terminal, plain lines otherwise.
#[derive(Debug)]
pub struct Terminal {
    /// The bar; it draws nothing where stderr is no terminal.
    pub bar: ProgressBar,
    /// Whether stderr is no terminal.
    pub plain: bool,
}

impl Terminal {
    /// A bar drawn by `template` if stderr is a terminal.
    pub fn stderr(template: &str) -> Self {
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
    pub fn say(&self, line: &str) {
        if self.plain {
            say(line);
        } else {
            self.bar.println(line);
        }
    }
}
