//! Names of layers in the look-up tables of ProxylessNAS and once-for-all, which hold a layer's shapes:
//! `expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0`.

use crate::graph::Shape;

/// A name taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayerKey<'a> {
    /// `Conv`, `expanded_conv` ...
    pub layer: &'a str,
    pub input: Shape,
    pub output: Shape,
    numbers: Vec<(&'a str, u32)>,
}

impl<'a> LayerKey<'a> {
    /// The message says what does not fit.
    pub fn parse(name: &'a str) -> Result<Self, String> {
        let mut parts = name.split('-');
        let layer = parts.next().unwrap_or(name);
        let (mut input, mut output, mut numbers) = (None, None, Vec::new());
        for part in parts {
            let (key, value) =
                part.split_once(':').ok_or_else(|| format!("`{part}` is not of the form `name:value`"))?;
            match key {
                "input" => input = Some(shape(value)?),
                "output" => output = Some(shape(value)?),
                _ => numbers
                    .push((key, value.parse().map_err(|_| format!("`{value}` is not a value of `{key}`"))?)),
            }
        }
        Ok(Self {
            layer,
            input: input.ok_or("the name has no `input`")?,
            output: output.ok_or("the name has no `output`")?,
            numbers,
        })
    }

    /// A number that the name must hold.
    pub fn number(&self, key: &str) -> Result<u32, String> {
        let found = self.numbers.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| *value).ok_or_else(|| format!("the name has no `{key}`"))
    }

    /// Input rows over output rows.
    pub fn shrinks_by(&self) -> u32 {
        self.input.height.div_ceil(self.output.height)
    }
}

/// `112x112x16`, or `1000` for features without a map.
fn shape(text: &str) -> Result<Shape, String> {
    let numbers: Result<Vec<u32>, _> = text.split('x').map(str::parse).collect();
    match numbers.as_deref() {
        Ok(&[height, width, channels]) if height > 0 && width > 0 && channels > 0 => {
            Ok(Shape { height, width, channels })
        }
        Ok(&[channels]) if channels > 0 => Ok(Shape::features(channels)),
        _ => Err(format!("`{text}` is not a shape such as 112x112x16")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_block_and_a_classifier() {
        let name = "expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:5-stride:2-idskip:0";
        let key = LayerKey::parse(name).expect("well-formed");
        assert_eq!((key.layer, key.input.channels, key.output.height), ("expanded_conv", 16, 56));
        assert_eq!((key.number("kernel"), key.shrinks_by()), (Ok(5), 2));
        assert!(key.number("se").is_err());
        let logits = LayerKey::parse("Logits-input:7x7x1280-output:1000").expect("well-formed");
        assert_eq!(logits.output, Shape::features(1000));
    }

    #[rstest]
    #[case("Conv", "no `input`")]
    #[case("Conv-input:2x2x3", "no `output`")]
    #[case("Conv-input:2x2-output:1", "`2x2` is not a shape")]
    #[case("Conv-input:0x2x3-output:1", "`0x2x3` is not a shape")]
    #[case("Conv-input", "`input` is not of the form")]
    #[case("Conv-input:1-output:1-kernel:big", "`big` is not a value of `kernel`")]
    fn malformed_names(#[case] name: &str, #[case] says: &str) {
        let error = LayerKey::parse(name).expect_err(name);
        assert!(error.contains(says), "{error}");
    }
}
