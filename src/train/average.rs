//! A moving average of a network's weights together with its batch-norm statistics, which generalises better than the
//! last weights (Polyak and Juditsky 1992).

use candle_core::{Result, Var};

use crate::kernels::update::move_average;
use crate::nn::{Parameters, ops};

/// The average of all tensors of a network.
pub(super) struct Average {
    decay: f64,
    tensors: Vec<Averaged>,
}

/// A tensor and its average.
struct Averaged {
    path: String,
    var: Var,
    values: Vec<f32>,
}

impl Average {
    /// An average that starts at the network as it is.
    ///
    /// # Errors
    /// If a tensor cannot be read.
    pub(super) fn new(parameters: &Parameters, decay: f64) -> Result<Self> {
        let start = |(path, info): (&str, &crate::nn::TensorInfo)| {
            let values = info.var.flatten_all()?.to_vec1()?;
            Ok(Averaged { path: path.to_owned(), var: info.var.clone(), values })
        };
        Ok(Self { decay, tensors: parameters.iter().map(start).collect::<Result<_>>()? })
    }

    /// Takes the network in after step `number`, counted from 1.
    ///
    /// The decay warms up as in TensorFlow's `ExponentialMovingAverage`: `min(decay, (1 + t) / (10 + t))`, so that
    /// early weights are forgotten soon.
    ///
    /// # Errors
    /// If a tensor cannot be read.
    pub(super) fn take_in(&mut self, number: u64) -> Result<()> {
        let t = number as f64;
        let decay = self.decay.min((1.0 + t) / (10.0 + t));
        for Averaged { var, values, .. } in &mut self.tensors {
            ops::update(var, |current| move_average(values, current, decay))?;
        }
        Ok(())
    }

    /// Exchanges the network's tensors with their averages; a second call undoes it.
    ///
    /// # Errors
    /// If a tensor cannot be written.
    pub(super) fn swap(&mut self) -> Result<()> {
        for Averaged { var, values, .. } in &mut self.tensors {
            ops::update(var, |current| current.swap_with_slice(values))?;
        }
        Ok(())
    }

    /// The averages by the path of their tensor.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (&str, &Vec<f32>)> {
        self.tensors.iter().map(|tensor| (tensor.path.as_str(), &tensor.values))
    }

    /// [`Self::tensors`], to change their values.
    pub(super) fn tensors_mut(&mut self) -> impl Iterator<Item = (&str, &mut Vec<f32>)> {
        self.tensors.iter_mut().map(|tensor| (tensor.path.as_str(), &mut tensor.values))
    }
}
