//! candle with this program's kernels: what networks are trained with.

mod program;

use std::sync::Arc;
use std::time::Duration;

use candle_core::{Device, Tensor};
use prost::Message;

use super::{ImageShape, Passes, Profile, Runtime, RuntimeError, Session};
use crate::onnx::ModelProto;
use crate::stopwatch::timed;
use program::Program;

/// The runtime, with threads of its own.
#[derive(Debug)]
pub struct Candle {
    threads: Arc<rayon::ThreadPool>,
}

const NAME: &str = "candle";

/// The release that Cargo.lock holds, and that of the kernels.
const VERSION: &str = concat!("0.11.1, mbn ", env!("CARGO_PKG_VERSION"));

impl Candle {
    /// With this many threads.
    ///
    /// # Errors
    /// If the system does not give them.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Self { threads: Arc::new(threads.map_err(std::io::Error::other)?) })
    }

    fn loaded(&self, model: &[u8], shape: ImageShape) -> Result<Loaded, RuntimeError> {
        let model = ModelProto::decode(model).map_err(refused)?;
        let program = Program::new(&model).map_err(refused)?;
        Ok(Loaded { program, shape, threads: Arc::clone(&self.threads) })
    }
}

fn refused(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Model { runtime: NAME.to_owned(), reason: error.to_string() }
}

fn failed(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Run { runtime: NAME.to_owned(), reason: error.to_string() }
}

impl Runtime for Candle {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> &str {
        VERSION
    }

    fn load(&self, model: &[u8], shape: ImageShape) -> Result<Box<dyn Session>, RuntimeError> {
        Ok(Box::new(self.loaded(model, shape)?))
    }

    fn tick(&self) -> Duration {
        Duration::ZERO
    }

    fn profile(
        &self,
        model: &[u8],
        shape: ImageShape,
        images: &[f32],
        passes: Passes,
    ) -> Result<Profile, RuntimeError> {
        let mut loaded = self.loaded(model, shape)?;
        let unwatched = loaded.time(images, passes)?;
        let watched = loaded.passes(images, passes, |program, images| {
            let mut times = Vec::new();
            program.run(images, |step| {
                let (time, output) = timed(step);
                times.push(time);
                output
            })?;
            Ok(times)
        })?;
        Ok(Profile { operators: loaded.program.operators(), passes: watched, unwatched })
    }
}

struct Loaded {
    program: Program,
    shape: ImageShape,
    threads: Arc<rayon::ThreadPool>,
}

impl Loaded {
    /// What `pass` says of each timed pass.
    fn passes<T: Send>(
        &self,
        images: &[f32],
        passes: Passes,
        pass: impl Fn(&Program, &Tensor) -> candle_core::Result<T> + Sync,
    ) -> Result<Vec<T>, RuntimeError> {
        let all = || {
            let images = self.images(images)?;
            for _ in 0..passes.warm_up {
                pass(&self.program, &images)?;
            }
            (0..passes.timed).map(|_| pass(&self.program, &images)).collect::<candle_core::Result<Vec<T>>>()
        };
        self.threads.install(all).map_err(failed)
    }

    fn images(&self, images: &[f32]) -> candle_core::Result<Tensor> {
        Tensor::from_slice(images, self.shape.to_vec(), &Device::Cpu)
    }
}

impl Session for Loaded {
    fn run(&mut self, images: &[f32]) -> Result<Vec<Vec<f32>>, RuntimeError> {
        let run = || self.program.run(&self.images(images)?, |step| step())?.flatten_all()?.to_vec1::<f32>();
        Ok(vec![self.threads.install(run).map_err(failed)?])
    }

    fn time(&mut self, images: &[f32], passes: Passes) -> Result<Vec<Duration>, RuntimeError> {
        self.passes(images, passes, |program, images| {
            let (time, logits) = timed(|| program.run(images, |step| step()));
            logits.map(|_| time)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::VERSION;

    #[test]
    fn the_version_is_that_of_the_lock_file() {
        let lock = include_str!("../../Cargo.lock");
        let release = VERSION.split(',').next().unwrap_or_default();
        let entry = format!("name = \"candle-core\"\nversion = \"{release}\"\n");
        assert!(lock.contains(&entry), "candle.rs says {VERSION}");
    }
}
