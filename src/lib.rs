//! Hardware-aware architecture search for MobileNet-style networks.
//!
//! A network passes through four types: [`space::Genotype`] (choices in a
//! search space), [`spec::NetworkSpec`] (blocks with absolute channels),
//! [`graph::LayerGraph`] (operators with shapes) and [`nn::Network`]
//! (parameters with forward and backward). `docs/architecture.md` draws the house.

pub mod cholesky;
pub mod cli;
pub mod confusion;
pub mod cost;
pub mod csv_place;
#[cfg(feature = "train")]
pub mod data;
pub mod diagnostic;
pub mod differences;
pub mod export;
pub mod graph;
pub mod journal;
#[cfg(feature = "train")]
pub mod kernels;
pub mod latency;
pub mod measure;
#[cfg(feature = "train")]
pub mod netadapt;
#[cfg(feature = "train")]
pub mod nn;
pub mod onnx;
pub mod outcome;
#[cfg(feature = "train")]
pub mod plan;
#[cfg(feature = "train")]
pub mod pytorch;
#[cfg(feature = "train")]
pub mod report;
pub mod robust;
pub mod run;
pub mod runtime;
#[cfg(feature = "train")]
pub mod search;
pub mod seed;
pub mod space;
pub mod spec;
pub mod stopwatch;
pub mod terminal;
pub mod text_file;
#[cfg(feature = "train")]
pub mod train;
pub mod whole_file;
pub mod word_list;
