//! What a command says.

use assert_cmd::Command;

/// What a command said on stderr, which must end with this code.
pub fn said(mut command: Command, code: i32) -> String {
    let output = command.output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// The words of a message, whatever its line breaks.
pub fn words(said: &str) -> String {
    let words = said.split(|c: char| c.is_whitespace() || c == '│').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A message must contain all of these.
pub fn assert_says(said: &str, expected: &[&str]) {
    for part in expected {
        assert!(words(said).contains(part), "no `{part}` in:\n{said}");
    }
}
