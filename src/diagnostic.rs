//! Errors in files people write: file, line, column, a caret and the remedy.

use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceSpan};

/// A mistake at one place of a text file.
///
/// Rendered by `miette` with the offending line and a caret; the one-line
/// form is `file:line:column: message`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct FileError {
    /// The file's name as the user gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    source_code: Arc<NamedSource<String>>,
    span: SourceSpan,
}

impl FileError {
    /// A mistake at the byte range `span` of `text`, the content of `file`.
    pub fn at(file: &str, text: &str, span: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        let start = floor_char_boundary(text, span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            message: message.into(),
            remedy: None,
            source_code: Arc::new(NamedSource::new(file, text.to_owned())),
            span: (start, span.end.clamp(start, text.len()) - start).into(),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The mistake a TOML reader found in `text`.
    pub fn from_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().trim_end().replace('\n', ", ");
        Self::at(file, text, span, message)
    }
}

/// A text file under check: its name, for errors, and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file's name as the user gave it.
    pub file: &'a str,
    /// Its content.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// Lines with their numbers, from 1.
    pub fn lines(self) -> impl Iterator<Item = (usize, &'a str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// A mistake at a byte range.
    pub fn error(self, span: std::ops::Range<usize>, message: impl Into<String>) -> FileError {
        FileError::at(self.file, self.text, span, message)
    }

    /// A mistake in a line, from 1.
    pub fn error_in_line(self, line: usize, message: impl Into<String>) -> FileError {
        let before: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let length = self.text[before..].lines().next().map_or(0, str::len);
        self.error(before..before + length, message)
    }

    /// A mistake at the end of the file: something is missing.
    pub fn error_at_end(self, message: impl Into<String>) -> FileError {
        self.error(self.text.len()..self.text.len(), message)
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Diagnostic for FileError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.remedy.as_ref().map(|r| Box::new(r) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(self.source_code.as_ref())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::underline(self.span))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_line_and_column_in_characters() {
        let text = "a = 1\nß = \"x\"\n";
        let at = text.find("\"x\"").expect("there");
        let error = FileError::at("f.toml", text, at..at + 3, "wrong");
        assert_eq!((error.line, error.column), (2, 5));
        assert_eq!(error.to_string(), "f.toml:2:5: wrong");
    }

    #[test]
    fn a_span_past_the_end_or_inside_a_character_is_harmless() {
        let error = FileError::at("f", "aß", 2..99, "wrong");
        assert_eq!((error.line, error.column), (1, 2));
        assert_eq!(FileError::at("f", "", 7..9, "wrong").line, 1);
    }
}
