//! What every layer of a plan does.

use super::feature::{NormSums, Pass};
use crate::kernels::aligned::Aligned;
use crate::kernels::batch_norm::{PartMoments, Statistics};

/// Memory that layers use one after the other.
#[derive(Default)]
pub(super) struct Workspace {
    /// Weight gradients of the parts.
    pub(super) weights: Aligned,
    /// Those of an expansion in front of a depthwise convolution.
    pub(super) expansion: Aligned,
    /// Sums of the parts.
    pub(super) sums: Aligned,
}

/// Gradients by parameter; empty where none is trained.
pub(super) struct Gradients(pub(super) Vec<Aligned>);

impl Gradients {
    pub(super) fn of(&mut self, parameter: usize) -> &mut [f32] {
        &mut self.0[parameter]
    }

    /// The gradients of two different parameters.
    pub(super) fn pair(&mut self, a: usize, b: usize) -> [&mut [f32]; 2] {
        match self.0.get_disjoint_mut([a, b]) {
            Ok([a, b]) => [a, b],
            Err(_) => [&mut [], &mut []],
        }
    }
}

/// A layer: a convolution or what stands between them.
pub(super) trait Layer: Send + Sync {
    /// Takes over new weights.
    fn pack(&mut self, _parameters: &[&[f32]], _training: bool) {}

    /// Computes the output; with its batch statistics if it is normalised by them.
    fn forward(&self, pass: Pass<'_>, work: &mut Workspace) -> Option<Statistics>;

    /// Computes the gradients of weights and inputs from that of the output.
    fn backward(&self, pass: Pass<'_>, work: &mut Workspace, gradients: &mut Gradients) -> Vec<NormSums>;

    /// Whether the output is normalised by the statistics of the batch.
    fn measure(&mut self, _batch_statistics: bool) {}
}

/// The moments that the parts of a layer gather of `channels` channels: shift, sums and squares for each part.
pub(super) fn part_moments(sums: &mut Aligned, parts: usize, channels: usize) -> &mut [f32] {
    sums.resize(parts * 3 * channels);
    sums.fill(0.0);
    &mut sums[..]
}

/// Merges what [`part_moments`] holds; `rows(part)` is the number of rows of a part.
pub(super) fn merge_moments(
    moments: &[f32],
    channels: usize,
    total_rows: usize,
    rows: impl Fn(usize) -> usize,
) -> Statistics {
    let parts = moments.chunks_exact(3 * channels).enumerate().map(|(part, moments)| {
        let (shift, rest) = moments.split_at(channels);
        let (sums, squares) = rest.split_at(channels);
        PartMoments { rows: rows(part), shift, sums, squares }
    });
    Statistics::merge(parts.filter(|part| part.rows > 0), total_rows, channels)
}
