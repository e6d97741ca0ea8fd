//! A file that a command writes at its end.

use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::whole_file::{PathError, write_whole_file};

/// Where a result goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out<'a> {
    path: &'a Path,
}

/// Why a result has no place.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(super) enum OutError {
    #[error("{} is there already", path.display())]
    #[diagnostic(help("choose another --out, or replace it with --force"))]
    Exists { path: PathBuf },
    #[error(transparent)]
    #[diagnostic(help("check that the folder is writable"))]
    Write(#[from] PathError),
}

impl<'a> Out<'a> {
    /// The file, which is not there yet unless it may be replaced.
    pub(super) fn new(path: &'a Path, force: bool) -> Result<Self, OutError> {
        if path.exists() && !force {
            return Err(OutError::Exists { path: path.to_owned() });
        }
        Ok(Self { path })
    }

    pub(super) fn write(self, text: &str) -> Result<(), OutError> {
        Ok(write_whole_file(self.path, text.as_bytes())?)
    }
}
