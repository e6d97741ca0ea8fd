//! Files of torch.save are read as PyTorch reads them, or refused with the reason.
//!
//! The files lie in the corpus of the fuzz test; tests/data/make_pth_files.py made them and pth_files.json.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mbn::nn::FileTensor;
use mbn::pytorch::{WeightsFile, WeightsFileError};
use rstest::rstest;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    file: String,
    tensors: Option<BTreeMap<String, Tensor>>,
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn corpus(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/__fuzz__").join(file)
}

fn parsed(file: &str) -> Result<WeightsFile, WeightsFileError> {
    let path = corpus(file);
    WeightsFile::parse(Path::new(file), &std::fs::read(&path).expect(file))
}

#[test]
fn tensors_are_those_that_pytorch_reads() {
    let expected: Expected = serde_json::from_str(include_str!("data/pth_files.json")).expect("well-formed");
    assert!(expected.files.len() > 10);
    for File { file, tensors } in expected.files {
        match (parsed(&format!("pth/corpus/{file}")), tensors) {
            (Ok(read), Some(tensors)) => {
                let tensors = tensors
                    .into_iter()
                    .map(|(name, Tensor { shape, values })| (name, FileTensor { shape, values }));
                assert_eq!(read.tensors, tensors.collect(), "{file}");
            }
            (Err(_), None) => {}
            (Ok(_), None) => panic!("{file} was read"),
            (Err(error), Some(_)) => panic!("{error}"),
        }
    }
}

#[test]
fn prefixes_and_wrappers_are_taken_off_and_told() {
    let nested = parsed("pth/corpus/nested.pth").expect("a checkpoint");
    assert_eq!(nested.notes, ["tensors under its key `state_dict`", "names without their prefix `module.`"]);
    let archive = parsed("pth/corpus/archive.pth").expect("a state dict");
    assert_eq!((archive.notes.len(), &archive.tensors), (0, &nested.tensors));
    let [bare, prefixed] = ["state", "module"]
        .map(|name| parsed(&format!("safetensors/corpus/{name}.safetensors")).expect(name));
    assert_eq!((&bare.tensors, bare.notes.len()), (&archive.tensors, 0));
    assert_eq!((&prefixed.tensors, prefixed.notes.len()), (&archive.tensors, 1));
}

#[rstest]
#[case(
    "whole_module.pth",
    "holds no state dict: it holds a whole `torch.nn.modules.container.Sequential` object"
)]
#[case(
    "script.pt",
    "holds no state dict: it holds a whole `__torch__.torch.nn.modules.linear.Linear` object"
)]
#[case("number.pth", "holds no state dict: what it holds is not a dict")]
#[case("no_tensors.pth", "holds no state dict: it holds a dict without tensors; its keys are epoch, best")]
#[case("integers.pth", "`a` of pth/corpus/integers.pth holds Long numbers")]
fn what_is_no_state_dict_is_told(#[case] file: &str, #[case] says: &str) {
    let error = parsed(&format!("pth/corpus/{file}")).expect_err(file).to_string();
    assert!(error.contains(says), "{error}");
}

/// Whatever is cut off is missed; nothing is read in part.
#[rstest]
fn a_file_that_is_cut_off_is_damaged(
    #[values("pth/corpus/archive.pth", "pth/corpus/legacy.pth", "safetensors/corpus/state.safetensors")] file: &str,
) {
    let whole = std::fs::read(corpus(file)).expect(file);
    for length in 0..whole.len() {
        let error = WeightsFile::parse(Path::new(file), &whole[..length]).expect_err(file);
        assert!(
            matches!(error, WeightsFileError::Damaged { .. } | WeightsFileError::Unknown { .. }),
            "{length} bytes: {error}"
        );
    }
}

#[rstest]
#[case(b"these are my weights\n".as_slice())]
#[case(b"".as_slice())]
#[case(b"\x89PNG\r\n\x1a\n0000000000".as_slice())]
fn what_is_no_file_of_weights_is_told(#[case] bytes: &[u8]) {
    let error = WeightsFile::parse(Path::new("x.pth"), bytes).expect_err("no weights").to_string();
    assert_eq!(error, "x.pth is neither a safetensors file nor one of torch.save");
}

#[test]
fn compressed_and_repeated_entries_are_refused() {
    let parse =
        |bytes: &[u8]| WeightsFile::parse(Path::new("x.pth"), bytes).expect_err("refused").to_string();
    let file = std::fs::read(corpus("pth/corpus/views.pth")).expect("there");
    let directory = file.windows(4).position(|w| w == b"PK\x01\x02").expect("a directory");
    let mut compressed = file.clone();
    compressed[directory + 10] = 8;
    assert!(parse(&compressed).contains("it is compressed, which torch.save does not do"));
    // The second entry gets the name of the first, which is shorter.
    let mut repeated = file.clone();
    let second =
        directory + 4 + file[directory + 4..].windows(4).position(|w| w == b"PK\x01\x02").expect("two");
    let length = usize::from(file[directory + 28]);
    let surplus = usize::from(file[second + 28]) - length;
    repeated[second + 28] = length as u8;
    repeated[second + 30] += surplus as u8;
    repeated.copy_within(directory + 46..directory + 46 + length, second + 46);
    let error = parse(&repeated);
    assert!(error.contains("`archive/data.pkl` is there twice"), "{error}");
}

/// Sizes in a file that nothing follows are not believed.
#[test]
fn declared_sizes_are_not_believed() {
    let file = std::fs::read(corpus("pth/corpus/views.pth")).expect("there");
    // `BININT1 3`, the length of `a`, becomes 255: beyond its storage.
    let at = file.windows(4).position(|w| w == b"K\x03\x85q").expect("the shape of a");
    let mut longer = file.clone();
    longer[at + 1] = 255;
    let error = WeightsFile::parse(Path::new("x.pth"), &longer).expect_err("too long").to_string();
    assert!(error.contains("`a` cannot be read: it lies outside of its storage `0`"), "{error}");
}
