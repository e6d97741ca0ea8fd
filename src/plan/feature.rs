//! What flows between layers: stored values, and how readers turn them into activations.
//!
//! A convolution stores its bare output `z`. The batch norm, activation and squeeze-excite gate behind it are never
//! stored: they belong to the feature, and whoever reads a tile of it applies them on the way.

use std::ops::Range;

use super::arena::{Arena, Slot};
use super::norm::Norm;
use super::parts::Disjoint;
use crate::kernels::Activation;
use crate::kernels::rows::{self, Affine, Incoming, Sums};

/// Where a feature's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The batch of images itself.
    Images,
    /// A place in the arena.
    Stored(Slot),
    /// Nowhere: its reader computes it.
    Recomputed,
}

/// A feature map `[n, h, w, c]`.
#[derive(Clone, Debug)]
pub(super) struct Feature {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) source: Source,
    /// The batch norm that readers apply.
    pub(super) norm: Option<usize>,
    /// The activation that readers apply behind it.
    pub(super) activation: Activation,
    /// The gates `[n, c]` that readers apply last.
    pub(super) gate: Option<Slot>,
    /// Where its gradient is gathered; none where nobody asks for it.
    pub(super) gradient: Option<Slot>,
    /// The features whose batch norms take their sums when this gradient is complete: itself, or the summands of an
    /// addition that share its gradient.
    pub(super) finishes: Vec<usize>,
}

impl Feature {
    pub(super) fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Values of one image.
    pub(super) fn image(&self) -> usize {
        self.pixels() * self.channels
    }
}

/// How a layer hands a gradient to its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// The input.
    pub(super) feature: usize,
    /// Whether another layer has contributed before.
    pub(super) accumulate: bool,
    /// Whether no other layer contributes after.
    pub(super) last: bool,
}

/// What layers read and write during a pass.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    /// Number of images.
    pub(super) images: usize,
    pub(super) pixels: &'a [f32],
    pub(super) parameters: &'a [&'a [f32]],
    pub(super) arena: &'a Arena,
    pub(super) features: &'a [Feature],
    pub(super) norms: &'a [Norm],
    /// Seed and step that dropout draws from; none where it is off.
    pub(super) dropout: Option<(u64, u64)>,
}

impl<'a> Pass<'a> {
    pub(super) fn view(&self, feature: usize) -> View<'a> {
        let Feature { norm, activation, gate, channels, .. } = self.features[feature];
        View {
            z: self.values(feature),
            affine: norm.map(|norm| self.norms[norm].affine()),
            activation,
            gates: gate.map(|slot| self.arena.read(slot)),
            channels,
            pixels: self.features[feature].pixels(),
        }
    }

    /// The stored values.
    pub(super) fn values(&self, feature: usize) -> &'a [f32] {
        match self.features[feature].source {
            Source::Images => self.pixels,
            Source::Stored(slot) => &self.arena.read(slot)[..self.images * self.features[feature].image()],
            Source::Recomputed => &[],
        }
    }

    /// The stored values, to write.
    pub(super) fn output(&self, feature: usize) -> Disjoint<'a> {
        match self.features[feature].source {
            // Nothing of these is written.
            Source::Images | Source::Recomputed => Disjoint::new(&mut []),
            Source::Stored(slot) => self.arena.write(slot),
        }
    }

    /// The gathered gradient.
    pub(super) fn gradient(&self, feature: usize) -> &'a [f32] {
        let len = self.images * self.features[feature].image();
        self.features[feature].gradient.map_or(&[], |slot| &self.arena.read(slot)[..len])
    }

    /// The gathered gradient, to write.
    pub(super) fn gradient_out(&self, feature: usize) -> Disjoint<'a> {
        self.features[feature].gradient.map_or(Disjoint::new(&mut []), |slot| self.arena.write(slot))
    }

    /// The gradient of a convolution's bare output in some rows: through its batch norm, in `scratch`, or as it is.
    pub(super) fn output_gradient<'s>(
        &self,
        output: usize,
        rows: Range<usize>,
        scratch: &'s mut [f32],
    ) -> &'s [f32]
    where
        'a: 's,
    {
        let values = rows.start * self.features[output].channels..rows.end * self.features[output].channels;
        if self.features[output].norm.is_none() {
            return &self.gradient(output)[values];
        }
        let dz = &mut scratch[..values.len()];
        self.write_output_gradient(output, rows, dz);
        dz
    }

    /// As [`Self::output_gradient`], written to `dz`.
    pub(super) fn write_output_gradient(&self, output: usize, rows: Range<usize>, dz: &mut [f32]) {
        let feature = &self.features[output];
        let values = rows.start * feature.channels..rows.end * feature.channels;
        let du = &self.gradient(output)[values.clone()];
        match feature.norm {
            Some(norm) => {
                rows::norm_gradient(du, &self.values(output)[values], self.norms[norm].slopes(), dz);
            }
            None => dz.copy_from_slice(du),
        }
    }

    /// What completing the gradient of a feature asks for.
    pub(super) fn finishing_of(&self, feature: usize) -> Finishing<'a> {
        let Feature { finishes, channels, .. } = &self.features[feature];
        Finishing { pass: *self, features: finishes, channels: *channels }
    }

    /// What completing the gradient of `edge.feature` asks for; nothing if others still contribute.
    pub(super) fn finishing(&self, edge: Edge) -> Finishing<'a> {
        let finishing = self.finishing_of(edge.feature);
        Finishing { features: if edge.last { finishing.features } else { &[] }, ..finishing }
    }
}

/// A feature as its readers see it.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) z: &'a [f32],
    pub(super) affine: Option<Affine<'a>>,
    pub(super) activation: Activation,
    gates: Option<&'a [f32]>,
    pub(super) channels: usize,
    pub(super) pixels: usize,
}

impl<'a> View<'a> {
    /// Whether the stored values are the activations.
    pub(super) fn is_plain(&self) -> bool {
        self.affine.is_none()
    }

    /// Whether rows of different images differ in their gates.
    pub(super) fn is_gated(&self) -> bool {
        self.gates.is_some()
    }

    /// The gates of an image, `[c]`.
    pub(super) fn gate(&self, image: usize) -> Option<&'a [f32]> {
        self.gates.map(|gates| &gates[image * self.channels..][..self.channels])
    }

    /// Values of scratch that [`Self::rows`] needs for `rows` rows.
    pub(super) fn scratch(&self, rows: usize) -> usize {
        if self.is_plain() { 0 } else { rows * self.channels }
    }

    /// The activations of some rows (pixels), of one image if gated; in `scratch`, or where they are stored.
    pub(super) fn rows<'s>(&self, rows: Range<usize>, scratch: &'s mut [f32]) -> &'s [f32]
    where
        'a: 's,
    {
        let z = &self.z[rows.start * self.channels..rows.end * self.channels];
        let Some(affine) = self.affine else { return z };
        let a = &mut scratch[..z.len()];
        rows::normalise(z, affine, self.activation, self.gate(rows.start / self.pixels), a);
        a
    }

    /// As [`Self::rows`], copied to `a`.
    pub(super) fn copy_rows(&self, rows: Range<usize>, a: &mut [f32]) {
        let z = &self.z[rows.start * self.channels..rows.end * self.channels];
        match self.affine {
            Some(affine) => {
                rows::normalise(z, affine, self.activation, self.gate(rows.start / self.pixels), a);
            }
            None => a.copy_from_slice(z),
        }
    }
}

/// The last touch on a gradient: the activation's slope, and the sums for the batch norms.
#[derive(Clone, Copy)]
pub(super) struct Finishing<'a> {
    pass: Pass<'a>,
    features: &'a [usize],
    channels: usize,
}

impl Finishing<'_> {
    /// Values that the sums of one part take.
    pub(super) fn sums(&self) -> usize {
        2 * self.channels * self.features.len()
    }

    /// Completes the gradient `d` of `rows`; `sums` gains.
    pub(super) fn rows(&self, rows: Range<usize>, d: &mut [f32], incoming: Incoming<'_>, sums: &mut [f32]) {
        for (&feature, sums) in self.features.iter().zip(sums.chunks_exact_mut(2 * self.channels.max(1))) {
            let view = self.pass.view(feature);
            let Some(affine) = view.affine else { continue };
            let z = &view.z[rows.start * self.channels..rows.end * self.channels];
            let (sums, products) = sums.split_at_mut(self.channels);
            rows::finish(d, z, affine, view.activation, incoming, Sums { sums, products });
        }
    }

    /// Adds up the sums of all parts, in their order.
    pub(super) fn merge(&self, parts: &[f32]) -> Vec<NormSums> {
        let mut merged = Vec::new();
        for (position, &feature) in self.features.iter().enumerate() {
            let Some(norm) = self.pass.features[feature].norm else { continue };
            let mut sums = vec![[0.0; 2]; self.channels];
            for part in parts.chunks_exact(self.sums().max(1)) {
                let (first, second) =
                    part[position * 2 * self.channels..][..2 * self.channels].split_at(self.channels);
                for ((total, &sum), &product) in sums.iter_mut().zip(first).zip(second) {
                    total[0] += f64::from(sum);
                    total[1] += f64::from(product);
                }
            }
            let rows = self.pass.images * self.pass.features[feature].pixels();
            merged.push(NormSums { norm, sums, rows });
        }
        merged
    }
}

/// `sum(du)` and `sum(du * (z - centre))` of every channel of a batch norm.
pub(super) struct NormSums {
    pub(super) norm: usize,
    pub(super) sums: Vec<[f64; 2]>,
    pub(super) rows: usize,
}
