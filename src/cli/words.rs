//! Arguments that take one of the words of a list, which `--help` tells with what each means.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::word_list::WordList;

/// Reads one of these values. Each stands with its help.
pub(super) fn one_of<T, const N: usize>(values: [(T, &'static str); N]) -> impl TypedValueParser<Value = T>
where
    T: WordList + Send + Sync,
{
    let possible = values.map(|(value, help)| PossibleValue::new(value.word()).help(help));
    PossibleValuesParser::new(possible)
        .map(|word| T::of_word(&word).expect("clap lets only words of the list pass"))
}
