//! A batch norm of the plan: its constants, from the batch or from the running statistics.

use crate::kernels::batch_norm::{self, Normalisation, Statistics};
use crate::kernels::rows::{Affine, Slopes};

/// Tensors of a batch norm, as indices into the plan's parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct NormTensors {
    pub(super) gamma: usize,
    pub(super) beta: usize,
    pub(super) running_mean: usize,
    pub(super) running_var: usize,
}

/// A batch norm.
pub(super) struct Norm {
    pub(super) tensors: NormTensors,
    pub(super) eps: f64,
    pub(super) momentum: f64,
    normalisation: Normalisation,
    /// Of the last batch, and its number of rows.
    batch: Option<(Statistics, usize)>,
    slopes: [Vec<f32>; 2],
}

impl Norm {
    pub(super) fn new(tensors: NormTensors, channels: usize, eps: f64, momentum: f64) -> Self {
        let statistics = Statistics { mean: vec![0.0; channels], variance: vec![1.0; channels] };
        let normalisation = Normalisation::new(&statistics, &vec![1.0; channels], &vec![0.0; channels], eps);
        Self { tensors, eps, momentum, normalisation, batch: None, slopes: [Vec::new(), Vec::new()] }
    }

    /// Normalises by the statistics of a batch of `rows` rows from now on.
    pub(super) fn use_batch(&mut self, statistics: Statistics, rows: usize, parameters: &[&[f32]]) {
        let NormTensors { gamma, beta, .. } = self.tensors;
        self.normalisation = Normalisation::new(&statistics, parameters[gamma], parameters[beta], self.eps);
        self.batch = Some((statistics, rows));
    }

    /// Normalises by the running statistics from now on.
    pub(super) fn use_running(&mut self, parameters: &[&[f32]]) {
        let NormTensors { gamma, beta, running_mean, running_var } = self.tensors;
        let wide = |index: usize| parameters[index].iter().map(|&v| f64::from(v)).collect();
        let statistics = Statistics { mean: wide(running_mean), variance: wide(running_var) };
        self.normalisation = Normalisation::new(&statistics, parameters[gamma], parameters[beta], self.eps);
        self.batch = None;
    }

    /// Mean, biased variance and number of rows of the last batch.
    pub(super) fn batch(&self) -> Option<(&Statistics, usize)> {
        self.batch.as_ref().map(|(statistics, rows)| (statistics, *rows))
    }

    pub(super) fn affine(&self) -> Affine<'_> {
        self.normalisation.affine()
    }

    /// Takes the sums `sum(du)` and `sum(du * (z - centre))` of every channel over `rows` rows: fills in the gradients
    /// of gamma and beta, and what [`Self::slopes`] gives from now on.
    pub(super) fn take_sums(
        &mut self,
        sums: &[[f64; 2]],
        rows: usize,
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        self.slopes = batch_norm::slopes(&self.normalisation, sums, rows, dgamma, dbeta);
    }

    pub(super) fn slopes(&self) -> Slopes<'_> {
        let Affine { centre, scale, .. } = self.affine();
        let [slope, shift] = &self.slopes;
        Slopes { centre, scale, slope, shift }
    }
}
