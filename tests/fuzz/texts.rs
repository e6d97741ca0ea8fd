//! Texts that people write: network files and blocks.

use bolero::check;
use mbn::spec::{BlockSpec, NetworkSpec};

use crate::edits::{Edits, edited};
use crate::{ITERATIONS, LONGEST};

const NETWORKS: [&[u8]; 2] = [
    include_bytes!("__fuzz__/network_file/corpus/small.toml"),
    include_bytes!("../../networks/mobilenet_v1.toml"),
];

const BLOCKS: [&[u8]; 4] = [
    b"ir_k5_s2_h72_c40_se24_relu_proj",
    b"conv_k3_s2_c16_hswish",
    b"ds_k3_s1_c64_relu6",
    b"linear_c1280_hswish",
];

fn network_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(network) = NetworkSpec::from_toml("network.toml", &text) {
        let again = NetworkSpec::from_toml("again.toml", &network.to_toml());
        assert_eq!(again.expect("what is written can be read"), network);
    }
}

fn block(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<BlockSpec>() {
        Ok(block) => assert_eq!(block.to_string().parse(), Ok(block)),
        Err(error) => assert!(error.offset <= text.len(), "{error}"),
    }
}

#[test]
fn network_files() {
    check!(name = "network_file").with_iterations(ITERATIONS).with_max_len(LONGEST).for_each(network_file);
}

#[test]
fn edited_network_files() {
    check!(name = "edited_network_file")
        .with_iterations(ITERATIONS)
        .with_type::<Edits>()
        .for_each(|edits| network_file(&edited(&NETWORKS, edits)));
}

#[test]
fn blocks() {
    check!(name = "block").with_iterations(ITERATIONS).with_max_len(64).for_each(block);
}

#[test]
fn edited_blocks() {
    check!(name = "edited_block")
        .with_iterations(ITERATIONS)
        .with_type::<Edits>()
        .for_each(|edits| block(&edited(&BLOCKS, edits)));
}
