//! Networks as people read, write and exchange them: blocks with absolute
//! channel counts, one line each.

mod activation;
pub mod block;
mod divisible;
mod network;
pub mod notation;
mod place;
mod reference;
pub(crate) mod source;
mod width;

pub use activation::Activation;
pub use block::{BlockSpec, DepthwiseSeparable};
pub use divisible::{CHANNEL_DIVISOR, make_divisible, squeeze_width};
pub use network::{ArchId, BatchNormSpec, NetworkFile, NetworkSpec, Padding};
pub use place::{Place, Slot};
pub use reference::{REFERENCE_NETWORKS, load};
pub use width::WidthRule;
