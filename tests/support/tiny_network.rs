//! A network for the images of the tests.

/// It takes 8x8 grey images of 4 classes and has everything that surgery has to do with.
pub const TINY_NETWORK: &str = r#"name = "tiny"
resolution = 8
input_channels = 1
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
stem = "conv_k3_s1_c16_hswish"
blocks = [
    "ir_k3_s1_h48_c16_se16_relu",
    "ir_k3_s2_h32_c24_hswish",
]
head = ["conv_k1_s1_c64_hswish", "pool", "linear_c32_hswish"]
"#;
