//! A file that a command writes at its end.

use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::whole_file::write_whole_file;

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
    #[error("cannot write {}: {source}", path.display())]
    #[diagnostic(help("check that the folder is writable"))]
    Write { path: PathBuf, source: std::io::Error },
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
        write_whole_file(self.path, text.as_bytes())
            .map_err(|source| OutError::Write { path: self.path.to_owned(), source })
    }
}
