//! CPU compute on plain `f32` slices, NHWC, for training and inference of depthwise-separable networks.
//!
//! Every operator comes as a forward function and the exact adjoint functions that training needs.
//! The invariants all of them keep:
//!
//! * tensors are dense and row-major, images are `[n, h, w, c]`, so a 1x1 convolution is one matrix
//!   product and a depthwise convolution vectorises over channels;
//! * outputs are caller-owned and fully overwritten (a gradient is stored, not accumulated);
//! * work is split into pieces that depend on the shapes alone and partial sums are added in the order
//!   of the pieces: results are bit-identical whatever the number of threads;
//! * one binary serves every x86-64 and aarch64 machine, see `simd`; results may differ in the last
//!   bits between machine types;
//! * a slice whose length contradicts the shapes is a programming error and panics. Code that faces user
//!   input checks shapes before it calls in here, as `nn::ops` does.

pub mod activation;
pub mod batch_norm;
pub mod channel_scale;
pub mod cross_entropy;
pub mod depthwise;
pub mod elementwise;
pub mod im2col;
pub mod pointwise;
pub mod pool;
pub mod update;
pub mod window;

pub(crate) mod aligned;
mod channels;
pub(crate) mod matmul;
pub(crate) mod parallel;
pub(crate) mod rows;
pub(crate) mod simd;
mod taps;
#[cfg(test)]
mod testing;

pub use activation::Activation;
pub use window::Window;
