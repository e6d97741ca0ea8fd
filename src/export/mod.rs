//! Networks for other programs: what runs at inference, folded, equalised, quantised, written as ONNX.
//!
//! A trained network becomes an [`InferenceGraph`], the operators of ONNX with their constants. Folding, equalisation
//! and quantisation work on it; [`onnx_model`] writes it down.

mod calibration;
mod inference;
mod onnx_model;
mod quantise;

pub use calibration::{Calibration, ChannelRange};
pub use inference::{Conv, Equalised, InferenceGraph, Layer, Linear, MissingTensor, Norm, Op, ValueId};
pub use onnx_model::{Batch, IMAGE, LOGITS, OPSETS, OnnxOptions, Opset, onnx_model, probed_model};
pub use quantise::{Affine, QuantisationError, Quantised, QuantisedWeights, quantise};

#[cfg(test)]
mod tests;
