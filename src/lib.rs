//! Hardware-aware architecture search for MobileNet-style networks.
//!
//! A network passes through four types: [`space::Genotype`] (choices in a
//! search space), [`spec::NetworkSpec`] (blocks with absolute channels),
//! [`graph::LayerGraph`] (operators with shapes) and [`nn::Network`]
//! (parameters with forward and backward). `docs/architecture.md` draws the house.

pub(crate) mod cholesky;
pub mod cli;
pub mod data;
pub mod diagnostic;
pub mod differences;
pub mod export;
pub mod graph;
pub mod journal;
pub mod kernels;
pub mod latency;
#[cfg(any(feature = "tract", feature = "ort"))]
pub mod measure;
pub mod netadapt;
pub mod nn;
pub mod onnx;
pub mod plan;
pub mod pytorch;
pub mod report;
pub mod robust;
pub mod run;
#[cfg(any(feature = "tract", feature = "ort"))]
pub mod runtime;
pub mod search;
pub mod seed;
pub mod space;
pub mod spec;
pub mod stopwatch;
pub mod text_file;
pub mod train;
pub mod whole_file;
