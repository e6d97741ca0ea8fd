//! tract: pure Rust, part of this program.

use std::sync::Arc;
use std::time::Duration;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::eval;

use super::{ImageShape, Passes, Profile, Runtime, RuntimeError, Session};
use crate::stopwatch::timed;

/// The runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tract;

const NAME: &str = "tract";

/// The release that Cargo.lock holds.
const VERSION: &str = "0.23.9";

impl Runtime for Tract {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> &str {
        VERSION
    }

    fn load(&self, model: &[u8], shape: ImageShape) -> Result<Box<dyn Session>, RuntimeError> {
        Ok(Box::new(TractSession { plan: plan(model, shape).map_err(refused)?, shape }))
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
        let session = TractSession { plan: plan(model, shape).map_err(refused)?, shape };
        session.profile(images, passes).map_err(failed)
    }
}

fn refused(error: TractError) -> RuntimeError {
    RuntimeError::Model { runtime: NAME.to_owned(), reason: format!("{error:#}") }
}

fn failed(error: TractError) -> RuntimeError {
    RuntimeError::Run { runtime: NAME.to_owned(), reason: format!("{error:#}") }
}

fn plan(mut model: &[u8], shape: ImageShape) -> TractResult<Arc<TypedRunnableModel>> {
    let model = tract_onnx::onnx().model_for_read(&mut model)?.into_typed()?;
    // The shapes in the file are checked with its own name for the batch, which gets its size afterwards.
    let batch = model.input_fact(0)?.shape[0].clone();
    let sizes = batch.symbols().into_iter().map(|symbol| (symbol, shape[0].to_dim())).collect();
    model.set_symbols(&sizes)?.into_optimized()?.into_runnable()
}

struct TractSession {
    plan: Arc<TypedRunnableModel>,
    shape: ImageShape,
}

impl TractSession {
    fn outputs(&self, images: &[f32]) -> TractResult<Vec<Vec<f32>>> {
        let images = Tensor::from_shape(&self.shape, images)?;
        let outputs = self.plan.run(tvec!(images.into()))?;
        let values = |output: &TValue| Ok(output.try_as_plain_ram()?.as_slice::<f32>()?.to_vec());
        outputs.iter().map(values).collect()
    }

    fn times(&self, images: &[f32], passes: Passes) -> TractResult<Vec<Duration>> {
        let images: TValue = Tensor::from_shape(&self.shape, images)?.into();
        let mut state = self.plan.spawn()?;
        let mut pass = || {
            let (time, outputs) = timed(|| state.run(tvec!(images.clone())));
            outputs.map(|_| time)
        };
        for _ in 0..passes.warm_up {
            pass()?;
        }
        (0..passes.timed).map(|_| pass()).collect()
    }

    fn profile(&self, images: &[f32], passes: Passes) -> TractResult<Profile> {
        let mut profile = Profile { unwatched: self.times(images, passes)?, ..Profile::default() };
        let images: TValue = Tensor::from_shape(&self.shape, images)?.into();
        let mut state = self.plan.spawn()?;
        for pass in 0..passes.warm_up + passes.timed {
            let mut operators = Vec::new();
            let mut times = Vec::new();
            state.run_plan_with_eval(tvec!(images.clone()), |context, state, node, inputs| {
                let (time, outputs) = timed(|| eval(context, state, node, inputs));
                operators.push(node.name.clone());
                times.push(time);
                outputs
            })?;
            if pass >= passes.warm_up {
                profile.operators = operators;
                profile.passes.push(times);
            }
        }
        Ok(profile)
    }
}

impl Session for TractSession {
    fn run(&mut self, images: &[f32]) -> Result<Vec<Vec<f32>>, RuntimeError> {
        self.outputs(images).map_err(failed)
    }

    fn time(&mut self, images: &[f32], passes: Passes) -> Result<Vec<Duration>, RuntimeError> {
        self.times(images, passes).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::VERSION;

    #[test]
    fn the_version_is_that_of_the_lock_file() {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"tract-onnx\"\nversion = \"{VERSION}\"\n");
        assert!(lock.contains(&entry), "tract.rs says {VERSION}");
    }
}
