//! Exit codes, and errors as people see them.

use std::io::Write;
use std::process::ExitCode;

use miette::{Diagnostic, Report};

use crate::cost::BudgetError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// An error; it has been told.
    Error,
    /// The arguments are wrong.
    Usage,
    /// No network meets the budget.
    BudgetUnreachable,
    /// Interrupted by the user.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::BudgetUnreachable => 3,
            Exit::Interrupted => 130,
        })
    }
}

impl From<&BudgetError> for Exit {
    fn from(error: &BudgetError) -> Self {
        match error {
            BudgetError::Text { .. } | BudgetError::Arguments { .. } => Self::Usage,
            BudgetError::Unreachable { .. } => Self::BudgetUnreachable,
            BudgetError::Confidence(_) => Self::Error,
        }
    }
}

/// How a command ended, after its error, if there is one, was told.
pub(super) fn finish(done: Result<Exit, Report>) -> Exit {
    match done {
        Ok(exit) => exit,
        Err(report) => {
            let error: &dyn Diagnostic = report.as_ref();
            report_error(error);
            report.downcast_ref::<BudgetError>().map_or(Exit::Error, Exit::from)
        }
    }
}

/// Tells an error on stderr: the message (which names its cause), its place in a file if it has one,
/// and the remedy.
pub fn report_error(error: &dyn Diagnostic) {
    let mut text = String::new();
    let handler = miette::GraphicalReportHandler::new_themed(theme())
        .with_links(false)
        .without_cause_chain()
        .with_width(terminal_width());
    let rendered = handler.render_report(&mut text, error);
    let text = if rendered.is_ok() { text } else { format!("error: {error}\n") };
    let _ = write!(std::io::stderr(), "{}", text.trim_start_matches('\n'));
}

/// Colours on a terminal only, and never under NO_COLOR.
fn theme() -> miette::GraphicalTheme {
    use std::io::IsTerminal;
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        miette::GraphicalTheme::unicode()
    } else {
        miette::GraphicalTheme::unicode_nocolor()
    }
}

fn terminal_width() -> usize {
    100
}
