//! The operators of a network as candle functions with gradients, on the CPU kernels of
//! [`crate::kernels`].
//!
//! All tensors are `f32` on the CPU, images are `[n, h, w, c]`. Inputs that are not contiguous are made so;
//! a wrong shape, type or device is a candle error that names the operator. Gradients are hand-written; one
//! that nothing asks for (the image's, above all) is not computed.

mod activation;
mod batch_norm;
mod channel_scale;
mod conv;
mod depthwise;
mod pointwise;
mod pool;
pub(super) mod tensors;
mod update;

pub use activation::activation;
pub use batch_norm::{batch_norm_activation, scale_shift_activation};
pub use channel_scale::channel_scale;
pub use conv::conv;
pub use depthwise::depthwise;
pub use pointwise::pointwise;
pub use pool::global_average_pool;
pub use update::update;

#[cfg(test)]
mod tests;
