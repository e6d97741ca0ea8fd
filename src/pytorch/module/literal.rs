//! Values as Python literals.
//!
//! Names come from files that anyone may have written. Inside a literal they must stay text: they can end
//! neither a string nor a line, and hold no character that makes code look other than it is.

use std::fmt::{Debug, Write as _};

/// `text` as it stands inside a string literal of one or three double quotes.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut literal, c| {
        // Writing to a String cannot fail.
        let _ = match c {
            '\\' | '"' => write!(literal, "\\{c}"),
            ' '..='~' => write!(literal, "{c}"),
            _ if c.is_alphanumeric() => write!(literal, "{c}"),
            '\0'..='\u{ff}' => write!(literal, "\\x{:02x}", u32::from(c)),
            '\u{100}'..='\u{ffff}' => write!(literal, "\\u{:04x}", u32::from(c)),
            _ => write!(literal, "\\U{:08x}", u32::from(c)),
        };
        literal
    })
}

/// `text` as a string literal.
pub(super) fn string(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A finite number in the fewest digits that read back as the same number.
pub(super) fn number(value: impl Debug) -> String {
    format!("{value:?}")
}

/// A list of finite numbers.
pub(super) fn list(values: &[f32]) -> String {
    number(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("mobilenet_v3_small", "mobilenet_v3_small")]
    #[case("Größe 文", "Größe 文")]
    #[case("\"\"\"\nimport os", r#"\"\"\"\x0aimport os"#)]
    #[case(r"ends in \", r"ends in \\")]
    #[case("{{ name }} {% x %}", "{{ name }} {% x %}")]
    #[case("\0\r\t\u{7f}", r"\x00\x0d\x09\x7f")]
    #[case("right\u{202e}left\u{2028}", r"right\u202eleft\u2028")]
    #[case("🦀", r"\U0001f980")]
    fn names_stay_text(#[case] name: &str, #[case] literal: &str) {
        assert_eq!(escaped(name), literal);
    }

    #[test]
    fn numbers_are_those_of_python() {
        assert_eq!([0.001, 1e-5, 0.1, 1.0].map(number), ["0.001", "1e-5", "0.1", "1.0"]);
        assert_eq!(list(&[0.286, 1e-7]), "[0.286, 1e-7]");
    }

    /// What Python reads in a string literal with escapes of fixed length.
    fn read(literal: &str) -> String {
        let mut rest = literal.chars();
        let mut text = String::new();
        while let Some(c) = rest.next() {
            assert!(c != '"' && c != '\n', "{literal} ends here");
            if c != '\\' {
                text.push(c);
                continue;
            }
            let kind = rest.next().expect("an escape has a kind");
            let digits = match kind {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                quoted => {
                    assert!(quoted == '\\' || quoted == '"', "{literal}");
                    text.push(quoted);
                    continue;
                }
            };
            let code: String = rest.by_ref().take(digits).collect();
            let code = u32::from_str_radix(&code, 16).expect("hexadecimal");
            text.push(char::from_u32(code).expect("a character"));
        }
        text
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in any::<String>()) {
            prop_assert_eq!(read(&escaped(&text)), text);
        }
    }
}
