//! ONNX files: the messages of the format, and short ways to make the ones that are needed.
//!
//! Nothing here knows of networks; [`crate::export`] writes them with it.

mod build;
mod message;
mod read;

pub use build::{Dimension, attribute, node, tensor, value};
pub use message::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, ValueInfoProto,
};
