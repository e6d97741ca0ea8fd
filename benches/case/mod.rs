//! Which network on which images.

use std::fmt;

use mbn::graph::LayerGraph;
use mbn::seed;
use mbn::spec::{self, NetworkSpec, Padding};
use mbn::text_file::ReadError;
use rand::Rng;

/// A network and the batch it works on.
#[derive(Debug, Clone, clap::Args)]
pub struct Case {
    /// Network file, or reference network by name
    #[arg(long)]
    pub network: String,
    /// Side of the images in pixels
    #[arg(long, value_parser = clap::value_parser!(u32).range(8..=1024))]
    pub resolution: u32,
    /// Images in a batch
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,
    /// Outputs of the classifier
    #[arg(long, default_value_t = 10)]
    pub classes: u32,
    /// 1: the first two convolutions of stride 2 get stride 1, as is usual on images of 32 pixels; 2: the network's own strides
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=2))]
    pub stem_stride: u32,
}

impl Case {
    /// The network as torchvision has it: symmetric padding; and without dropout, so that both sides compute the same.
    pub fn spec(&self) -> Result<NetworkSpec, ReadError> {
        let mut spec = NetworkSpec {
            resolution: self.resolution,
            classes: self.classes,
            padding: Padding::Symmetric,
            dropout: 0.0,
            ..spec::load(&self.network)?
        };
        if self.stem_stride == 1 {
            let blocks = std::iter::once(&mut spec.stem).chain(&mut spec.blocks);
            for block in blocks.filter(|block| block.stride() == 2).take(2) {
                *block = block.with_stride(1);
            }
        }
        Ok(spec)
    }

    /// The network's operators.
    pub fn graph(&self) -> Result<LayerGraph, ReadError> {
        Ok(LayerGraph::lower(&self.spec()?))
    }

    /// Random images `[batch, resolution, resolution, channels]` with values in -1..1.
    pub fn images(&self, graph: &LayerGraph) -> Vec<f32> {
        let shape = graph.image();
        let count = u64::from(self.batch) * shape.pixels() * u64::from(shape.channels);
        let mut rng = seed::rng(0, "bench/images", 0);
        (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    /// Every class in turn.
    pub fn labels(&self) -> Vec<u32> {
        (0..self.batch).map(|i| i % self.classes).collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, resolution, batch, .. } = self;
        write!(f, "{network} {resolution}px b{batch}")?;
        if self.stem_stride == 1 { f.write_str(" stride-1") } else { Ok(()) }
    }
}
