//! A point in a search space.

use serde::{Deserialize, Serialize};

/// Indices into the choices of a space's decisions, in their order.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Genotype(pub Vec<u8>);
