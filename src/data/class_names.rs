//! Files that list class names, one per line, in the order of the labels.

use std::path::Path;

use super::error::DataError;

/// Reads the names in `path`.
pub(super) fn read(path: &Path) -> Result<Vec<String>, DataError> {
    let bytes = std::fs::read(path).map_err(|source| DataError::io(path, source))?;
    parse(path, &bytes)
}

/// The names in `bytes`; `path` stands in error messages. Blank lines may only stand at the end.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<String>, DataError> {
    let problem =
        |line: usize, problem: String| DataError::ClassNames { path: path.to_owned(), line, problem };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        problem(line, "the text is not UTF-8".to_owned())
    })?;
    let text = text.trim_start_matches('\u{feff}').trim_end();
    if text.is_empty() {
        return Err(problem(1, "the file is empty".to_owned()));
    }
    let mut names: Vec<String> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let name = line.trim();
        if name.is_empty() {
            return Err(problem(index + 1, "the line is blank".to_owned()));
        }
        if let Some(first) = names.iter().position(|known| known == name) {
            return Err(problem(index + 1, format!("{name} stands already in line {}", first + 1)));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &[u8]) -> Result<Vec<String>, String> {
        parse(Path::new("classes.txt"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_trimmed_and_trailing_blanks_dropped() {
        let expected = Ok(vec!["T-shirt/top".to_owned(), "Ankle boot".to_owned()]);
        assert_eq!(names(b"T-shirt/top\nAnkle boot\n\n"), expected);
        assert_eq!(names("\u{feff}T-shirt/top\r\n Ankle boot".as_bytes()), expected);
    }

    #[test]
    fn faults_name_their_line() {
        for (text, start) in [
            (&b"a\n\nb\n"[..], "classes.txt, line 2: the line is blank"),
            (b"a\nb\na\n", "classes.txt, line 3: a stands already in line 1"),
            (b"a\n\xff\n", "classes.txt, line 2: the text is not UTF-8"),
            (b" \n", "classes.txt, line 1: the file is empty"),
        ] {
            let message = names(text).unwrap_err();
            assert!(message.starts_with(start), "{message}");
        }
    }
}
