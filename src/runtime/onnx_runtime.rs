//! ONNX Runtime, from a shared library that is loaded when it is asked for.

use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::session::Session as OrtSession;
use ort::value::TensorRef;

use super::{ImageShape, Runtime, RuntimeError, Session};

/// The runtime. A process can use one library only.
#[derive(Debug)]
pub struct OnnxRuntime {
    environment: Environment,
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
        let environment = ort::init_from(path).map_err(|error| failed(error.to_string()))?;
        let environment = environment.with_telemetry(false).build();
        Ok(Self { environment: environment.map_err(|error| failed(error.to_string()))? })
    }
}

impl Runtime for OnnxRuntime {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn load(&self, model: &[u8], shape: ImageShape) -> Result<Box<dyn Session>, RuntimeError> {
        let failed = |reason: String| RuntimeError::Model { runtime: NAME.to_owned(), reason };
        let mut builder = OrtSession::builder(&self.environment)
            .map_err(|error| failed(error.to_string()))?
            .with_intra_threads(1)
            .map_err(|error| failed(error.to_string()))?;
        let session = builder.commit_from_memory(model).map_err(|error| failed(error.to_string()))?;
        Ok(Box::new(Loaded { session, shape }))
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
}

impl Session for Loaded {
    fn run(&mut self, images: &[f32]) -> Result<Vec<Vec<f32>>, RuntimeError> {
        self.outputs(images)
            .map_err(|error| RuntimeError::Run { runtime: NAME.to_owned(), reason: error.to_string() })
    }
}
