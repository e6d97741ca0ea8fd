//! The text of a foreign file, for errors that point at its lines.

use crate::diagnostic::FileError;

/// A file's name and text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// Lines with their numbers, from 1.
    pub fn lines(self) -> impl Iterator<Item = (usize, &'a str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// A mistake in a line.
    pub fn error(self, line: usize, message: impl Into<String>) -> FileError {
        let before: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let length = self.text[before..].lines().next().map_or(0, str::len);
        FileError::at(self.file, self.text, before..before + length, message)
    }

    /// A mistake of the file as a whole, at its end.
    pub fn error_at_end(self, message: impl Into<String>) -> FileError {
        FileError::at(self.file, self.text, self.text.len()..self.text.len(), message)
    }
}
