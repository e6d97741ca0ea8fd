//! Results on stdout.

use std::fmt::Display;
use std::io::Write;

/// Prints a result. A reader that has gone away (`| head`) is no error.
pub fn print(text: impl Display) {
    let mut stdout = std::io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}
