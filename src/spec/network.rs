//! `NetworkSpec`: a whole network as one readable TOML file.

use std::fmt::{self, Write as _};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::block::BlockSpec;
use super::source::{no_dropout, no_dropout_value, rgb, rgb_value};
use crate::diagnostic::{FileError, Source};
use crate::word_list::word_list;

/// Where the zeros go that keep a convolution's output at `ceil(input / stride)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Padding {
    /// TensorFlow's SAME: the odd zero lies at the bottom and right.
    Same,
    /// `k / 2` zeros on every side (PyTorch's usual choice).
    Symmetric,
}

word_list!(Padding, "padding", [Same = "same", Symmetric = "symmetric"]);

/// Constants of every batch norm of a network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchNormSpec {
    /// Added to the variance inside the root.
    pub eps: f64,
    /// Weight of a batch in the running statistics:
    /// `running = (1 - momentum) * running + momentum * batch`.
    pub momentum: f64,
}

/// A network with absolute channel counts.
///
/// The head ends before the classifier: dropout and a linear layer with bias
/// from the last features to `classes` follow by themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkSpec {
    /// A name for people; not a part of the identity.
    pub name: String,
    /// Side of the square input in pixels.
    pub resolution: u32,
    /// Channels of the input image.
    pub input_channels: u32,
    /// Outputs of the classifier.
    pub classes: u32,
    /// Padding of every convolution.
    pub padding: Padding,
    /// Constants of every batch norm.
    pub batch_norm: BatchNormSpec,
    /// Dropout rate before the classifier.
    pub dropout: f64,
    /// The first convolution.
    pub stem: BlockSpec,
    /// The body.
    pub blocks: Vec<BlockSpec>,
    /// From the last feature map to pooled features: convolutions, `pool`, linear layers.
    pub head: Vec<BlockSpec>,
}

/// Identity of a network: the hash of its canonical text, without the name.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct ArchId(String);

impl TryFrom<String> for ArchId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() == 16 && text.chars().all(is_digit) {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is not the identity of a network, which has 16 hexadecimal digits"))
        }
    }
}

impl From<ArchId> for String {
    fn from(id: ArchId) -> Self {
        id.0
    }
}

impl ArchId {
    /// The 16 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identity as a number.
    pub fn as_u64(&self) -> u64 {
        u64::from_str_radix(&self.0, 16).expect("16 hexadecimal digits, which reading checks")
    }
}

impl fmt::Display for ArchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NetworkSpec {
    /// All blocks in order: stem, body, head.
    pub fn all_blocks(&self) -> impl Iterator<Item = &BlockSpec> {
        std::iter::once(&self.stem).chain(&self.blocks).chain(&self.head)
    }

    /// Whether linear layers lie between pooling and classifier, as in MobileNetV3.
    pub fn has_hidden_linear(&self) -> bool {
        self.head.iter().any(|block| matches!(block, BlockSpec::Linear(_)))
    }

    /// Identity of the network.
    pub fn arch_id(&self) -> ArchId {
        let digest = Sha256::digest(self.canonical_text().as_bytes());
        ArchId(digest.iter().take(8).fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// Everything that makes the network what it is, as one line.
    fn canonical_text(&self) -> String {
        let mut text = format!(
            "{}x{}x{} {} {} eps {} momentum {} dropout {}",
            self.resolution,
            self.resolution,
            self.input_channels,
            self.classes,
            self.padding.name(),
            self.batch_norm.eps,
            self.batch_norm.momentum,
            self.dropout
        );
        for (part, blocks) in [
            ("stem", std::slice::from_ref(&self.stem)),
            ("blocks", self.blocks.as_slice()),
            ("head", self.head.as_slice()),
        ] {
            let _ = write!(text, " {part}");
            for block in blocks {
                let _ = write!(text, " {block}");
            }
        }
        text
    }

    /// The network file, one block a line.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "name = {}", toml::Value::from(self.name.as_str()));
        let _ = writeln!(text, "resolution = {}", self.resolution);
        let _ = writeln!(text, "input_channels = {}", self.input_channels);
        let _ = writeln!(text, "classes = {}", self.classes);
        let _ = writeln!(text, "padding = \"{}\"", self.padding.name());
        let _ = writeln!(
            text,
            "batch_norm = {{ eps = {}, momentum = {} }}",
            toml::Value::from(self.batch_norm.eps),
            toml::Value::from(self.batch_norm.momentum)
        );
        let _ = writeln!(text, "dropout = {}", toml::Value::from(self.dropout));
        let _ = writeln!(text, "stem = \"{}\"", self.stem);
        for (part, blocks) in [("blocks", &self.blocks), ("head", &self.head)] {
            let _ = writeln!(text, "{part} = [");
            for block in blocks {
                let _ = writeln!(text, "    \"{block}\",");
            }
            let _ = writeln!(text, "]");
        }
        text
    }

    /// Reads the text of a network file; `file` names it in errors.
    ///
    /// # Errors
    /// Unknown keys, wrong types, blocks that don't parse, and layouts that
    /// are no network, each with its place in the file.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, FileError> {
        let raw: NetworkFile =
            toml::from_str(text).map_err(|error| FileError::from_toml(file, text, &error))?;
        raw.check(file, text)
    }
}

/// A network file as written (`networks/*.toml`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkFile {
    /// A name for people.
    name: String,
    /// Side of the square input in pixels.
    #[schemars(with = "u32")]
    resolution: Spanned<u32>,
    /// Channels of the input image.
    #[serde(default = "rgb")]
    #[schemars(with = "u32", default = "rgb_value")]
    input_channels: Spanned<u32>,
    /// Outputs of the classifier.
    #[schemars(with = "u32")]
    classes: Spanned<u32>,
    /// Padding of every convolution.
    padding: Padding,
    /// Constants of every batch norm.
    #[schemars(with = "BatchNormSpec")]
    batch_norm: Spanned<BatchNormSpec>,
    /// Dropout rate before the classifier, 0 to below 1.
    #[serde(default = "no_dropout")]
    #[schemars(with = "f64", default = "no_dropout_value")]
    dropout: Spanned<f64>,
    /// The first convolution, for example `conv_k3_s2_c16_hswish`.
    #[schemars(with = "String")]
    stem: Spanned<String>,
    /// The body, one block a line, for example `ir_k5_s2_h72_c40_se24_relu`.
    #[schemars(with = "Vec<String>")]
    blocks: Vec<Spanned<String>>,
    /// Convolutions, then `pool`, then hidden linear layers.
    #[schemars(with = "Vec<String>")]
    head: Spanned<Vec<Spanned<String>>>,
}

impl NetworkFile {
    fn check(&self, file: &str, text: &str) -> Result<NetworkSpec, FileError> {
        let source = Source { file, text };
        let stem = block(&source, &self.stem)?;
        if !matches!(stem, BlockSpec::Conv(_)) {
            return Err(source.error(self.stem.span(), "the stem must be a `conv` block"));
        }
        let blocks = self.blocks.iter().map(|b| block(&source, b)).collect::<Result<Vec<_>, _>>()?;
        for (block, at) in blocks.iter().zip(&self.blocks) {
            if matches!(block, BlockSpec::Pool | BlockSpec::Linear(_)) {
                return Err(source
                    .error(at.span(), format!("`{block}` is not a block of the body"))
                    .with_remedy("move it to `head`"));
            }
        }
        Ok(NetworkSpec {
            name: self.name.clone(),
            resolution: source.in_range(&self.resolution, "resolution", 1..4097)?,
            input_channels: source.in_range(&self.input_channels, "input_channels", 1..1025)?,
            classes: source.in_range(&self.classes, "classes", 1..1_000_001)?,
            padding: self.padding,
            batch_norm: source.batch_norm(&self.batch_norm)?,
            dropout: source.dropout(&self.dropout)?,
            stem,
            blocks,
            head: self.head(&source)?,
        })
    }

    /// Convolutions, exactly one `pool`, then linear layers.
    fn head(&self, source: &Source<'_>) -> Result<Vec<BlockSpec>, FileError> {
        let texts = self.head.get_ref();
        let head = texts.iter().map(|b| block(source, b)).collect::<Result<Vec<_>, _>>()?;
        let mut pooled = false;
        for (block, at) in head.iter().zip(texts) {
            match block {
                BlockSpec::Pool if pooled => {
                    return Err(source.error(at.span(), "a network pools once"));
                }
                BlockSpec::Pool => pooled = true,
                BlockSpec::Linear(_) if !pooled => {
                    return Err(source
                        .error(at.span(), "a linear layer works on pooled features")
                        .with_remedy("put `pool` before it"));
                }
                BlockSpec::Linear(_) => {}
                _ if pooled => {
                    return Err(source
                        .error(at.span(), "no feature map is left after `pool`")
                        .with_remedy("put `pool` after it"));
                }
                _ => {}
            }
        }
        if pooled {
            return Ok(head);
        }
        Err(source
            .error(self.head.span(), "the head has no `pool`")
            .with_remedy("end the convolutions with \"pool\""))
    }
}

/// A block of the file.
fn block(source: &Source<'_>, text: &Spanned<String>) -> Result<BlockSpec, FileError> {
    text.get_ref().parse::<BlockSpec>().map_err(|error| {
        let start = text.span().start + 1 + error.offset;
        source.error(start..start + error.len, error.reason)
            .with_remedy("a block looks like conv_k3_s2_c16_hswish, ds_k3_s1_c64_relu, ir_k5_s2_h72_c40_se24_relu, pool or linear_c1280_hswish")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;
    use rstest::rstest;

    fn small() -> String {
        spec::load("mobilenet_v3_small").expect("shipped").to_toml()
    }

    #[test]
    fn every_reference_network_survives_writing_and_reading() {
        for (file, _) in spec::REFERENCE_NETWORKS {
            let network = spec::load(file).expect(file);
            let again = NetworkSpec::from_toml("again", &network.to_toml()).expect(file);
            assert_eq!(network, again);
        }
    }

    #[test]
    fn the_name_is_no_part_of_the_identity_and_all_else_is() {
        let network = spec::load("mobilenet_v3_small").expect("shipped");
        let renamed = NetworkSpec { name: "other".into(), ..network.clone() };
        assert_eq!(network.arch_id(), renamed.arch_id());
        let mut shallower = network.clone();
        shallower.blocks.pop();
        for other in [
            NetworkSpec { resolution: 192, ..network.clone() },
            NetworkSpec { classes: 10, ..network.clone() },
            NetworkSpec { padding: Padding::Symmetric, ..network.clone() },
            NetworkSpec { dropout: 0.0, ..network.clone() },
            shallower,
        ] {
            assert_ne!(network.arch_id(), other.arch_id());
        }
    }

    #[rstest]
    #[case("h72_c24_relu", "h72_c24_rel", "activation is missing")]
    #[case("resolution = 224", "resolution = 0", "out of range")]
    #[case("resolution = 224", "resolution = \"big\"", "invalid type")]
    #[case("resolution = 224", "resolutoin = 224", "unknown field")]
    #[case("\"pool\",", "", "needs pooled features")]
    #[case("stem = \"conv_k3_s2_c16_hswish\"", "stem = \"pool\"", "must be a `conv`")]
    #[case("dropout = 0.2", "dropout = 1.5", "out of range")]
    #[case("momentum = 0.01", "momentum = -1.0", "out of range")]
    #[case("classes = 1000", "", "missing field")]
    fn a_mistake_is_told_with_its_line(#[case] good: &str, #[case] bad: &str, #[case] says: &str) {
        let text = small();
        assert!(text.contains(good), "{good} in\n{text}");
        let error = NetworkSpec::from_toml("net.toml", &text.replacen(good, bad, 1)).expect_err(bad);
        let message = error.to_string();
        assert!(message.starts_with("net.toml:"), "{message}");
        assert!(
            message.contains(says) || says == "needs pooled features" && message.contains("pooled"),
            "{message}"
        );
    }
}
