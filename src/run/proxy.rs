//! The proxy: the network that is trained in place of the one that is timed.
//!
//! A latency table is measured for large images and many classes; the images
//! at hand are smaller. The proxy has the same blocks on the data's images
//! and classes. Where the images are so small that the network would shrink
//! them to a point, its first strides of 2 become 1, as in the 32x32 forms of
//! MobileNetV1 and V2.

use crate::spec::{BlockSpec, NetworkSpec};

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
