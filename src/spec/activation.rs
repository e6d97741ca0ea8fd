//! The activations a block may use, and their names in files.

use schemars::JsonSchema;

use crate::word_list::word_list;

/// Non-linearity after a batch norm or a hidden linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)` (MobileNetV2).
    Relu6,
    /// `x * relu6(x + 3) / 6`, h-swish (MobileNetV3, section 5.2).
    Hswish,
}

word_list!(Activation, "activation", [Relu = "relu", Relu6 = "relu6", Hswish = "hswish"]);
