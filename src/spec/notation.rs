//! The one-line notation of blocks: `ir_k5_s2_h72_c40_se24_relu`.
//!
//! A block is its kind followed by `_`-separated words, each a letter code
//! with a number (`k` kernel, `s` stride, `h` hidden channels, `c` output
//! channels, `se` squeeze width) or a bare name (an activation, `proj`).
//! `Display` and `FromStr` are inverse; an unknown, missing or repeated word
//! is an error that knows its byte position.

use std::fmt;
use std::str::FromStr;

use super::Activation;
use super::block::{BlockSpec, Conv, DepthwiseSeparable, InvertedResidual, Linear, Shortcut};
use crate::word_list::WordList as _;

/// Largest channel count a block may have; far above any real network, low
/// enough that no product of shapes overflows.
pub const MAX_CHANNELS: u32 = 65_536;

/// A block's text does not follow the notation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (at byte {offset} of the block)")]
pub struct NotationError {
    /// What is wrong and what would be right.
    pub reason: String,
    /// Byte offset of the offending word in the block's text.
    pub offset: usize,
    /// Length of the offending word in bytes.
    pub len: usize,
}

impl fmt::Display for BlockSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conv(b) => {
                write!(f, "conv_k{}_s{}_c{}", b.kernel, b.stride, b.channels)?;
                write_activation(f, b.activation)
            }
            Self::DepthwiseSeparable(b) => {
                write!(f, "ds_k{}_s{}_c{}", b.kernel, b.stride, b.channels)?;
                write_activation(f, Some(b.activation))
            }
            Self::InvertedResidual(b) => {
                write!(f, "ir_k{}_s{}_h{}_c{}", b.kernel, b.stride, b.hidden, b.channels)?;
                if let Some(squeeze) = b.squeeze {
                    write!(f, "_se{squeeze}")?;
                }
                write_activation(f, Some(b.activation))?;
                match b.shortcut {
                    Shortcut::Identity => Ok(()),
                    Shortcut::Projection => f.write_str("_proj"),
                }
            }
            Self::Pool => f.write_str("pool"),
            Self::Linear(b) => {
                write!(f, "linear_c{}", b.channels)?;
                write_activation(f, b.activation)
            }
        }
    }
}

fn write_activation(f: &mut fmt::Formatter<'_>, activation: Option<Activation>) -> fmt::Result {
    activation.map_or(Ok(()), |a| write!(f, "_{}", a.name()))
}

impl FromStr for BlockSpec {
    type Err = NotationError;

    fn from_str(text: &str) -> Result<Self, NotationError> {
        let (kind, mut words) = Words::split(text);
        let block = match kind {
            "conv" => Self::Conv(Conv {
                kernel: words.kernel()?,
                stride: words.stride()?,
                channels: words.channels("c", "output channels")?,
                activation: words.activation(),
            }),
            "ds" => Self::DepthwiseSeparable(DepthwiseSeparable {
                kernel: words.kernel()?,
                stride: words.stride()?,
                channels: words.channels("c", "output channels")?,
                activation: words.required_activation()?,
            }),
            "ir" => Self::InvertedResidual(InvertedResidual {
                kernel: words.kernel()?,
                stride: words.stride()?,
                hidden: words.channels("h", "hidden channels")?,
                channels: words.channels("c", "output channels")?,
                squeeze: words.squeeze()?,
                activation: words.required_activation()?,
                shortcut: words.shortcut(),
            }),
            "pool" => Self::Pool,
            "linear" => Self::Linear(Linear {
                channels: words.channels("c", "output features")?,
                activation: words.activation(),
            }),
            other => {
                return Err(NotationError {
                    reason: format!(
                        "unknown block kind `{other}`; known kinds are conv, ds, ir, pool and linear"
                    ),
                    offset: 0,
                    len: other.len().max(1),
                });
            }
        };
        words.finish(kind)?;
        Ok(block)
    }
}

/// The words of one block that no field has taken yet.
struct Words<'a> {
    text: &'a str,
    rest: Vec<(usize, &'a str)>,
}

impl<'a> Words<'a> {
    /// Splits a block's text into its kind and the words after it.
    fn split(text: &'a str) -> (&'a str, Self) {
        let mut offset = 0;
        let mut words = Vec::new();
        for word in text.split('_') {
            words.push((offset, word));
            offset += word.len() + 1;
        }
        let (_, kind) = words.remove(0);
        (kind, Self { text, rest: words })
    }

    fn error(&self, (offset, word): (usize, &str), reason: String) -> NotationError {
        NotationError { reason, offset, len: word.len().max(1) }
    }

    /// Takes the word `code<number>`; `None` if there is none.
    fn number(&mut self, code: &str, meaning: &str) -> Result<Option<(usize, u32)>, NotationError> {
        let found = self.rest.iter().position(|(_, word)| {
            word.strip_prefix(code).is_some_and(|tail| tail.starts_with(|c: char| c.is_ascii_digit()))
        });
        let Some(index) = found else { return Ok(None) };
        let word = self.rest.remove(index);
        match word.1[code.len()..].parse() {
            Ok(number) => Ok(Some((word.0, number))),
            Err(_) => Err(self.error(word, format!("`{}` is not a number of {meaning}", word.1))),
        }
    }

    /// Takes the word `code<number>`, which must be there and satisfy `valid`.
    fn required(
        &mut self,
        code: &str,
        meaning: &str,
        valid: impl Fn(u32) -> bool,
        rule: &str,
    ) -> Result<u32, NotationError> {
        let Some((offset, number)) = self.number(code, meaning)? else {
            let end = (self.text.len(), "");
            return Err(self.error(end, format!("the {meaning} are missing: write `{code}` and a number")));
        };
        if valid(number) {
            return Ok(number);
        }
        let word = format!("{code}{number}");
        Err(self.error((offset, &word), format!("`{word}`: {meaning} must be {rule}")))
    }

    fn kernel(&mut self) -> Result<u32, NotationError> {
        self.required("k", "kernel size", |k| k % 2 == 1 && k <= 15, "odd and at most 15")
    }

    fn stride(&mut self) -> Result<u32, NotationError> {
        self.required("s", "stride", |s| (1..=4).contains(&s), "1 to 4")
    }

    fn channels(&mut self, code: &str, meaning: &str) -> Result<u32, NotationError> {
        self.required(code, meaning, is_channel_count, "1 to 65536")
    }

    fn squeeze(&mut self) -> Result<Option<u32>, NotationError> {
        if self.rest.iter().any(|(_, word)| word.starts_with("se")) {
            self.required("se", "squeeze width", is_channel_count, "1 to 65536").map(Some)
        } else {
            Ok(None)
        }
    }

    fn activation(&mut self) -> Option<Activation> {
        let index = self.rest.iter().position(|(_, word)| Activation::of_word(word).is_some())?;
        Activation::of_word(self.rest.remove(index).1)
    }

    fn required_activation(&mut self) -> Result<Activation, NotationError> {
        if let Some(activation) = self.activation() {
            return Ok(activation);
        }
        // An unknown word is the likelier mistake than a missing one.
        let culprit = self.rest.last().copied().unwrap_or((self.text.len(), ""));
        Err(self.error(culprit, "an activation is missing: relu, relu6 or hswish".into()))
    }

    fn shortcut(&mut self) -> Shortcut {
        match self.rest.iter().position(|(_, word)| *word == "proj") {
            Some(index) => {
                self.rest.remove(index);
                Shortcut::Projection
            }
            None => Shortcut::Identity,
        }
    }

    /// Fails on the first word that no field has taken.
    fn finish(self, kind: &str) -> Result<(), NotationError> {
        match self.rest.first() {
            None => Ok(()),
            Some(&word) => {
                Err(self.error(word, format!("unknown or repeated word `{}` in a `{kind}` block", word.1)))
            }
        }
    }
}

fn is_channel_count(n: u32) -> bool {
    (1..=MAX_CHANNELS).contains(&n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("ir_k5_s2_h72_c40_se24_relux", 22, "activation")]
    #[case("ir_k5_s2_h72_c40_se24_relu_x9", 27, "`x9`")]
    #[case("ir_k4_s2_h72_c40_relu", 3, "odd")]
    #[case("ir_k5_s0_h72_c40_relu", 6, "1 to 4")]
    #[case("ir_k5_s2_h72_relu", 17, "output channels")]
    #[case("conv_k3_s2_c16_c17", 15, "`c17`")]
    #[case("conv_k3_s2_c99999999999", 11, "not a number")]
    #[case("bneck_k3", 0, "unknown block kind")]
    #[case("", 0, "unknown block kind")]
    #[case("pool_k3", 5, "`k3`")]
    #[case("linear_c0", 7, "1 to 65536")]
    fn a_wrong_word_is_an_error_at_its_position(
        #[case] text: &str,
        #[case] offset: usize,
        #[case] says: &str,
    ) {
        let error = text.parse::<BlockSpec>().expect_err(text);
        assert_eq!(error.offset, offset, "{error}");
        assert!(error.reason.contains(says), "{error}");
    }

    fn activation() -> impl Strategy<Value = Activation> {
        prop::sample::select(Activation::ALL.to_vec())
    }

    fn block() -> impl Strategy<Value = BlockSpec> {
        let kernel = || prop::sample::select(vec![1u32, 3, 5, 7]);
        let channels = || 1..=MAX_CHANNELS;
        prop_oneof![
            (kernel(), 1..=2u32, channels(), prop::option::of(activation())).prop_map(
                |(kernel, stride, channels, activation)| BlockSpec::Conv(Conv {
                    kernel,
                    stride,
                    channels,
                    activation
                })
            ),
            (kernel(), 1..=2u32, channels(), activation()).prop_map(
                |(kernel, stride, channels, activation)| {
                    BlockSpec::DepthwiseSeparable(DepthwiseSeparable { kernel, stride, channels, activation })
                }
            ),
            (
                kernel(),
                1..=2u32,
                channels(),
                channels(),
                prop::option::of(channels()),
                activation(),
                any::<bool>()
            )
                .prop_map(
                    |(kernel, stride, hidden, channels, squeeze, activation, projection)| {
                        let shortcut = if projection { Shortcut::Projection } else { Shortcut::Identity };
                        BlockSpec::InvertedResidual(InvertedResidual {
                            kernel,
                            stride,
                            hidden,
                            channels,
                            squeeze,
                            activation,
                            shortcut,
                        })
                    }
                ),
            Just(BlockSpec::Pool),
            (channels(), prop::option::of(activation()))
                .prop_map(|(channels, activation)| BlockSpec::Linear(Linear { channels, activation })),
        ]
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(block in block()) {
            prop_assert_eq!(block.to_string().parse::<BlockSpec>(), Ok(block));
        }

        #[test]
        fn any_text_parses_or_fails_inside_itself(text in "[a-z0-9_]{0,40}") {
            if let Err(error) = text.parse::<BlockSpec>() {
                prop_assert!(error.offset <= text.len());
            }
        }
    }
}
