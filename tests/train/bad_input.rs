//! Bad input ends with one clear message and a non-zero exit, and leaves nothing half-written.

use assert_cmd::Command;
use rstest::rstest;

use crate::support::{Place, TINY_NETWORK, TINY_RECIPE, assert_says, said};

/// Runs a command that must fail before it makes a run folder.
fn assert_refused(place: &Place, command: Command, code: i32, expected: &[&str]) {
    assert_says(&said(command, code), expected);
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[rstest]
#[case::classes("classes = 4", "classes = 10", &["tiny takes 8x8x1 images of 10 classes, but images has 8x8x1 images of 4 classes", "add --classes 4"])]
#[case::channels("input_channels = 1", "input_channels = 3", &["8x8x3 images of 4", "8x8x1 images of 4", "add --channels 1"])]
#[case::side("resolution = 8", "resolution = 16", &["16x16x1", "8x8x1", "add --resolution 8"])]
fn a_network_for_other_images(#[case] good: &str, #[case] bad: &str, #[case] expected: &[&str]) {
    let place = Place::new();
    place.write("tiny.toml", &TINY_NETWORK.replacen(good, bad, 1));
    assert_refused(&place, place.train("run"), 1, expected);
}

#[test]
fn the_remedy_for_other_images_works() {
    let place = Place::new();
    let small = || {
        let mut command = place.train_network("mobilenet_v3_small", "run");
        command.args(["--width", "0.25", "--epochs", "1"]);
        command
    };
    assert_refused(&place, small(), 1, &["add --resolution 8 --channels 1 --classes 4"]);
    small().args(["--resolution", "8", "--channels", "1", "--classes", "4"]).assert().success();
}

#[rstest]
#[case::unknown_key("weight_decay", "weight_decays", &["recipe.toml:5:1", "unknown field `weight_decays`"])]
#[case::out_of_range("ema = 0.95", "ema = 1.95", &["recipe.toml:8:7", "ema = 1.95 is out of range", "above 0 to below 1"])]
#[case::of_another_kind("\"rmsprop\"", "\"adamw\"", &["recipe.toml:3:", "adamw has no `momentum`", "beta1, beta2, eps"])]
#[case::in_augment("flip = false", "flips = false", &["recipe.toml:11:22", "unknown field `flips`"])]
#[case::mixup("flip = false", "mixup = -1", &["recipe.toml:11:30", "mixup is -1, but must be from 0.01 to 100"])]
#[case::missing("epochs = 4\n", "", &["recipe.toml", "missing field `epochs`"])]
fn a_wrong_recipe_has_a_caret_under_its_mistake(
    #[case] good: &str,
    #[case] bad: &str,
    #[case] expected: &[&str],
) {
    let place = Place::new();
    assert!(TINY_RECIPE.contains(good));
    place.write("recipe.toml", &TINY_RECIPE.replacen(good, bad, 1));
    let message = said(place.train("run"), 1);
    assert_says(&message, expected);
    assert!(
        message.contains('─') || message.contains('┬') || message.contains('^'),
        "no caret in:\n{message}"
    );
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[rstest]
#[case::share(&["--validation", "1"], 2, &["above 0 and below 1"])]
#[case::epochs(&["--epochs", "0"], 2, &["--epochs"])]
#[case::half_a_teacher(&["--teacher", "tiny.toml"], 2, &["--teacher-weights"])]
#[case::recipe(&["--recipe", "nothing"], 1, &["cannot read nothing", "small_images"])]
#[case::weights(&["--weights", "gone.safetensors"], 1, &["cannot read gone.safetensors"])]
#[case::unwanted_teacher(&["--teacher", "tiny.toml", "--teacher-weights", "w"], 1, &["does not learn from a teacher", "distill"])]
#[case::no_teacher(&["--recipe", "small_images_distill"], 1, &["learns from a teacher, and there is none", "--teacher NETWORK"])]
#[case::teacher_network(&["--recipe", "small_images_distill", "--teacher", "gone.toml", "--teacher-weights", "w"], 1, &["cannot read gone.toml"])]
#[case::teacher_weights(&["--recipe", "small_images_distill", "--teacher", "tiny.toml", "--teacher-weights", "gone"], 1, &["cannot read gone"])]
#[case::data(&["--data", "nowhere"], 1, &["cannot read nowhere"])]
#[case::no_checkpoint(&["--resume"], 1, &["run holds no checkpoint", "leave out --resume"])]
fn wrong_arguments(#[case] arguments: &[&str], #[case] code: i32, #[case] expected: &[&str]) {
    let place = Place::new();
    let mut command = place.train("run");
    command.args(arguments);
    assert_refused(&place, command, code, expected);
}

#[test]
fn a_teacher_with_other_classes_or_weights_of_another_network() {
    let place = Place::new();
    place.train("base").args(["--epochs", "1"]).assert().success();
    let teach = |teacher: &str, weights: &str| {
        let mut command = place.train("run");
        command.args(["--recipe", "small_images_distill", "--epochs", "1"]);
        command.args(["--teacher", teacher, "--teacher-weights", weights]);
        command
    };
    place.write(
        "ten.toml",
        &TINY_NETWORK.replacen("classes = 4", "classes = 10", 1).replacen("tiny", "ten", 1),
    );
    let refused = teach("ten.toml", "base/last.safetensors");
    assert_refused(
        &place,
        refused,
        1,
        &["ten takes 8x8x1 images of 10 classes", "give a teacher that was trained on these"],
    );
    place.write("wide.toml", &TINY_NETWORK.replacen("c16_hswish", "c32_hswish", 1));
    let refused = teach("wide.toml", "base/last.safetensors");
    assert_refused(&place, refused, 1, &["weights of another network", "head.0.conv.weight"]);
    let mut start = place.train_network("wide.toml", "run");
    start.args(["--weights", "base/last.safetensors"]);
    assert_refused(&place, start, 1, &["weights of another network", "head.0.conv.weight"]);
}

#[test]
fn a_folder_or_a_checkpoint_of_another_training() {
    let place = Place::new();
    place.train("run").assert().success();
    let before = crate::support::results(&place.path("run"));
    let mut other = place.train("run");
    other.args(["--epochs", "5"]);
    assert_says(&said(other, 1), &["holds another run", "`recipe.epochs` was 4 and is now 5"]);
    place.write("recipe.toml", &TINY_RECIPE.replacen("clip_norm = 5.0\n", "", 1));
    assert_says(&said(place.train("run"), 1), &["`recipe.clip_norm` was 5.0 and is now not set"]);
    assert_eq!(crate::support::results(&place.path("run")), before);

    // A folder that was pieced together: the other run's checkpoint under this run's options.
    place.train("other").args(["--epochs", "1"]).assert().success();
    let checkpoint = "checkpoint.safetensors";
    std::fs::copy(place.path("run").join(checkpoint), place.path("other").join(checkpoint)).expect("disk");
    let mut mixed = place.train("other");
    mixed.args(["--epochs", "1"]);
    let message = said(mixed, 1);
    assert_says(
        &message,
        &["is the checkpoint of another training", "`options.recipe.epochs` was 4 and is now 1"],
    );

    let whole = std::fs::read(place.path("other").join(checkpoint)).expect("there");
    std::fs::write(place.path("other").join(checkpoint), &whole[..whole.len() / 2]).expect("disk");
    let mut cut = place.train("other");
    cut.args(["--epochs", "1"]);
    assert_says(&said(cut, 1), &["is not a checkpoint of this program", "delete it"]);
}

#[test]
fn a_run_that_diverges_keeps_its_last_good_epoch_and_says_which() {
    let place = Place::new();
    // Once the warm-up has brought rate times decay beyond 2, weights grow without bounds.
    place.write(
        "recipe.toml",
        "epochs = 60\nbatch = 16\noptimizer = { kind = \"sgd\", momentum = 0.0 }\nweight_decay = 0.9\n\
         schedule = { kind = \"cosine\", learning_rate = 20, warmup_epochs = 30 }\n",
    );
    let message = said(place.train("run"), 1);
    assert_says(&message, &["training diverged", "lower the learning rate"]);
    let epochs = std::fs::read_to_string(place.path("run/epochs.csv")).expect("epochs").lines().count() - 1;
    assert!(epochs >= 1, "{message}");
    assert_says(
        &message,
        &[&format!("the checkpoint of epoch {epochs} is kept in run/checkpoint.safetensors")],
    );
    assert_says(&message, &[&format!("epoch {};", epochs + 1)]);
    assert!(!place.path("run/test.json").exists(), "a diverged run was tested");
    let curves = std::fs::read_to_string(place.path("run/derived/learning_curves.svg")).expect("drawn");
    assert!(curves.contains("loss is not a number"));

    // What is kept is a network: it can be trained on from.
    place.write("recipe.toml", TINY_RECIPE);
    place.train("next").args(["--weights", "run/last.safetensors", "--epochs", "1"]).assert().success();
}
