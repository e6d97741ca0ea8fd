//! Why something could not be measured.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::journal::JournalError;
use crate::runtime::RuntimeError;

/// Measuring failed.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MeasureError {
    /// The runtime does not run what it should.
    #[error("cannot measure {what}: {source}")]
    #[diagnostic(help("leave it out of the space or the plan, or use another --runtime"))]
    Runtime {
        /// What was to be measured.
        what: String,
        /// Why.
        source: RuntimeError,
    },
    /// The runtime names none of its operators after those of the network.
    #[error("the profile of the runtime names no operator of {unit}; its operators are {operators}")]
    #[diagnostic(help("use another --runtime, or the version of the runtime that README names"))]
    NotNamed {
        /// The unit without time.
        unit: String,
        /// What the runtime ran.
        operators: String,
    },
    /// The file of an interrupted measurement is that of another one.
    #[error("{} belongs to another measurement: {changes}", path.display())]
    #[diagnostic(help("go on with the same options, choose another --out, or delete the file"))]
    AnotherMeasurement {
        /// The file.
        path: PathBuf,
        /// What differs.
        changes: String,
    },
    /// The file that keeps what has been measured cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
