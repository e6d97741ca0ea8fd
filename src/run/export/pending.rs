//! Files of an export until it is proven.

use std::path::{Path, PathBuf};

use super::ExportedFile;
use super::error::ExportError;
use crate::whole_file::{PathError, PendingFile};

/// Files that are kept all together, or not at all.
#[derive(Debug, Default)]
pub(super) struct Pending {
    files: Vec<(PendingFile, ExportedFile)>,
}

impl Pending {
    /// Writes a file beside its final name; its path until it is kept.
    pub(super) fn write(&mut self, path: &Path, bytes: &[u8], content: &str) -> Result<PathBuf, ExportError> {
        let file = PendingFile::write(path, bytes)?;
        let pending = file.pending().to_owned();
        let described =
            ExportedFile { path: path.to_owned(), bytes: bytes.len() as u64, content: content.to_owned() };
        self.files.push((file, described));
        Ok(pending)
    }

    /// Gives all files their names.
    pub(super) fn keep(self) -> Result<Vec<ExportedFile>, ExportError> {
        let mut kept = Vec::with_capacity(self.files.len());
        for (file, described) in self.files {
            file.keep()?;
            kept.push(described);
        }
        Ok(kept)
    }
}

/// Reads a file back.
pub(super) fn read_back(path: &Path) -> Result<Vec<u8>, ExportError> {
    Ok(std::fs::read(path).map_err(PathError::on("read", path))?)
}
