//! Files that commands write at their end.

use std::path::Path;

use super::MeasurementError;
use crate::whole_file::write_whole_file;

/// Checks that there is no file at `path`, unless it may be replaced.
///
/// # Errors
/// If there is one.
pub fn check_free(path: &Path, may_replace: bool) -> Result<(), MeasurementError> {
    if path.exists() && !may_replace {
        return Err(MeasurementError::Exists { path: path.to_owned() });
    }
    Ok(())
}

/// Writes a file as a whole.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), MeasurementError> {
    Ok(write_whole_file(path, text.as_bytes())?)
}
