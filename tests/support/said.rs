//! What a command says.

use assert_cmd::Command;

/// What a command said on stderr, which must end with this code; a failure is never silent.
pub fn said(mut command: Command, code: i32) -> String {
    let output = command.output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(code == 0 || !said.trim().is_empty());
    said
}
