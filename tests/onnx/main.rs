//! What is written as ONNX computes what the network computes, in a runtime of its own.

mod networks;
mod random;
