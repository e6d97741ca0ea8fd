//! A network as one planned execution.
//!
//! [`Plan::compile`] turns a `LayerGraph` into layers over features, with a place in one buffer for everything a step
//! computes: lifetimes are known, so places are found once and reused step after step. What training stores per
//! convolution is its bare output alone; batch norm, activation and squeeze-excite are applied by whoever reads it,
//! tile by tile in the cache, on the way back as on the way there, and the sums that batch norm needs are taken where
//! values are made. Layers run one after the other, each cut into parts by shapes alone, so that results do not
//! depend on the number of threads.
//!
//! Nothing here knows of candle: parameters and images come in as slices, logits and gradients go out as slices.

mod add;
mod arena;
mod compile;
mod depthwise;
mod dropout;
mod excite;
mod expansion;
mod feature;
mod full_conv;
mod geometry;
mod gram;
mod layer;
mod linear;
mod norm;
mod parts;
mod pointwise;
mod pool;
mod ring;
mod scratch;
mod weights;

pub use compile::PlanError;
pub(crate) use dropout::draw as draw_dropout;

use rayon::prelude::*;

use crate::graph::LayerGraph;
use arena::Arena;
use feature::{Feature, NormSums, Pass};
use layer::{Gradients, Layer, Workspace};
use norm::Norm;

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Forward and backward: everything the way back needs is kept.
    Train,
    /// Forward alone: places are reused within the pass.
    Infer,
}

/// Whether expansions in front of a depthwise convolution are stored, or computed anew where they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recompute {
    /// Computed anew where that was measured to be faster: large maps of few input channels.
    #[default]
    WherePaid,
    /// Computed anew wherever it is possible.
    Always,
    /// Stored.
    Never,
}

/// What a forward pass normalises by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalise {
    /// The statistics of the batch.
    Batch,
    /// The running statistics among the parameters.
    Running,
}

/// A batch's statistics at one batch norm.
#[derive(Debug, Clone, Copy)]
pub struct BatchStatistics<'a> {
    /// Index of the running mean among the parameters.
    pub running_mean: usize,
    /// Index of the running variance among the parameters.
    pub running_var: usize,
    /// Share of a batch in the running statistics.
    pub momentum: f64,
    /// `[c]`
    pub mean: &'a [f64],
    /// Divided by the number of values, `[c]`.
    pub variance: &'a [f64],
    /// Values per channel.
    pub rows: usize,
}

/// A planned execution of one network for batches of up to a number of images.
///
/// Parameters are those of [`LayerGraph::parameters`], in that order.
pub struct Plan {
    purpose: Purpose,
    batch: usize,
    /// The logits.
    output: usize,
    /// Images of the last forward pass.
    images: usize,
    features: Vec<Feature>,
    layers: Vec<Box<dyn Layer>>,
    /// Feature of every layer.
    outputs: Vec<usize>,
    norms: Vec<Norm>,
    arena: Arena,
    gradients: Gradients,
    work: Workspace,
    dropout: Option<(u64, u64)>,
}

impl Plan {
    /// Plans the execution of a network for up to `batch` images at a time.
    ///
    /// # Errors
    /// If the graph has an operator where none is planned for.
    pub fn compile(
        graph: &LayerGraph,
        batch: usize,
        purpose: Purpose,
        recompute: Recompute,
    ) -> Result<Self, PlanError> {
        compile::compile(graph, batch.max(1), purpose, recompute)
    }

    /// Most images of a pass.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Bytes of the buffer that steps compute in.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arena.size() * size_of::<f32>()
    }

    /// Logits `[n, classes]` of `count` images `[n, h, w, c]`. `dropout` is the seed and step that masks are drawn from.
    ///
    /// # Panics
    /// When the images are not `count` images of the network's shape, one to [`Self::batch`], or the parameters are not
    /// those of the network.
    pub fn forward(
        &mut self,
        images: &[f32],
        count: usize,
        parameters: &[&[f32]],
        normalise: Normalise,
        dropout: Option<(u64, u64)>,
    ) -> &[f32] {
        assert!((1..=self.batch).contains(&count), "one to {} images", self.batch);
        assert_eq!(images.len(), count * self.features[0].image(), "{count} images of the network's shape");
        self.images = count;
        self.dropout = dropout;
        let training = self.purpose == Purpose::Train;
        let batch_statistics = normalise == Normalise::Batch;
        self.layers.par_iter_mut().with_max_len(1).for_each(|layer| {
            layer.pack(parameters, training);
            layer.measure(batch_statistics);
        });
        if !batch_statistics {
            self.norms.iter_mut().for_each(|norm| norm.use_running(parameters));
        }
        for index in 0..self.layers.len() {
            let statistics = self.layers[index].forward(
                Pass {
                    images: self.images,
                    pixels: images,
                    parameters,
                    arena: &self.arena,
                    features: &self.features,
                    norms: &self.norms,
                    dropout,
                },
                &mut self.work,
            );
            let output = &self.features[self.outputs[index]];
            if let (Some(norm), Some(statistics)) = (output.norm, statistics) {
                let rows = self.images * output.pixels();
                self.norms[norm].use_batch(statistics, rows, parameters);
            }
        }
        self.logits()
    }

    /// The logits of the last forward pass.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        let feature = &self.features[self.output];
        match feature.source {
            feature::Source::Stored(slot) => &self.arena.read(slot)[..self.images * feature.image()],
            feature::Source::Images | feature::Source::Recomputed => &[],
        }
    }

    /// What the last forward pass measured, if it normalised by the batch.
    pub fn batch_statistics(&self) -> impl Iterator<Item = BatchStatistics<'_>> {
        self.norms.iter().filter_map(|norm| {
            let (statistics, rows) = norm.batch()?;
            Some(BatchStatistics {
                running_mean: norm.tensors.running_mean,
                running_var: norm.tensors.running_var,
                momentum: norm.momentum,
                mean: &statistics.mean,
                variance: &statistics.variance,
                rows,
            })
        })
    }

    /// Gradients of all parameters from that of the logits, `dlogits: [n, classes]`, after a forward pass over the
    /// same `images` with the same `parameters` that normalised by the batch.
    ///
    /// # Panics
    /// When the plan was not made for training, or the sizes are not those of the forward pass.
    pub fn backward(&mut self, dlogits: &[f32], images: &[f32], parameters: &[&[f32]]) {
        assert!(self.purpose == Purpose::Train, "a plan for training");
        assert_eq!(dlogits.len(), self.images * self.features[self.output].image(), "gradient of the logits");
        assert_eq!(images.len(), self.images * self.features[0].image(), "images of the forward pass");
        if let Some(slot) = self.features[self.output].gradient {
            // SAFETY: nobody else works on it.
            unsafe { self.arena.write(slot).part(0..dlogits.len()) }.copy_from_slice(dlogits);
        }
        for index in (0..self.layers.len()).rev() {
            let sums = self.layers[index].backward(
                Pass {
                    images: self.images,
                    pixels: images,
                    parameters,
                    arena: &self.arena,
                    features: &self.features,
                    norms: &self.norms,
                    dropout: self.dropout,
                },
                &mut self.work,
                &mut self.gradients,
            );
            for NormSums { norm, sums, rows } in sums {
                let norm = &mut self.norms[norm];
                let [dgamma, dbeta] = self.gradients.pair(norm.tensors.gamma, norm.tensors.beta);
                norm.take_sums(&sums, rows, dgamma, dbeta);
            }
        }
    }

    /// The gradient of a parameter after a backward pass; empty for running statistics.
    #[must_use]
    pub fn gradient(&self, parameter: usize) -> &[f32] {
        &self.gradients.0[parameter]
    }

    /// As [`Self::gradient`], to change it, as gradient clipping does.
    pub fn gradient_mut(&mut self, parameter: usize) -> &mut [f32] {
        &mut self.gradients.0[parameter]
    }
}
