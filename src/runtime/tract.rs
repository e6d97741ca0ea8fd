//! tract: pure Rust, part of this program.

use std::sync::Arc;

use tract_onnx::prelude::*;

use super::{ImageShape, Runtime, RuntimeError, Session};

/// The runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tract;

const NAME: &str = "tract";

impl Runtime for Tract {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn load(&self, model: &[u8], shape: ImageShape) -> Result<Box<dyn Session>, RuntimeError> {
        let plan = plan(model, shape).map_err(|error| RuntimeError::Model {
            runtime: NAME.to_owned(),
            reason: format!("{error:#}"),
        })?;
        Ok(Box::new(TractSession { plan, shape }))
    }
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
}

impl Session for TractSession {
    fn run(&mut self, images: &[f32]) -> Result<Vec<Vec<f32>>, RuntimeError> {
        self.outputs(images)
            .map_err(|error| RuntimeError::Run { runtime: NAME.to_owned(), reason: format!("{error:#}") })
    }
}
