//! Text files people write, given by path or by the name of a shipped file; JSON texts that people read.

use std::path::Path;

use miette::Diagnostic;
use serde::Serialize;

use crate::diagnostic::FileError;
use crate::whole_file::PathError;

/// A file people write could not be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ReadError {
    /// The file could not be read at all.
    #[error("{file}")]
    #[diagnostic(help("{remedy}"))]
    Io {
        /// Which file, and the operating system's reason.
        file: PathError,
        /// What to do about it.
        remedy: String,
    },
    /// The file's content is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Content(Box<FileError>),
}

impl From<FileError> for ReadError {
    fn from(error: FileError) -> Self {
        Self::Content(Box::new(error))
    }
}

/// The name of a file without its folder; `path` is as people give it.
pub fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}

/// The name of a file without its folder and its extension; `path` is as people give it.
pub fn file_stem(path: &str) -> &str {
    Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or(path)
}

/// The shipped files of one kind, compiled in so that a copied binary works alone.
pub type Shipped = [(&'static str, &'static str)];

/// The text of `name`: a path, or the name of a `shipped` file with or without
/// its extension. Returns the name to show in errors and the text.
///
/// # Errors
/// If there is neither such a file nor a shipped one; the error lists the shipped names.
pub fn read_text(name: &str, kind: &str, shipped: &Shipped) -> Result<(String, String), ReadError> {
    let path = Path::new(name);
    if path.is_file() {
        return std::fs::read_to_string(path).map(|text| (name.to_owned(), text)).map_err(|source| {
            let remedy = format!("check that the {kind} is a readable UTF-8 text file");
            ReadError::Io { file: PathError::on("read", path)(source), remedy }
        });
    }
    let stem = |file: &str| file.rsplit_once('.').map_or(file.to_owned(), |(stem, _)| stem.to_owned());
    if let Some((file, text)) = shipped.iter().find(|(file, _)| *file == name || stem(file) == name) {
        return Ok(((*file).to_owned(), (*text).to_owned()));
    }
    let names: Vec<_> = shipped.iter().map(|(file, _)| stem(file)).collect();
    Err(ReadError::Io {
        file: PathError::on("read", path)(format!("no such {kind}")),
        remedy: format!("give the path of a {kind}, or one of the shipped ones: {}", names.join(", ")),
    })
}

/// A value as indented JSON with a newline at its end.
///
/// # Panics
/// If it has maps whose keys are no texts.
pub fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("records and reports have text for keys") + "\n"
}
