//! Serial passes over a few rows `[rows, c]` that are in the cache anyway: what a planned execution fuses with the
//! matrix products and depthwise convolutions around a batch norm.
//!
//! A batch norm with its activation is `a = activation(u)`, `u = (z - centre) * scale + offset` per channel. It is
//! never stored: whoever reads `a` computes it from `z` ([`normalise`]), and whoever completes the gradient of `a`
//! turns it into that of `u` and takes the sums of the parameter gradients on the way ([`finish`]).

/// Rows that pass all channels before the next rows: constants are loaded once for them, and they are read in order.
const GROUP: usize = 8;

mod add;
mod finish;
mod gradient;
mod normalise;
mod pool;

pub(crate) use add::{add, add_normalised};
pub(crate) use finish::{Incoming, Sums, finish};
pub(crate) use gradient::{Slopes, norm_gradient};
pub(crate) use normalise::{Affine, normalise};
pub(crate) use pool::{column_products, mean};

#[cfg(test)]
mod tests;
