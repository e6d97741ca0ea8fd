//! A run folder: its layout, its lock, the check that it is the same run, and reading it without either.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::events::RunKind;
use super::inputs::Inputs;
use crate::differences::differences;
use crate::journal::{self, JournalError};
use crate::spec::ArchId;
use crate::text_file::json_text;
use crate::whole_file::{PathError, remove_unfinished, write_whole_file};

/// Version of the layout. Folders of others are refused:
/// 1 had no kind, no copies of its inputs, and the report of a training in `report/`.
const FORMAT: u32 = 2;

/// Every resolved option.
const OPTIONS: &str = "run.toml";
const MANIFEST: &str = "manifest.json";
/// Results of jobs that other processes run, which write there at any time.
pub(super) const RESULTS: &str = "results";

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
    /// There is no run to read.
    #[error("{} holds no run: it has no {MANIFEST}; give the folder that a command named with `in` or --out", path.display())]
    NothingToRead {
        /// The folder.
        path: PathBuf,
    },
    /// Another version of the program made it.
    #[error("{} is a run folder of format {found}, made by version {version}, and this version reads format {FORMAT}; {}", path.display(), if *found < FORMAT { "start the run again with another --out, or use the version that made it" } else { "use a newer version of this program" })]
    OtherFormat {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The program's version that made it.
        version: String,
    },
    /// It is a run of another kind than the one asked for.
    #[error("{} is a run of the kind `{}`, not `{}`; choose another folder", path.display(), found.name(), wanted.name())]
    OtherKind {
        /// The folder.
        path: PathBuf,
        /// Its kind.
        found: RunKind,
        /// The kind asked for.
        wanted: RunKind,
    },
    /// A journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What a run is: who made it, from what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the folder's layout; folders from before it was written have the first.
    #[serde(default = "first_format")]
    format: u32,
    /// What kind of run it is; stated from format 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<RunKind>,
    program: String,
    version: String,
    /// The command line.
    pub command: Vec<String>,
    os: String,
    arch: String,
    cores: usize,
    inputs: Inputs,
    /// Files of the folder that hold an input, by the input's name.
    #[serde(default)]
    copies: BTreeMap<String, String>,
}

fn first_format() -> u32 {
    1
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

/// A run folder as anyone may read it at any time, also while the run goes on: without its lock and its options.
#[derive(Debug, Clone)]
pub struct RunReader {
    path: PathBuf,
    manifest: Manifest,
    kind: RunKind,
}

impl RunReader {
    /// Opens the folder of a run of any kind.
    ///
    /// # Errors
    /// If it holds no run, or one of another version of the layout.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let manifest: Option<Manifest> = read_json(&path.join(MANIFEST))?;
        let path = path.to_owned();
        let Some(manifest) = manifest else { return Err(FolderError::NothingToRead { path }) };
        let found = manifest.format;
        match manifest.kind.filter(|_| found == FORMAT) {
            Some(kind) => Ok(Self { path, manifest, kind }),
            None => Err(FolderError::OtherFormat { path, found, version: manifest.version }),
        }
    }

    /// The same, if it is of the kind `wanted`.
    ///
    /// # Errors
    /// If it is of another.
    pub fn of_kind(self, wanted: RunKind) -> Result<Self, FolderError> {
        match self.kind {
            kind if kind == wanted => Ok(self),
            found => Err(FolderError::OtherKind { path: self.path, found, wanted }),
        }
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of run it is.
    pub fn kind(&self) -> RunKind {
        self.kind
    }

    /// The command line that made it.
    pub fn command(&self) -> &[String] {
        &self.manifest.command
    }

    /// Names of the inputs, among these, that are not what the run was started with.
    pub fn changed_inputs<'i>(&self, inputs: &'i Inputs) -> impl Iterator<Item = &'i str> {
        let known = &self.manifest.inputs.hashes;
        let changed = inputs.hashes.iter().filter(|(name, hash)| known.get(*name) != Some(hash));
        changed.map(|(name, _)| name.as_str())
    }

    /// Every option as it was resolved.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn options<T: DeserializeOwned>(&self) -> Result<T, FolderError> {
        let text = self.text(OPTIONS)?;
        toml::from_str(&text).map_err(|error| self.unreadable(OPTIONS, error))
    }

    /// Name and content of the copy of an input, if the run read such a one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn input(&self, name: &str) -> Result<Option<(String, String)>, FolderError> {
        let Some(file) = self.manifest.copies.get(name) else { return Ok(None) };
        let shown = file.rsplit('/').next().unwrap_or(file);
        Ok(Some((shown.to_owned(), self.text(file)?)))
    }

    /// As [`Self::input`], of an input that every run of this kind reads.
    ///
    /// # Errors
    /// If it is missing.
    pub fn needed_input(&self, name: &str) -> Result<(String, String), FolderError> {
        let missing = || self.unreadable(MANIFEST, format!("it names no copy of the {name}"));
        self.input(name)?.ok_or_else(missing)
    }

    /// The records of a journal so far; none where it has not begun. A last line that is not whole is left out.
    ///
    /// # Errors
    /// If a whole line cannot be read.
    pub fn records<R: DeserializeOwned>(&self, name: &str) -> Result<Vec<R>, FolderError> {
        Ok(journal::read(&self.file(name))?)
    }

    /// A JSON file of the run, if it is there.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, FolderError> {
        read_json(&self.file(name))
    }

    /// The text of a file of the run.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn text(&self, name: &str) -> Result<String, FolderError> {
        let path = self.file(name);
        Ok(std::fs::read_to_string(&path).map_err(PathError::on("read", &path))?)
    }

    /// A file of the run; `name` may contain folders.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A file that can be rebuilt from the others.
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

    /// A file that does not hold what it should.
    pub fn unreadable(&self, name: &str, reason: impl ToString) -> FolderError {
        PathError::on("read", &self.file(name))(reason.to_string()).into()
    }
}

/// A folder of one run, locked by this process.
#[derive(Debug)]
pub struct RunFolder {
    reader: RunReader,
    _lock: File,
}

impl std::ops::Deref for RunFolder {
    type Target = RunReader;

    fn deref(&self) -> &RunReader {
        &self.reader
    }
}

impl RunFolder {
    /// Creates the folder of a run, or opens it again if it is the same run.
    ///
    /// # Errors
    /// If the folder cannot be written, is in use, or holds another run.
    pub fn open(
        path: &Path,
        kind: RunKind,
        options: &impl Serialize,
        inputs: &Inputs,
        command: &[String],
    ) -> Result<Self, FolderError> {
        let lock = lock(path)?;
        let options = toml::to_string_pretty(options).expect("options are tables of plain values");
        if path.join(OPTIONS).exists() && path.join(MANIFEST).exists() {
            let folder = Self { reader: RunReader::open(path)?, _lock: lock };
            folder.check_same_run(kind, &options, inputs)?;
            remove_unfinished(path, &path.join(RESULTS))?;
            return Ok(folder);
        }
        let manifest = Manifest::new(kind, inputs, command);
        let folder = Self { reader: RunReader { path: path.to_owned(), manifest, kind }, _lock: lock };
        for (file, content) in inputs.copies.values() {
            folder.write(&copy_name(file), content)?;
        }
        folder.write_json(MANIFEST, &folder.manifest)?;
        folder.write(OPTIONS, options.as_bytes())?;
        Ok(folder)
    }

    fn check_same_run(&self, kind: RunKind, options: &str, inputs: &Inputs) -> Result<(), FolderError> {
        let mut differences = changed_options(&self.text(OPTIONS)?, options);
        if self.kind != kind {
            differences
                .insert(0, format!("it is a run of the kind `{}`, not `{}`", self.kind.name(), kind.name()));
        }
        let changed = self.changed_inputs(inputs);
        differences.extend(changed.map(|name| format!("the content of `{name}` has changed")));
        if differences.is_empty() {
            return Ok(());
        }
        Err(FolderError::OtherRun { path: self.path.clone(), differences: differences.join("; ") })
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

fn copy_name(file: &str) -> String {
    format!("inputs/{file}")
}

impl Manifest {
    fn new(kind: RunKind, inputs: &Inputs, command: &[String]) -> Self {
        let copies = inputs.copies.iter().map(|(name, (file, _))| (name.clone(), copy_name(file)));
        Self {
            format: FORMAT,
            kind: Some(kind),
            program: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.to_vec(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores: super::threads::cores(),
            inputs: inputs.without_copies(),
            copies: copies.collect(),
        }
    }
}

/// The options that differ between two texts of `run.toml`.
fn changed_options(before: &str, now: &str) -> Vec<String> {
    let parse = |text: &str| toml::from_str::<serde_json::Value>(text);
    let now = parse(now).expect("options were written as TOML just now");
    match parse(before) {
        Ok(before) => differences(&before, &now),
        Err(error) => vec![format!("{OPTIONS} cannot be read ({})", error.message())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path, options: &str, table: &[u8]) -> Result<RunFolder, FolderError> {
        let options: toml::Table = toml::from_str(options).expect("TOML");
        let inputs = Inputs::new().with_copy("table", "t.csv", table);
        RunFolder::open(path, RunKind::Search, &options, &inputs, &[])
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

    #[test]
    fn anyone_reads_a_run_while_its_process_holds_the_lock() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("run");
        let _held = open(&path, "seed = 1\n", b"x").expect("new");
        let reader = RunReader::open(&path).expect("a run");
        assert_eq!(reader.kind(), RunKind::Search);
        assert_eq!(reader.options::<toml::Table>().expect("options")["seed"].as_integer(), Some(1));
        assert_eq!(reader.input("table").expect("readable"), Some(("t.csv".to_owned(), "x".to_owned())));
        assert_eq!(reader.input("space").expect("readable"), None);
        std::fs::write(path.join("j.jsonl"), "[1]\n[2]\n[3").expect("disk");
        assert_eq!(reader.records::<Vec<u32>>("j.jsonl").expect("readable"), [[1], [2]]);
        assert_eq!(std::fs::read(path.join("j.jsonl")).expect("there").len(), 10, "reading changes nothing");
        assert!(reader.records::<Vec<u32>>("none.jsonl").expect("not begun").is_empty());
        let error = reader.of_kind(RunKind::Training).expect_err("a search").to_string();
        assert!(error.contains("`search`, not `training`"), "{error}");
    }

    #[test]
    fn folders_of_other_versions_are_refused_with_their_format() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("run");
        let error = RunReader::open(&path).expect_err("nothing there").to_string();
        assert!(error.contains("holds no run"), "{error}");
        drop(open(&path, "seed = 1\n", b"x").expect("new"));
        let manifest = std::fs::read_to_string(path.join(MANIFEST)).expect("written");
        let old = manifest.replacen("\"format\": 2,\n", "", 1).replacen("\"kind\": \"search\",\n", "", 1);
        for (text, says) in [
            (old, "format 1"),
            (manifest.replacen("\"format\": 2", "\"format\": 3", 1), "use a newer version"),
        ] {
            std::fs::write(path.join(MANIFEST), text).expect("disk");
            let error = RunReader::open(&path).expect_err("another format").to_string();
            assert!(error.contains(says), "{error}");
            let error = open(&path, "seed = 1\n", b"x").expect_err("another format").to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
