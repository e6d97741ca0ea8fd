//! ONNX Runtime, from a shared library that is loaded when it is asked for.

mod operator_times;
mod version;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ort::environment::Environment;
use ort::session::Session as OrtSession;
use ort::session::builder::SessionBuilder;
use ort::value::TensorRef;

use super::{ImageShape, Passes, Profile, Runtime, RuntimeError, Session};
use crate::stopwatch::timed;

/// The runtime. A process can use one library only.
#[derive(Debug)]
pub struct OnnxRuntime {
    environment: Environment,
    version: String,
    threads: usize,
}

const NAME: &str = "ONNX Runtime";

/// The variable that names the library.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

impl OnnxRuntime {
    /// The library that is asked for: the given file, or the one named by `ORT_DYLIB_PATH`.
    pub fn library(given: Option<&Path>) -> Option<PathBuf> {
        let named = || std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        given.map(Path::to_path_buf).or_else(named)
    }

    /// Loads the library.
    ///
    /// # Errors
    /// If it is not there, is no ONNX Runtime, or is too old.
    pub fn load(library: &Path) -> Result<Self, RuntimeError> {
        let failed = |reason: String| RuntimeError::Library { path: library.to_owned(), reason };
        // A relative path is meant from the working folder, not from that of the program.
        let path = std::path::absolute(library).map_err(|error| failed(error.to_string()))?;
        if !path.is_file() {
            return Err(failed("there is no such file".to_owned()));
        }
        let environment = ort::init_from(&path).map_err(|error| failed(error.to_string()))?;
        let environment = environment.with_telemetry(false).build();
        let environment = environment.map_err(|error| failed(error.to_string()))?;
        Ok(Self { environment, version: version::of_library(&path).map_err(failed)?, threads: 1 })
    }

    /// The same, computing with this many threads.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    fn builder(&self) -> Result<SessionBuilder, RuntimeError> {
        let builder = OrtSession::builder(&self.environment).map_err(refused)?;
        builder.with_intra_threads(self.threads).map_err(refused)
    }
}

fn refused(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Model { runtime: NAME.to_owned(), reason: error.to_string() }
}

fn failed(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Run { runtime: NAME.to_owned(), reason: error.to_string() }
}

impl Runtime for OnnxRuntime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn load(&self, model: &[u8], shape: ImageShape) -> Result<Box<dyn Session>, RuntimeError> {
        let session = self.builder()?.commit_from_memory(model).map_err(refused)?;
        Ok(Box::new(Loaded { session, shape }))
    }

    fn tick(&self) -> Duration {
        operator_times::TICK
    }

    fn profile(
        &self,
        model: &[u8],
        shape: ImageShape,
        images: &[f32],
        passes: Passes,
    ) -> Result<Profile, RuntimeError> {
        let unwatched = self.load(model, shape)?.time(images, passes)?;
        let folder = tempfile::tempdir().map_err(failed)?;
        let builder = self.builder()?.with_profiling(folder.path().join("profile")).map_err(refused)?;
        let session = builder.clone().commit_from_memory(model).map_err(refused)?;
        let mut loaded = Loaded { session, shape };
        loaded.time(images, passes)?;
        let file = loaded.session.end_profiling().map_err(failed)?;
        let events = std::fs::read_to_string(file).map_err(failed)?;
        let profile = operator_times::read(&events, passes).map_err(failed)?;
        Ok(Profile { unwatched, ..profile })
    }
}

struct Loaded {
    session: OrtSession,
    shape: ImageShape,
}

impl Loaded {
    fn outputs(&mut self, images: &[f32]) -> ort::Result<Vec<Vec<f32>>> {
        let names: Vec<String> =
            self.session.outputs().iter().map(|output| output.name().to_owned()).collect();
        let images = TensorRef::from_array_view((self.shape, images))?;
        let outputs = self.session.run(ort::inputs![images])?;
        let values = |name: &String| Ok(outputs[name.as_str()].try_extract_tensor::<f32>()?.1.to_vec());
        names.iter().map(values).collect()
    }

    fn pass(&mut self, images: &[f32]) -> ort::Result<Duration> {
        let images = TensorRef::from_array_view((self.shape, images))?;
        let inputs = ort::inputs![images];
        let (time, outputs) = timed(|| self.session.run(inputs));
        outputs.map(|_| time)
    }

    fn times(&mut self, images: &[f32], passes: Passes) -> ort::Result<Vec<Duration>> {
        for _ in 0..passes.warm_up {
            self.pass(images)?;
        }
        (0..passes.timed).map(|_| self.pass(images)).collect()
    }
}

impl Session for Loaded {
    fn run(&mut self, images: &[f32]) -> Result<Vec<Vec<f32>>, RuntimeError> {
        self.outputs(images).map_err(failed)
    }

    fn time(&mut self, images: &[f32], passes: Passes) -> Result<Vec<Duration>, RuntimeError> {
        self.times(images, passes).map_err(failed)
    }
}
