//! The proxy: the network that is trained in place of the one that is timed.
//!
//! A latency table is measured for large images and many classes; the images
//! at hand are smaller. The proxy has the same blocks on the data's images
//! and classes. Where the images are so small that the network would shrink
//! them to a point, its first strides of 2 become 1, as in the 32x32 forms of
//! MobileNetV1 and V2.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::data::{DataError, DataSource, Dataset, Loader, Normalisation, Split};
use crate::graph::LayerGraph;
use crate::nn::Network;
use crate::spec::{BlockSpec, NetworkSpec};
use crate::train::{Control, EpochReport, Recipe, Score, TrainError, evaluate, fit};

/// The smallest side of the last feature map that a proxy keeps, in pixels.
const SMALLEST_MAP: u32 = 2;

/// The network of `spec`'s blocks for images of `side` x `side` x `channels`.
pub fn proxy_network(spec: &NetworkSpec, side: u32, channels: u32, classes: u32) -> NetworkSpec {
    let mut proxy = NetworkSpec {
        name: format!("{}_proxy", spec.name),
        resolution: side,
        input_channels: channels,
        classes,
        ..spec.clone()
    };
    while last_map(&proxy) < SMALLEST_MAP.min(side) {
        let first_strided =
            std::iter::once(&mut proxy.stem).chain(&mut proxy.blocks).find(|b| b.stride() > 1);
        let Some(block) = first_strided else { break };
        *block = block.with_stride(1);
    }
    proxy
}

/// Side of the last feature map before pooling.
fn last_map(spec: &NetworkSpec) -> u32 {
    let before_pool = spec.all_blocks().take_while(|b| !matches!(b, BlockSpec::Pool));
    before_pool.fold(spec.resolution, |side, block| side.div_ceil(block.stride()))
}

/// Training and scoring of proxies on one data set.
#[derive(Debug)]
pub struct ProxyTask {
    train: Arc<Dataset>,
    test: Arc<Dataset>,
    split: Split,
    normalisation: Normalisation,
}

impl ProxyTask {
    /// Sets a validation part of the training images aside.
    ///
    /// # Errors
    /// If a class has too few images.
    pub fn new(source: DataSource, validation_share: f64, seed: u64) -> Result<Self, DataError> {
        let (train, test) = source.into_parts();
        let split = crate::data::holdout(train.labels(), validation_share, seed)?;
        let normalisation = Normalisation::fit(&train, &split.search)?;
        Ok(Self { train: Arc::new(train), test: Arc::new(test), split, normalisation })
    }

    /// The proxy of a network for these images.
    pub fn proxy(&self, spec: &NetworkSpec) -> NetworkSpec {
        let side = self.train.height().max(self.train.width()) as u32;
        proxy_network(spec, side, self.train.channels() as u32, self.train.classes() as u32)
    }

    /// What pixels are normalised with.
    pub fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// Names of the classes.
    pub fn class_names(&self) -> &[String] {
        self.train.class_names()
    }

    /// Images a candidate is trained on, and scored on.
    pub fn search_images(&self) -> (usize, usize) {
        (self.split.search.len(), self.split.validation.len())
    }

    /// Images a network of the front is trained on, and tested on.
    pub fn final_images(&self) -> (usize, usize) {
        (self.train.len(), self.test.len())
    }

    /// Trains a proxy on the search part and scores it on the validation part.
    ///
    /// # Errors
    /// If training diverges or is interrupted.
    pub fn try_candidate(
        &self,
        proxy: &NetworkSpec,
        recipe: &Recipe,
        seed: u64,
        stop: &AtomicBool,
    ) -> Result<Score, TrainError> {
        let control = Control::new(stop);
        let network = Network::new(LayerGraph::lower(proxy), seed)?;
        fit(&network, &self.loader(&self.train, &self.split.search, recipe)?, recipe, seed, &control)?;
        let validation = self.loader(&self.train, &self.split.validation, recipe)?;
        Ok(evaluate(&network, &validation, &control)?.score())
    }

    /// Trains a proxy on all training images.
    ///
    /// # Errors
    /// If training diverges or is interrupted.
    pub fn train_final(
        &self,
        proxy: &NetworkSpec,
        recipe: &Recipe,
        seed: u64,
        stop: &AtomicBool,
        on_epoch: &(dyn Fn(EpochReport) + Sync),
    ) -> Result<Network, TrainError> {
        let network = Network::new(LayerGraph::lower(proxy), seed)?;
        let all: Vec<usize> = (0..self.train.len()).collect();
        let control = Control { on_epoch, ..Control::new(stop) };
        fit(&network, &self.loader(&self.train, &all, recipe)?, recipe, seed, &control)?;
        Ok(network)
    }

    /// Scores a network on the test images.
    ///
    /// # Errors
    /// If interrupted.
    pub fn test(&self, network: &Network, recipe: &Recipe, stop: &AtomicBool) -> Result<Score, TrainError> {
        let all: Vec<usize> = (0..self.test.len()).collect();
        Ok(evaluate(network, &self.loader(&self.test, &all, recipe)?, &Control::new(stop))?.score())
    }

    fn loader(
        &self,
        dataset: &Arc<Dataset>,
        indices: &[usize],
        recipe: &Recipe,
    ) -> Result<Loader, DataError> {
        Loader::new(Arc::clone(dataset), indices, &self.normalisation, recipe.batch)
    }
}

/// What a proxy is, in a sentence for people.
pub fn describe(spec: &NetworkSpec, proxy: &NetworkSpec) -> String {
    let strides = |spec: &NetworkSpec| spec.all_blocks().filter(|b| b.stride() > 1).count();
    let (timed, trained) = (strides(spec), strides(proxy));
    let kept = if timed == trained {
        "all strides".to_owned()
    } else {
        format!("the first {} of {timed} strides set to 1", timed - trained)
    };
    format!(
        "timed at {r}x{r} with {} classes; the proxy that is trained has the same blocks at {p}x{p}x{c} with {} classes, {kept}",
        spec.classes,
        proxy.classes,
        r = spec.resolution,
        p = proxy.resolution,
        c = proxy.input_channels,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    #[test]
    fn first_strides_go_until_a_map_is_left_and_blocks_stay() {
        let spec = spec::load("mobilenet_v3_small").expect("shipped");
        let proxy = proxy_network(&spec, 28, 1, 10);
        assert_eq!((proxy.resolution, proxy.input_channels, proxy.classes), (28, 1, 10));
        assert_eq!(last_map(&proxy), 2);
        assert_eq!(proxy.stem, spec.stem.with_stride(1));
        assert_eq!(proxy.blocks, spec.blocks);
        assert_eq!(proxy_network(&spec, 96, 3, 10).blocks, spec.blocks);
        assert!(describe(&spec, &proxy).contains("the first 1 of 5 strides set to 1"));
    }

    #[test]
    fn images_of_one_pixel_still_give_a_network() {
        let spec = spec::load("mobilenet_v2").expect("shipped");
        assert_eq!(last_map(&proxy_network(&spec, 1, 1, 2)), 1);
    }
}
