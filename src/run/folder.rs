//! A run folder: its layout, its lock, and the check that it is the same run.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::inputs::Inputs;
use crate::differences::differences;
use crate::spec::ArchId;
use crate::text_file::json_text;
use crate::whole_file::{PathError, remove_unfinished, write_whole_file};

/// A run folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] PathError),
    /// Another process works in it.
    #[error("{} is in use by another process; wait for it or choose another --out", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// It holds a run of other options or inputs.
    #[error("{} holds another run and is left as it is: {differences}; choose another --out, or delete it", path.display())]
    OtherRun {
        /// The folder.
        path: PathBuf,
        /// What differs.
        differences: String,
    },
    /// It is not empty and holds no run.
    #[error("{} is not empty and holds no run of this program; choose another --out", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
}

/// What a run is: who made it, from what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Manifest {
    program: String,
    version: String,
    command: Vec<String>,
    os: String,
    arch: String,
    cores: usize,
    inputs: Inputs,
}

/// Reads a JSON file, if it is there.
///
/// # Errors
/// If it is there and cannot be read.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FolderError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).map_err(PathError::on("read", path))?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PathError::on("read", path)(error).into()),
    }
}

/// A folder of one run, locked by this process.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Creates the folder of a run, or opens it again if it is the same run.
    /// `options` is the text of `run.toml`.
    ///
    /// # Errors
    /// If the folder cannot be written, is in use, or holds another run.
    pub fn open(
        path: &Path,
        options: &str,
        inputs: &Inputs,
        command: &[String],
    ) -> Result<Self, FolderError> {
        let folder = Self { path: path.to_owned(), _lock: lock(path)? };
        let (options_file, manifest_file) = (folder.file("run.toml"), folder.file("manifest.json"));
        if options_file.exists() && manifest_file.exists() {
            folder.check_same_run(options, inputs)?;
            remove_unfinished(path)?;
        } else {
            folder.write_json("manifest.json", &Manifest::new(inputs, command))?;
            folder.write("run.toml", options.as_bytes())?;
        }
        Ok(folder)
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.file("trials.jsonl")
    }

    /// A file that can be rebuilt from the journal.
    pub fn derived(&self, name: &str) -> PathBuf {
        self.path.join("derived").join(name)
    }

    /// A file of a network.
    pub fn network(&self, arch_id: &ArchId, name: &str) -> PathBuf {
        self.path.join("networks").join(arch_id.as_str()).join(name)
    }

    /// Writes a file of the run as a whole; `name` may contain folders.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        Ok(write_whole_file(&self.file(name), bytes)?)
    }

    /// Writes a JSON file of the run for people to read, as [`Self::write`].
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), FolderError> {
        self.write(name, json_text(value).as_bytes())
    }

    /// A file of the run; `name` may contain folders.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn check_same_run(&self, options: &str, inputs: &Inputs) -> Result<(), FolderError> {
        let before = self.read("run.toml")?;
        let mut differences = changed_options(&before, options);
        let manifest = self.read("manifest.json")?;
        match serde_json::from_str::<Manifest>(&manifest) {
            Ok(manifest) => {
                for (name, hash) in &inputs.0 {
                    if manifest.inputs.0.get(name) != Some(hash) {
                        differences.push(format!("the content of `{name}` has changed"));
                    }
                }
            }
            Err(_) => differences.push("manifest.json is not readable".to_owned()),
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(FolderError::OtherRun { path: self.path.clone(), differences: differences.join("; ") })
    }

    fn read(&self, name: &str) -> Result<String, FolderError> {
        let path = self.file(name);
        Ok(std::fs::read_to_string(&path).map_err(PathError::on("read", &path))?)
    }
}

/// Takes the folder for this process. A folder with other things in it is left alone.
fn lock(path: &Path) -> Result<File, FolderError> {
    if path.is_dir() && !path.join(".lock").exists() {
        let mut entries = std::fs::read_dir(path).map_err(PathError::on("read", path))?;
        if entries.next().is_some() {
            return Err(FolderError::NotARun { path: path.to_owned() });
        }
    }
    std::fs::create_dir_all(path).map_err(PathError::on("write", path))?;
    let file = File::create(path.join(".lock")).map_err(PathError::on("write", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(FolderError::Locked { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(PathError::on("write", path)(error).into()),
    }
}

impl Manifest {
    fn new(inputs: &Inputs, command: &[String]) -> Self {
        Self {
            program: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.to_vec(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores: super::threads::cores(),
            inputs: inputs.clone(),
        }
    }
}

/// The options that differ between two texts of `run.toml`.
fn changed_options(before: &str, now: &str) -> Vec<String> {
    let parse = |text: &str| toml::from_str::<serde_json::Value>(text).unwrap_or_default();
    differences(&parse(before), &parse(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path, options: &str, table: &[u8]) -> Result<RunFolder, FolderError> {
        RunFolder::open(path, options, &Inputs::new().with("table", table), &[])
    }

    #[test]
    fn the_same_run_opens_again_and_another_is_refused_with_what_changed() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("run");
        drop(open(&path, "seed = 1\n[a]\nb = 2\n", b"x").expect("new"));
        drop(open(&path, "seed = 1\n[a]\nb = 2\n", b"x").expect("same"));
        let error = open(&path, "seed = 1\n[a]\nb = 3\n", b"x").expect_err("other").to_string();
        assert!(error.contains("`a.b` was 2 and is now 3"), "{error}");
        let error = open(&path, "seed = 1\n[a]\nb = 2\n", b"y").expect_err("other").to_string();
        assert!(error.contains("`table` has changed"), "{error}");
    }

    #[test]
    fn a_folder_in_use_or_with_other_things_in_it_is_left_alone() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("run");
        let first = open(&path, "", b"").expect("new");
        assert!(matches!(open(&path, "", b""), Err(FolderError::Locked { .. })));
        drop(first);
        let other = folder.path().join("photos");
        std::fs::create_dir(&other).expect("disk");
        std::fs::write(other.join("cat.png"), b"").expect("disk");
        assert!(matches!(open(&other, "", b""), Err(FolderError::NotARun { .. })));
        assert_eq!(std::fs::read_dir(&other).expect("readable").count(), 1);
    }
}
