//! The journal of a run: append-only JSON lines, the only truth.
//!
//! A line counts once its newline is on disk. What a killed process left
//! behind the last newline is dropped on opening; the work is done again and
//! gives the same line.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::whole_file::PathError;

/// A journal could not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] PathError),
    /// A whole line is no record.
    #[error("{}:{line}: not a record of this program: {reason}", path.display())]
    Line {
        /// The journal.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the reader says.
        reason: String,
    },
}

/// An open journal, positioned at its end.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    len: u64,
}

/// A journal with what it held.
#[derive(Debug)]
pub struct Opened<R> {
    /// The journal.
    pub journal: Journal,
    /// Its records, in order.
    pub records: Vec<R>,
    /// Bytes of a torn last line that were dropped.
    pub dropped_bytes: usize,
}

impl Journal {
    /// Opens or creates the journal at `path` and reads its records.
    ///
    /// # Errors
    /// If the file cannot be read or written, or a whole line is no record.
    pub fn open<R: DeserializeOwned>(path: &Path) -> Result<Opened<R>, JournalError> {
        let io = |action| PathError::on(action, path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io("write"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io("read"))?;
        let (records, whole) = whole_lines(path, &bytes)?;
        let dropped_bytes = bytes.len() - whole;
        if dropped_bytes > 0 {
            file.set_len(whole as u64).map_err(io("write"))?;
        }
        file.seek(SeekFrom::Start(whole as u64)).map_err(io("write"))?;
        let journal = Self { file, path: path.to_owned(), len: whole as u64 };
        Ok(Opened { journal, records, dropped_bytes })
    }

    /// Appends a record; it is on disk when this returns.
    ///
    /// # Errors
    /// If it cannot be written whole; the journal is then as it was.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(record).map_err(PathError::on("write", &self.path))?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(reason) = written {
            // The error that is told is the first one, not that of the clean-up.
            let _ = self.file.set_len(self.len).and_then(|()| self.file.seek(SeekFrom::Start(self.len)));
            return Err(PathError::on("write", &self.path)(reason).into());
        }
        self.len += line.len() as u64;
        Ok(())
    }
}

/// The records of a journal that may be written at this moment; none if there is no such file. Bytes behind the last
/// whole line are left out and left alone.
///
/// # Errors
/// If the file cannot be read, or a whole line is no record.
pub fn read<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>, JournalError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(whole_lines(path, &bytes)?.0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(PathError::on("read", path)(error).into()),
    }
}

/// The records of all whole lines, and how many bytes these take.
fn whole_lines<R: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<(Vec<R>, usize), JournalError> {
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
    let mut records = Vec::new();
    for (index, line) in bytes[..whole].split_inclusive(|&b| b == b'\n').enumerate() {
        let record = serde_json::from_slice(line).map_err(|error| JournalError::Line {
            path: path.to_owned(),
            line: index + 1,
            reason: error.to_string(),
        })?;
        records.push(record);
    }
    Ok((records, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Opened<Vec<u32>> {
        Journal::open(path).expect("readable")
    }

    #[test]
    fn cut_at_every_byte_it_keeps_the_whole_lines_and_goes_on() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("j.jsonl");
        let mut whole = open(&path).journal;
        let records: Vec<Vec<u32>> = vec![vec![1, 2], vec![], vec![345]];
        for record in &records {
            whole.append(record).expect("disk");
        }
        let bytes = std::fs::read(&path).expect("written");
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).expect("disk");
            let mut opened = open(&path);
            let kept = opened.records.len();
            assert_eq!(opened.records, records[..kept]);
            assert_eq!(kept, bytes[..cut].iter().filter(|&&b| b == b'\n').count());
            for record in &records[kept..] {
                opened.journal.append(record).expect("disk");
            }
            assert_eq!(std::fs::read(&path).expect("written"), bytes);
        }
    }

    #[test]
    fn a_whole_line_that_is_no_record_is_an_error_with_its_number() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("j.jsonl");
        std::fs::write(&path, "[1]\nnonsense\n[2]\n").expect("disk");
        let error = Journal::open::<Vec<u32>>(&path).expect_err("nonsense").to_string();
        assert!(error.contains("j.jsonl:2:"), "{error}");
    }
}
