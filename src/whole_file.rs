//! Writes a file as a whole: beside its final name first, then renamed, so that no reader ever meets half of it.
//! Reads a file as a whole, if it is one. What fails on a path says so in one way.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Something could not be done to a file or folder.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct PathError {
    /// `read`, `write` or `clean`.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The reason of the operating system, or of what reads or writes the content.
    pub source: Box<dyn Error + Send + Sync>,
}

impl PathError {
    /// Makes an error of its reason: `File::open(path).map_err(PathError::on("read", path))`.
    pub fn on<E: Into<Box<dyn Error + Send + Sync>>>(
        action: &'static str,
        path: &Path,
    ) -> impl Fn(E) -> Self {
        move |reason| Self { action, path: path.to_owned(), source: reason.into() }
    }
}

/// Replaces the file at `path` by `bytes`, creating missing folders on the way.
///
/// # Errors
/// The operating system's; a file that was there before is then unchanged.
pub fn write_whole_file(path: &Path, bytes: &[u8]) -> Result<(), PathError> {
    PendingFile::write(path, bytes)?.keep()
}

/// A file that is written beside its final name, and is gone unless it is kept.
#[derive(Debug)]
pub struct PendingFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl PendingFile {
    /// Writes the file that is to be at `path`, creating missing folders on the way.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<Self, PathError> {
        let file = Self::fill(path, bytes).map_err(PathError::on("write", path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    fn fill(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder)?;
        let mut file = beside(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }

    /// Where it lies until it is kept.
    pub fn pending(&self) -> &Path {
        self.file.path()
    }

    /// Where it will lie.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, in place of a file that was there before.
    ///
    /// # Errors
    /// The operating system's; a file that was there before is then unchanged.
    pub fn keep(self) -> Result<(), PathError> {
        let kept = self.file.persist(&self.path).map(drop::<File>);
        kept.map_err(|refused| PathError::on("write", &self.path)(refused.error))
    }

    /// Gives it its name if no file has it, and says whether it did: of several processes, one succeeds.
    ///
    /// # Errors
    /// The operating system's.
    pub fn keep_new(self) -> Result<bool, PathError> {
        match self.file.persist_noclobber(&self.path) {
            Ok(_) => Ok(true),
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(refused) => Err(PathError::on("write", &self.path)(refused.error)),
        }
    }
}

/// The content of an ordinary file: not of a folder, nor of a device or pipe, which may have no end.
///
/// # Errors
/// The operating system's, or that it is none.
pub fn read_whole_file(path: &Path) -> Result<Vec<u8>, PathError> {
    let refused = PathError::on("read", path);
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(PathError::on("read", path)("it is not a file")),
        Ok(_) => std::fs::read(path).map_err(refused),
        Err(error) => Err(refused(error)),
    }
}

/// What the names of files begin with until they are whole.
const UNFINISHED: &str = ".writing-";

/// Removes what processes that were killed while they wrote have left in a folder and those within it. Nobody may be
/// writing there, but in the folder `shared`.
///
/// # Errors
/// The operating system's.
pub fn remove_unfinished(folder: &Path, shared: &Path) -> Result<(), PathError> {
    let refused = PathError::on("clean", folder);
    for entry in std::fs::read_dir(folder).map_err(&refused)? {
        let entry = entry.map_err(&refused)?;
        let is_folder = entry.file_type().map_err(&refused)?.is_dir();
        if is_folder {
            if entry.path() != shared {
                remove_unfinished(&entry.path(), shared)?;
            }
        } else if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_file(entry.path()).map_err(&refused)?;
        }
    }
    Ok(())
}

/// A temporary file in `folder` with the permissions of an ordinary new file, not the private ones of a temporary one.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/file.txt");
        write_whole_file(&path, b"first, and longer").unwrap();
        write_whole_file(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"content").unwrap();
        assert_eq!(read_whole_file(&path).unwrap(), b"content");
        assert!(read_whole_file(folder.path()).is_err());
        #[cfg(unix)]
        assert!(read_whole_file(Path::new("/dev/zero")).is_err());
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join(name);
        std::fs::create_dir(inside("derived")).unwrap();
        let unfinished = beside(&inside("derived")).unwrap().into_temp_path().keep().unwrap();
        for name in ["run.toml", "derived/pareto.svg"] {
            std::fs::write(inside(name), b"whole").unwrap();
        }
        std::fs::create_dir(inside("results")).unwrap();
        let shared = beside(&inside("results")).unwrap().into_temp_path().keep().unwrap();
        remove_unfinished(folder.path(), &inside("results")).unwrap();
        assert!(shared.exists());
        assert!(!unfinished.exists());
        assert!(inside("run.toml").exists() && inside("derived/pareto.svg").exists());
    }

    #[test]
    fn of_two_that_write_the_same_new_file_one_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        let (first, second) =
            (PendingFile::write(&path, b"1").unwrap(), PendingFile::write(&path, b"2").unwrap());
        assert!(first.keep_new().unwrap());
        assert!(!second.keep_new().unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"1");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_refused_write_cleans_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        assert!(write_whole_file(&path, b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
