//! A file that a command writes at its end.

use std::path::Path;

use super::MeasurementError;
use crate::whole_file::write_whole_file;

/// Where a result goes.
#[derive(Debug, Clone, Copy)]
pub struct Out<'a> {
    path: &'a Path,
}

impl<'a> Out<'a> {
    /// The file, which is not there yet unless it may be replaced.
    ///
    /// # Errors
    /// If it is there and may not be replaced.
    pub fn new(path: &'a Path, force: bool) -> Result<Self, MeasurementError> {
        if path.exists() && !force {
            return Err(MeasurementError::Exists { path: path.to_owned() });
        }
        Ok(Self { path })
    }

    /// The file.
    pub fn path(self) -> &'a Path {
        self.path
    }

    /// Its name in messages.
    pub fn name(self) -> String {
        self.path.display().to_string()
    }

    /// Writes it as a whole.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(self, text: &str) -> Result<(), MeasurementError> {
        write_whole_file(self.path, text.as_bytes())
            .map_err(|source| MeasurementError::Write { path: self.path.to_owned(), source })
    }
}
