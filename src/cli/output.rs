//! Results on stdout, and who listens to a run.

use std::fmt::Display;
use std::io::{Stdout, Write};

use super::RunArgs;
use crate::run::{JsonLines, Observer, Silent};

/// Prints a result. A reader that has gone away (`| head`) is no error.
pub fn print(text: impl Display) {
    let mut stdout = std::io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Tells people on stderr what is being done.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The listener that the options ask for: JSON lines on stdout, none, or progress for people.
pub(super) fn observer<E, P: Observer<E> + 'static>(
    args: &RunArgs,
    progress: impl FnOnce() -> P,
) -> Box<dyn Observer<E>>
where
    JsonLines<Stdout>: Observer<E>,
{
    match (args.json, args.quiet) {
        (true, _) => Box::new(JsonLines::new(std::io::stdout())),
        (false, true) => Box::new(Silent),
        (false, false) => Box::new(progress()),
    }
}
