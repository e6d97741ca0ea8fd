//! Writes a file as a whole: beside its final name first, then renamed, so that no reader ever meets half of it.
//! Reads a file as a whole, if it is one.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Replaces the file at `path` by `bytes`, creating missing folders on the way.
///
/// # Errors
/// The operating system's; a file that was there before is then unchanged.
pub fn write_whole_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
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
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder)?;
        let mut file = beside(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(Self { file, path: path.to_owned() })
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
    pub fn keep(self) -> io::Result<()> {
        self.file.persist(&self.path).map(drop::<File>).map_err(|refused| refused.error)
    }

    /// Gives it its name if no file has it: of several processes, one succeeds.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if there is a file, which stays; or the operating system's.
    pub fn keep_new(self) -> io::Result<()> {
        self.file.persist_noclobber(&self.path).map(drop::<File>).map_err(|refused| refused.error)
    }
}

/// The content of an ordinary file: not of a folder, nor of a device or pipe, which may have no end.
///
/// # Errors
/// The operating system's, or that it is none.
pub fn read_whole_file(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    std::fs::read(path)
}

/// What the names of files begin with until they are whole.
const UNFINISHED: &str = ".writing-";

/// Removes what processes that were killed while they wrote have left in a folder and those within it. Nobody may be
/// writing there, but in the folder `shared`.
///
/// # Errors
/// The operating system's.
pub fn remove_unfinished(folder: &Path, shared: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        if is_folder {
            if entry.path() != shared {
                remove_unfinished(&entry.path(), shared)?;
            }
        } else if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_file(entry.path())?;
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
        first.keep_new().unwrap();
        assert_eq!(second.keep_new().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
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
