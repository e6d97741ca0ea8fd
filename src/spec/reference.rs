//! The reference networks that ship with the program.

use super::NetworkSpec;
use crate::text_file::{ReadError, Shipped, read_text};

/// The files of `networks/`.
pub const REFERENCE_NETWORKS: &Shipped = &[
    ("mobilenet_v1.toml", include_str!("../../networks/mobilenet_v1.toml")),
    ("mobilenet_v1_cifar.toml", include_str!("../../networks/mobilenet_v1_cifar.toml")),
    ("mobilenet_v2.toml", include_str!("../../networks/mobilenet_v2.toml")),
    ("mobilenet_v2_cifar.toml", include_str!("../../networks/mobilenet_v2_cifar.toml")),
    ("mobilenet_v3_28.toml", include_str!("../../networks/mobilenet_v3_28.toml")),
    ("mobilenet_v3_large.toml", include_str!("../../networks/mobilenet_v3_large.toml")),
    ("mobilenet_v3_small.toml", include_str!("../../networks/mobilenet_v3_small.toml")),
    (
        "mobilenet_v3_large_minimalistic.toml",
        include_str!("../../networks/mobilenet_v3_large_minimalistic.toml"),
    ),
    (
        "mobilenet_v3_small_minimalistic.toml",
        include_str!("../../networks/mobilenet_v3_small_minimalistic.toml"),
    ),
    ("mnasnet_b1.toml", include_str!("../../networks/mnasnet_b1.toml")),
];

/// The network in a file, or a reference network by name.
///
/// # Errors
/// If there is no such file or name, or the file is wrong.
pub fn load(name: &str) -> Result<NetworkSpec, ReadError> {
    let (file, text) = read_text(name, "network file", REFERENCE_NETWORKS)?;
    Ok(NetworkSpec::from_toml(&file, &text)?)
}
