//! The words that people write for the values of an enum, in one list each.
//!
//! `word_list!` makes of one list all the ways in which such values are written and read: `Display` and `FromStr`,
//! serde, and the possible values of an argument (`cli/words.rs`).

use std::fmt;

/// An enum whose values have words.
pub trait WordList: Copy + PartialEq + 'static {
    /// What a value is: `width rule`.
    const WHAT: &'static str;
    /// All values, in the order in which people are told them.
    const VALUES: &'static [Self];
    /// Their words, in the same order.
    const WORDS: &'static [&'static str];

    /// The word of this value.
    fn word(self) -> &'static str {
        let at = Self::VALUES.iter().position(|&value| value == self);
        Self::WORDS[at.expect("a list has all values")]
    }

    /// The value of a word.
    fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().position(|&known| known == word).map(|at| Self::VALUES[at])
    }
}

/// A text that is none of the words of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    text: String,
    what: &'static str,
    words: &'static [&'static str],
}

impl UnknownWord {
    /// The error for a text that should be a word of `T`.
    pub fn new<T: WordList>(text: &str) -> Self {
        Self { text: text.to_owned(), what: T::WHAT, words: T::WORDS }
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {} `{}`; use {}", self.what, self.text, one_of(self.words))
    }
}

impl std::error::Error for UnknownWord {}

/// `a`, `a or b`, `a, b or c`.
pub fn one_of<T: ToString>(words: &[T]) -> String {
    listed(words, "or")
}

/// `a`, `a and b`, `a, b and c`.
pub fn all_of<T: ToString>(words: &[T]) -> String {
    listed(words, "and")
}

fn listed<T: ToString>(words: &[T], conjunction: &str) -> String {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} {conjunction} {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// Gives the values of an enum their words.
macro_rules! word_list {
    ($type:ty, $what:literal, [$($value:ident = $word:literal),+ $(,)?]) => {
        impl $crate::word_list::WordList for $type {
            const WHAT: &'static str = $what;
            const VALUES: &'static [Self] = &[$(Self::$value),+];
            const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl $type {
            /// All values, in the order in which people are told them.
            #[allow(dead_code, reason = "not every list is walked")]
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$value),+];

            /// The word for it on the command line and in files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $word),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::word_list::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::word_list::WordList::of_word(text)
                    .ok_or_else(|| $crate::word_list::UnknownWord::new::<Self>(text))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use $crate::word_list::WordList;
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::of_word(&text).ok_or_else(|| serde::de::Error::unknown_variant(&text, Self::WORDS))
            }
        }
    };
}
pub(crate) use word_list;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fruit {
        Apple,
        BloodOrange,
    }

    word_list!(Fruit, "fruit", [Apple = "apple", BloodOrange = "blood-orange"]);

    #[test]
    fn every_way_of_writing_has_the_same_words() {
        for fruit in Fruit::ALL {
            assert_eq!(fruit.to_string().parse(), Ok(fruit));
            assert_eq!(serde_json::to_value(fruit).unwrap(), fruit.name());
            assert_eq!(serde_json::from_value::<Fruit>(fruit.name().into()).unwrap(), fruit);
        }
        assert_eq!(format!("{:>6}|", Fruit::Apple), " apple|");
        let error = "pear".parse::<Fruit>().unwrap_err().to_string();
        assert_eq!(error, "unknown fruit `pear`; use apple or blood-orange");
        let error = serde_json::from_value::<Fruit>("pear".into()).unwrap_err().to_string();
        assert_eq!(error, "unknown variant `pear`, expected `apple` or `blood-orange`");
    }

    #[test]
    fn lists_of_words_are_read_aloud() {
        assert_eq!(one_of(&["a"]), "a");
        assert_eq!(one_of(&["a", "b", "c"]), "a, b or c");
        assert_eq!(one_of::<&str>(&[]), "");
    }
}
