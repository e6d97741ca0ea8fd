//! Files of weights.

use std::path::Path;

use bolero::check;
use mbn::pytorch::WeightsFile;

use crate::allocation::peak_of;
use crate::edits::{Edits, edited};
use crate::{ITERATIONS, LONGEST};

const SAFETENSORS: [&[u8]; 2] = [
    include_bytes!("__fuzz__/safetensors/corpus/state.safetensors"),
    include_bytes!("__fuzz__/safetensors/corpus/module.safetensors"),
];

const PTH: [&[u8]; 7] = [
    include_bytes!("__fuzz__/pth/corpus/archive.pth"),
    include_bytes!("__fuzz__/pth/corpus/legacy.pth"),
    include_bytes!("__fuzz__/pth/corpus/nested.pth"),
    include_bytes!("__fuzz__/pth/corpus/protocol4.pth"),
    include_bytes!("__fuzz__/pth/corpus/views.pth"),
    include_bytes!("__fuzz__/pth/corpus/legacy_views.pth"),
    include_bytes!("__fuzz__/pth/corpus/channels_last.pth"),
];

/// What a reader may hold, for each byte of the file and in any case: objects of a pickle are larger than their bytes.
const PER_BYTE: usize = 128;
const IN_ANY_CASE: usize = 16 << 10;

fn reads_or_refuses(bytes: &[u8]) {
    let (file, peak) = peak_of(|| WeightsFile::parse(Path::new("weights"), bytes));
    let allowed = PER_BYTE * bytes.len() + IN_ANY_CASE;
    assert!(peak <= allowed, "{} bytes were held for a file of {}", peak, bytes.len());
    if let Ok(file) = file {
        for (name, tensor) in &file.tensors {
            assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len(), "{name}");
        }
    }
}

#[test]
fn safetensors() {
    check!(name = "safetensors").with_iterations(ITERATIONS).with_max_len(LONGEST).for_each(reads_or_refuses);
}

#[test]
fn pth() {
    check!(name = "pth").with_iterations(ITERATIONS).with_max_len(LONGEST).for_each(reads_or_refuses);
}

#[test]
fn edited_safetensors() {
    check!(name = "edited_safetensors")
        .with_iterations(ITERATIONS)
        .with_type::<Edits>()
        .for_each(|edits| reads_or_refuses(&edited(&SAFETENSORS, edits)));
}

#[test]
fn edited_pth() {
    check!(name = "edited_pth")
        .with_iterations(ITERATIONS)
        .with_type::<Edits>()
        .for_each(|edits| reads_or_refuses(&edited(&PTH, edits)));
}
