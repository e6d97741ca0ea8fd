//! Why a table was not measured, validated or transferred.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::diagnostic::FileError;
use crate::latency::{CalibrationError, MissingRows, ProposalError, TransferError};
use crate::measure::{MeasureError, NoGrid};
use crate::text_file::ReadError;
use crate::whole_file::PathError;

/// A table was not measured, validated or transferred.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum MeasurementError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(Box<FileError>),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Measure(#[from] MeasureError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Missing(#[from] MissingRows),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Calibration(#[from] CalibrationError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Transfer(#[from] TransferError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Proposal(#[from] ProposalError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Grid(#[from] NoGrid),
    #[cfg(feature = "train")]
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    /// The user ended it.
    #[error("interrupted")]
    #[diagnostic(help("the same command goes on, from {}", journal.display()))]
    Interrupted { journal: PathBuf },
    /// A result would replace a file.
    #[error("{} is there already", path.display())]
    #[diagnostic(help("choose another --out, or replace it with --force"))]
    Exists { path: PathBuf },
    /// A file could not be written.
    #[error(transparent)]
    #[diagnostic(help("check that the folder is writable"))]
    Write(#[from] PathError),
    /// A plan for something else.
    #[error("{plan} was made for {made_for}, not for {asked}")]
    #[diagnostic(help(
        "plan for it: mbn-latency plan --space FILE --out PLAN; or leave --space and --network out"
    ))]
    AnotherPlan { plan: String, made_for: String, asked: String },
    /// A device without a name of its own.
    #[error("the name of the device is unknown")]
    #[diagnostic(help("give it with --device NAME"))]
    NoName,
    /// A table of another runtime.
    #[error("{} is a table of {stated}, and {asked} is to run the networks", table.display())]
    #[diagnostic(help("validate a table in the runtime that it was measured in: --runtime, --threads"))]
    OtherRuntime { table: PathBuf, stated: String, asked: String },
    /// Nothing to judge by.
    #[error("{fit} of {networks} networks are to be fitted, which leaves none to judge by")]
    #[diagnostic(help("give more --networks, or a smaller --fit"))]
    NoneLeft { fit: usize, networks: usize },
    /// Fewer networks than asked for.
    #[error("the space has only {found} different networks")]
    #[diagnostic(help("give fewer --networks"))]
    SmallSpace { found: usize },
    /// No program for the other device.
    #[error("there is no program {}", path.display())]
    #[diagnostic(help(
        "build mbn-latency for the device, docs/measuring.md tells how, and name it with --program"
    ))]
    NoProgram { path: PathBuf },
    /// `ssh`, `scp` or `adb` cannot be run.
    #[error("cannot run {tool}: {source}")]
    #[diagnostic(help("install it: `ssh` and `scp` are OpenSSH, `adb` is in Android's platform tools"))]
    NoTool { tool: String, source: std::io::Error },
    /// A command of the other device failed.
    #[error("{what} ended with {how}{said}")]
    #[diagnostic(help(
        "see what it said above; when the device is back, the same command goes on where it was"
    ))]
    RemoteFailed { what: String, how: String, said: String },
}

impl From<FileError> for MeasurementError {
    fn from(error: FileError) -> Self {
        Self::File(Box::new(error))
    }
}
