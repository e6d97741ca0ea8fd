//! The activations a block may use, and their names in files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Non-linearity after a batch norm or a hidden linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)` (MobileNetV2).
    Relu6,
    /// `x * relu6(x + 3) / 6`, h-swish (MobileNetV3, section 5.2).
    Hswish,
}

impl Activation {
    /// Every activation, in the order of their names in error texts.
    pub const ALL: [Self; 3] = [Self::Relu, Self::Relu6, Self::Hswish];

    /// The name in network files and latency tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::Hswish => "hswish",
        }
    }

    /// The activation of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}
