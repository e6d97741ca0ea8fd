//! What a message must contain.

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
