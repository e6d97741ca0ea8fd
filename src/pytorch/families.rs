//! Which reference network a network is a form of, whatever its widths, strides and activations.

use crate::spec::{self, BlockSpec, NetworkSpec};

/// The reference networks that packages build.
const FAMILIES: [&str; 7] = [
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_large_minimalistic",
    "mobilenet_v3_small",
    "mobilenet_v3_small_minimalistic",
    "mnasnet_b1",
];

/// The reference network whose body has the same kinds of blocks, kernels and squeeze-excite layers.
pub(super) fn family(body: &[BlockSpec]) -> Option<NetworkSpec> {
    let networks = FAMILIES.iter().map(|name| spec::load(name).expect("a shipped network"));
    let mut alike = networks.filter(|network| {
        network.blocks.len() == body.len() && network.blocks.iter().zip(body).all(|(a, b)| are_alike(a, b))
    });
    alike.next()
}

fn are_alike(a: &BlockSpec, b: &BlockSpec) -> bool {
    match (a, b) {
        (BlockSpec::DepthwiseSeparable(a), BlockSpec::DepthwiseSeparable(b)) => a.kernel == b.kernel,
        (BlockSpec::InvertedResidual(a), BlockSpec::InvertedResidual(b)) => {
            (a.kernel, a.squeeze.is_some()) == (b.kernel, b.squeeze.is_some())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::WidthRule;

    #[test]
    fn forms_of_a_network_are_of_its_family() {
        for name in FAMILIES {
            let network = spec::load(name).expect(name);
            let thin = network.scaled(0.35, WidthRule::Reference);
            let unstrided: Vec<_> = network.blocks.iter().map(|block| block.with_stride(1)).collect();
            for body in [&network.blocks, &thin.blocks, &unstrided] {
                assert_eq!(family(body).expect(name).name, name);
            }
            assert!(family(&network.blocks[1..]).is_none());
        }
    }
}
