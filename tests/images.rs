//! Folders of pictures of every kind, through the real programs: any mix of sizes trains, streamed or kept in memory, and
//! a picture that breaks while it is read costs nothing that was done.

#[path = "support/process.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod process;
#[path = "support/said.rs"]
mod said;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use assert_cmd::Command;
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use process::{spawn, wait_until};
use said::said;
use support::{Place, results};

/// A network for pictures of two classes.
const NETWORK: &str = r#"name = "tiny"
resolution = 16
input_channels = 3
classes = 2
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
stem = "conv_k3_s2_c16_hswish"
blocks = ["ir_k3_s1_h48_c16_se16_relu", "ir_k3_s2_h32_c24_hswish"]
head = ["conv_k1_s1_c64_hswish", "pool", "linear_c32_hswish"]
"#;

const RECIPE: &str = r#"epochs = 2
batch = 8
optimizer = { kind = "adamw", beta1 = 0.9, beta2 = 0.999, eps = 1e-8 }
schedule = { kind = "cosine", learning_rate = 0.004, warmup_epochs = 0.5 }
recalibrate = 2
augment = { pad = 1, flip = true, resized_crop = { area = [0.3, 1.0] } }
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("net.toml", NETWORK);
    place.write("recipe.toml", RECIPE);
    place
}

/// Writes `per_class` pictures for each of two classes into `folder`, in `train/` and `test/`; `size` gives width and
/// height for a number. One in four is grey, one in three a JPEG file.
fn write_pictures(folder: &Path, per_class: u32, size: impl Fn(u32) -> (u32, u32)) {
    for part in ["train", "test"] {
        for (class, name) in ["dark", "light"].into_iter().enumerate() {
            let class_folder = folder.join(part).join(name);
            std::fs::create_dir_all(&class_folder).expect("disk");
            for number in 0..per_class {
                let (width, height) = size(number);
                let level = |x: u32, y: u32| (100 * class as u32 + (x * 31 + y * 17 + number * 7) % 90) as u8;
                let picture: DynamicImage = match number % 4 {
                    3 => GrayImage::from_fn(width, height, |x, y| Luma([level(x, y)])).into(),
                    _ => RgbImage::from_fn(width, height, |x, y| Rgb([level(x, y), level(y, x), 9])).into(),
                };
                let ending = if number % 3 == 2 { "jpg" } else { "png" };
                picture.save(class_folder.join(format!("{number:03}.{ending}"))).expect("disk");
            }
        }
    }
}

fn train(place: &Place, out: &str) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-train"));
    command.args(["net.toml", "--data", "pictures", "--recipe", "recipe.toml", "--threads", "1"]);
    command.args(["--out", out]);
    command
}

fn search(place: &Place, out: &str) -> Command {
    let mut command = place.search(out);
    command.args(["--data", "pictures", "--trials", "1", "--finals", "1", "--jobs", "1"]);
    command
}

fn netadapt(place: &Place, out: &str) -> Command {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-netadapt"));
    command.args(["net.toml", "--data", "pictures", "--recipe", "recipe.toml", "--budget", "150k-madds"]);
    command.args(["--step", "30%", "--short-steps", "1", "--train-epochs", "1", "--final-epochs", "1"]);
    command.args(["--controls", "none", "--jobs", "1", "--out", out]);
    command
}

#[test]
fn any_mix_of_sizes_trains_in_every_command() {
    let place = place();
    let sizes = [(40, 30), (1, 1), (7, 50), (33, 33), (3, 1)];
    write_pictures(&place.path("pictures"), 10, |number| sizes[number as usize % sizes.len()]);
    let said_by = said(train(&place, "trained"), 0);
    assert!(said_by.contains("20 images to train on"), "{said_by}");
    said(search(&place, "searched"), 0);
    said(netadapt(&place, "narrowed"), 0);
}

#[test]
fn a_search_trains_pictures_at_their_own_size_up_to_that_of_the_space() {
    let place = place();
    write_pictures(&place.path("pictures"), 6, |_| (40, 30));
    let said_by = said(search(&place, "flat"), 0);
    assert!(said_by.contains("pictures, most of them 30x40, are brought to 40x40"), "{said_by}");
    assert!(said_by.contains("the same blocks at 40x40x3 with 2 classes"), "{said_by}");
    let mut smaller = search(&place, "smaller");
    smaller.args(["--train-resolution", "16"]);
    let said_by = said(smaller, 0);
    assert!(said_by.contains("are brought to 16x16"), "{said_by}");

    std::fs::remove_dir_all(place.path("pictures")).expect("disk");
    write_pictures(&place.path("pictures"), 4, |_| (300, 640));
    let said_by = said(search(&place, "large"), 0);
    assert!(said_by.contains("pictures, most of them 640x300, are brought to 224x224"), "{said_by}");

    std::fs::remove_dir_all(place.path("pictures")).expect("disk");
    write_pictures(&place.path("pictures"), 4, |_| (1, 1));
    let said_by = said(search(&place, "points"), 0);
    assert!(said_by.contains("are brought to 1x1"), "{said_by}");
}

/// IDX files of `count` images of two classes for a part.
fn write_idx(folder: &Path, part: &str, count: u32, (height, width): (u32, u32)) {
    std::fs::create_dir_all(folder).expect("disk");
    let sizes = [count.to_be_bytes(), height.to_be_bytes(), width.to_be_bytes()].concat();
    let pixels = (0..count * height * width).map(|i| (i * 37 % 251) as u8);
    let images = [vec![0, 0, 8, 3], sizes, pixels.collect()].concat();
    let labels = [vec![0, 0, 8, 1], count.to_be_bytes().to_vec(), (0..count).map(|i| i as u8 % 2).collect()];
    std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).expect("disk");
    std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels.concat()).expect("disk");
}

#[test]
fn packed_images_that_are_not_square_are_brought_to_a_square_in_every_command() {
    let place = place();
    write_idx(&place.path("pictures"), "train", 24, (12, 16));
    write_idx(&place.path("pictures"), "t10k", 8, (12, 16));
    let misfit = said(train(&place, "misfit"), 1);
    assert!(misfit.contains("tiny takes 16x16x3 images of 2 classes"), "{misfit}");
    assert!(misfit.contains("12x16x1 images of 2 classes") && misfit.contains("--channels 1"), "{misfit}");
    let mut grey = train(&place, "trained");
    grey.args(["--channels", "1"]);
    said(grey, 0);
    let said_by = said(search(&place, "searched"), 0);
    assert!(said_by.contains("images of 12x16 are brought to 16x16"), "{said_by}");
    said(netadapt(&place, "narrowed"), 0);
}

fn weights(place: &Place, run: &str) -> Vec<u8> {
    std::fs::read(place.path(run).join("last.safetensors")).expect("weights")
}

#[test]
fn weights_do_not_depend_on_whether_pictures_are_kept_or_streamed_or_on_the_threads() {
    let place = place();
    write_pictures(&place.path("pictures"), 14, |number| (30 + number, 24));
    said(train(&place, "kept"), 0);
    for (run, memory, threads) in [("streamed", "0", "1"), ("both", "0", "3")] {
        let mut command = train(&place, run);
        command.args(["--image-memory", memory, "--threads", threads]);
        said(command, 0);
        assert!(weights(&place, run) == weights(&place, "kept"), "{run}");
        let tests = |run: &str| std::fs::read(place.path(run).join("test.json")).expect("test");
        assert_eq!(tests(run), tests("kept"));
    }
    for (run, memory) in [("search-kept", "512"), ("search-streamed", "0")] {
        let mut command = search(&place, run);
        command.args(["--image-memory", memory, "--trials", "2"]);
        said(command, 0);
    }
    assert!(results(&place.path("search-kept")) == results(&place.path("search-streamed")));
    // A crop of the originals is another training than one without.
    place.write("recipe.toml", &RECIPE.replace(", resized_crop = { area = [0.3, 1.0] }", ""));
    said(train(&place, "whole"), 0);
    assert!(weights(&place, "whole") != weights(&place, "kept"));
}

#[test]
fn a_limit_takes_the_same_part_of_every_class_and_belongs_to_the_run() {
    let place = place();
    write_pictures(&place.path("pictures"), 12, |_| (20, 20));
    for mut command in [train(&place, "a"), search(&place, "b"), netadapt(&place, "c")] {
        command.args(["--limit-images", "10"]);
        let said_by = said(command, 0);
        let texts = ["10 images to train on", "each on 8 images", "on 8 images"];
        assert!(texts.iter().any(|text| said_by.contains(text)), "{said_by}");
    }
    let options = std::fs::read_to_string(place.path("a/run.toml")).expect("options");
    assert!(options.contains("limit_images = 10"), "{options}");
    let other = said(train(&place, "a"), 1);
    assert!(other.contains("another run"), "{other}");
}

/// Starts a training that streams its pictures and waits for its first checkpoint.
fn started(place: &Place, out: &str) -> Child {
    let mut command = train(place, out);
    command.args(["--epochs", "100", "--threads", "1", "--image-memory", "0"]);
    let mut child = spawn(&command, Stdio::piped());
    wait_until(&mut child, || place.path(out).join("checkpoint.safetensors").exists());
    child
}

/// What it says when `damage` is done to one of its pictures after the first epoch.
fn said_after(place: &Place, out: &str, picture: &Path, damage: impl Fn(&Path)) -> String {
    let child = started(place, out);
    damage(picture);
    let output = child.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    // Long paths are wrapped.
    said.chars().filter(|c| !c.is_whitespace() && *c != '│').collect()
}

#[test]
fn a_picture_that_breaks_in_the_middle_of_a_training_costs_no_finished_epoch() {
    let place = place();
    write_pictures(&place.path("pictures"), 8, |_| (20, 20));
    let picture: PathBuf = place.path("pictures/train/dark/001.png");
    let intact = std::fs::read(&picture).expect("picture");
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damages: [Damage<'_>; 3] = [
        ("cannotdecodetheimagepictures/train/dark/001.png", &|path| {
            std::fs::write(path, vec![0; intact.len()]).expect("disk");
        }),
        ("pictures/train/dark/001.pngisnolongerthere:thefolderchanged", &|path| {
            std::fs::remove_file(path).expect("disk");
        }),
        ("pictures/train/dark/001.pngis5byteslonginsteadof", &|path| {
            std::fs::write(path, b"other").expect("disk");
        }),
    ];
    for (index, (expected, damage)) in damages.into_iter().enumerate() {
        let said_by = said_after(&place, &format!("run{index}"), &picture, damage);
        assert!(said_by.contains(expected), "{index}: {said_by}");
        std::fs::write(&picture, &intact).expect("disk");
    }
    let epochs = |run: &str| {
        let text = std::fs::read_to_string(place.path(run).join("epochs.csv")).expect("epochs");
        text.lines().count() - 1
    };
    let done = epochs("run0");
    assert!((1..100).contains(&done), "{done}");
    let mut finished = train(&place, "run0");
    finished.args(["--epochs", "100", "--resume"]);
    said(finished, 0);
    let mut at_once = train(&place, "at-once");
    at_once.args(["--epochs", "100"]);
    said(at_once, 0);
    assert!(weights(&place, "run0") == weights(&place, "at-once"));
}

#[test]
fn a_damaged_picture_of_a_small_set_is_told_before_anything_is_made() {
    let place = place();
    write_pictures(&place.path("pictures"), 6, |_| (20, 20));
    let picture = place.path("pictures/test/light/001.png");
    let intact = std::fs::read(&picture).expect("picture");
    let mut middle = intact.clone();
    let half = middle.len() / 2;
    middle[half..half + 8].fill(0xaa);
    for damaged in [&intact[..intact.len() / 2], &middle, b"no picture"] {
        std::fs::write(&picture, damaged).expect("disk");
        for (run, command) in
            [("a", train(&place, "a")), ("b", search(&place, "b")), ("c", netadapt(&place, "c"))]
        {
            let said_by = said(command, 1);
            assert!(said_by.contains("cannot decode the image"), "{said_by}");
            assert!(!place.path(run).exists(), "{run}");
        }
    }
    // A file that was cut short shows at once even where nothing else is decoded beforehand.
    std::fs::write(&picture, &intact[..intact.len() / 2]).expect("disk");
    let mut streamed = train(&place, "d");
    streamed.args(["--image-memory", "0"]);
    assert!(said(streamed, 1).contains("cannot decode the image"));
    assert!(!place.path("d").exists());
}

#[test]
fn a_training_can_be_normalised_like_another_one() {
    let place = place();
    write_pictures(&place.path("pictures"), 6, |_| (20, 20));
    said(train(&place, "first"), 0);
    let card = |run: &str| {
        let text = std::fs::read_to_string(place.path(run).join("model.json")).expect("card");
        let card: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        card["normalisation"].clone()
    };
    place.write("given.json", r#"{"mean": [0.5, 0.25, 0.125], "std": [0.5, 0.5, 0.5]}"#);
    let normalised = |out: &str, file: &str| {
        let mut command = train(&place, out);
        command.args(["--normalisation", file]);
        command
    };
    said(normalised("given", "given.json"), 0);
    assert_eq!(card("given")["mean"], serde_json::json!([0.5, 0.25, 0.125]));
    assert!(weights(&place, "given") != weights(&place, "first"));
    said(normalised("again", "first/model.json"), 0);
    assert_eq!(card("again"), card("first"));
    assert!(weights(&place, "again") == weights(&place, "first"));

    place.write("grey.json", r#"{"mean": [0.5], "std": [0.5]}"#);
    let said_by = said(normalised("grey", "grey.json"), 1);
    assert!(said_by.contains("the images have 3 channel(s), but the normalisation is for 1"), "{said_by}");
    assert!(!place.path("grey").exists());
    place.write("none.json", r#"{"mean": [0.5]}"#);
    for file in ["none.json", "missing.json", "net.toml"] {
        let said_by = said(normalised("none", file), 1);
        assert!(said_by.contains("cannot read a normalisation from"), "{said_by}");
    }
}

/// A space whose networks are timed at 32x32 with as many classes as the pictures have.
const SMALL_SPACE: &str = r#"name = "small"
resolution = [32]
classes = 2
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }

[stem]
kernel = [3]
stride = 2
width = [8]
activation = ["hswish"]

[[stage]]
block = "ir"
stride = 2
depth = [1]
width = [8, 16]
kernel = [3, 5]
expansion = [1, 2]
activation = ["relu"]

[[head]]
block = "conv"
width = [32]
activation = ["hswish"]

[[head]]
block = "pool"
"#;

/// What a search says of the network that it trained in the end: its resolution, and the card.
fn trained_in_the_end(place: &Place, out: &str, options: &[&str]) -> (i64, serde_json::Value) {
    let mut command = place.command(env!("CARGO_BIN_EXE_mbn-search"));
    command.args(["--space", "small.toml", "--budget", "1M-params", "--data", "pictures", "--trials", "1"]);
    command.args(["--finals", "1", "--epochs", "1", "--final-epochs", "1", "--out", out]).args(options);
    said(command, 0);
    let network = std::fs::read_dir(place.path(out).join("networks")).expect("networks").next();
    let network = network.expect("a final").expect("entry").path();
    let text = |name: &str| std::fs::read_to_string(network.join(name)).expect(name);
    let trained: toml::Table = text("trained.toml").parse().expect("TOML");
    let card = serde_json::from_str(&text("model.json")).expect("JSON");
    (trained["resolution"].as_integer().expect("a number"), card)
}

#[test]
fn what_is_exported_is_what_was_timed_where_pictures_are_large_enough() {
    let place = place();
    place.write("small.toml", SMALL_SPACE);
    write_pictures(&place.path("pictures"), 4, |_| (40, 36));
    let (resolution, card) = trained_in_the_end(&place, "large", &["--train-resolution", "16"]);
    assert_eq!((resolution, &card["proxy_of"]), (32, &serde_json::Value::Null));
    let (resolution, card) = trained_in_the_end(&place, "asked", &["--final-resolution", "24"]);
    assert_eq!((resolution, &card["proxy_of"]["resolution"]), (24, &32.into()));
    assert_eq!(card["latency"], serde_json::Value::Null);

    std::fs::remove_dir_all(place.path("pictures")).expect("disk");
    write_pictures(&place.path("pictures"), 4, |_| (20, 20));
    let (resolution, card) = trained_in_the_end(&place, "little", &[]);
    assert_eq!((resolution, &card["proxy_of"]["resolution"]), (20, &32.into()));
    let (resolution, card) = trained_in_the_end(&place, "timed", &["--final-resolution", "timed"]);
    assert_eq!((resolution, &card["proxy_of"]), (32, &serde_json::Value::Null));
    let mut wrong = search(&place, "wrong");
    wrong.args(["--final-resolution", "tiny"]);
    assert!(said(wrong, 2).contains("write `timed`, or a number of pixels"));
}
