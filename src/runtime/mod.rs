//! Inference runtimes that run ONNX models in this process.
//!
//! [`Tract`] and [`Candle`] are compiled in; [`OnnxRuntime`] is loaded from its shared library when asked for.

#[cfg(feature = "train")]
mod candle;
#[cfg(feature = "ort")]
mod onnx_runtime;
mod profile;
#[cfg(feature = "tract")]
mod tract;

#[cfg(feature = "train")]
pub use candle::Candle;
#[cfg(feature = "ort")]
pub use onnx_runtime::OnnxRuntime;
#[cfg(feature = "tract")]
pub use tract::Tract;

pub use profile::Profile;

use std::path::PathBuf;
use std::time::Duration;

/// Shape of a batch of images, `[n, c, h, w]`.
pub type ImageShape = [usize; 4];

/// Something that runs models, with one thread unless it was made for more.
pub trait Runtime {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// Its version.
    fn version(&self) -> &str;

    /// Makes a model ready to run on batches of a shape.
    ///
    /// # Errors
    /// If the runtime does not take the model.
    fn load(&self, model: &[u8], shape: ImageShape) -> Result<Box<dyn Session>, RuntimeError>;

    /// What the times of operators are rounded to; zero if they are not.
    fn tick(&self) -> Duration;

    /// How long every operator takes in each of some passes over the images `[n, c, h, w]`, after others that nobody
    /// times, and how long as many passes take in which operators are not watched.
    ///
    /// # Errors
    /// If the runtime does not take the model, or fails.
    fn profile(
        &self,
        model: &[u8],
        shape: ImageShape,
        images: &[f32],
        passes: Passes,
    ) -> Result<Profile, RuntimeError>;
}

/// Passes over the same images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// First ones, which nobody times.
    pub warm_up: usize,
    /// Timed ones.
    pub timed: usize,
}

/// A model ready to run.
pub trait Session {
    /// All outputs, in the order of the model, for the images `[n, c, h, w]` of a batch.
    ///
    /// # Errors
    /// If the runtime fails.
    fn run(&mut self, images: &[f32]) -> Result<Vec<Vec<f32>>, RuntimeError>;

    /// Time of each of some passes over the images: from the call of the runtime to its return, without the making of
    /// its inputs or the reading of its outputs.
    ///
    /// # Errors
    /// If the runtime fails.
    fn time(&mut self, images: &[f32], passes: Passes) -> Result<Vec<Duration>, RuntimeError>;
}

/// A runtime could not do its work.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RuntimeError {
    /// Its library cannot be used.
    #[error("cannot load ONNX Runtime from {}: {reason}", path.display())]
    #[diagnostic(help(
        "give the file of the library, version 1.17 or newer, with --ort-library or ORT_DYLIB_PATH; \
         the Python package onnxruntime holds it as onnxruntime/capi/libonnxruntime.so.*"
    ))]
    Library {
        /// The library.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It does not take a model.
    #[error("{runtime} does not take the model: {reason}")]
    Model {
        /// The runtime.
        runtime: String,
        /// Why.
        reason: String,
    },
    /// It failed while running one.
    #[error("{runtime} failed: {reason}")]
    Run {
        /// The runtime.
        runtime: String,
        /// Why.
        reason: String,
    },
}
