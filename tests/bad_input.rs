//! Bad input ends with one clear message and a non-zero exit, and leaves nothing half-written.

#[path = "support/said.rs"]
mod said;
mod support;
#[path = "support/words.rs"]
mod words;

use std::path::Path;

use assert_cmd::Command;
use rstest::rstest;
use said::said;
use support::{Place, TINY_SPACE};
use words::assert_says;

fn binary(name: &str) -> Command {
    let path = match name {
        "mbn-search" => env!("CARGO_BIN_EXE_mbn-search"),
        _ => env!("CARGO_BIN_EXE_mbn-inspect"),
    };
    let mut command = Command::new(path);
    command.env("NO_COLOR", "1");
    command
}

const HEADER: &str = "# device: d\n# threads: 1\n# precision: float32\n# batch: 1\n# resolution: 224\n";
const COLUMNS: &str = "op,in_h,in_w,c_in,c_out,kernel,stride,activation,latency_ms\n";
const ROW: &str = "conv,224,224,3,16,3,2,relu,1.5\n";

#[rstest]
#[case::negative("conv,224,224,3,8,3,2,relu,-1.5\n", &["table.csv:8:27", "impossible"])]
#[case::nan("conv,224,224,3,8,3,2,relu,NaN\n", &["table.csv:8:27", "impossible"])]
#[case::microseconds("conv,224,224,3,8,3,2,relu,150000\n", &["table.csv:8", "implausible", "milliseconds"])]
#[case::duplicate(ROW, &["table.csv:8:1", "repeats line 7"])]
#[case::header_line("# folded: pool\n", &["table.csv:8:1", "`folded` behind the header", "before everything"])]
#[case::short("conv,224,224,3\n", &["table.csv:8", "field"])]
#[case::text("conv,224,224,three,8,3,2,relu,1\n", &["table.csv:8:14", "`three`", "c_in"])]
#[case::unit("warp,224,224,3,8,3,2,relu,1\n", &["table.csv:8:1", "unknown unit `warp`"])]
#[case::activation("conv,224,224,3,8,3,2,swish,1\n", &["table.csv:8:22", "unknown activation `swish`"])]
#[case::kernel("conv,224,224,3,8,,2,relu,1\n", &["table.csv:8", "`kernel` is missing"])]
fn a_wrong_row_of_a_table(#[case] row: &str, #[case] expected: &[&str]) {
    let place = Place::new();
    std::fs::write(place.path("table.csv"), format!("{HEADER}{COLUMNS}{ROW}{row}")).expect("disk");
    let mut command = binary("mbn-inspect");
    command.current_dir(place.path("")).args(["mobilenet_v2", "--target", "table.csv"]);
    assert_says(&said(command, 1), expected);
}

#[rstest]
#[case::no_device(&HEADER.replace("# device: d\n", ""), COLUMNS, &["the header has no `device`"])]
#[case::unknown_key(&format!("{HEADER}# colour: red\n"), COLUMNS, &["table.csv:6:1", "`colour`"])]
#[case::other_unit(HEADER, "op,in_h,in_w,c_in,c_out,kernel,stride,activation,latency_us\n", &["latency_us", "milliseconds"])]
#[case::empty(HEADER, COLUMNS, &["no rows"])]
fn a_wrong_table(#[case] header: &str, #[case] columns: &str, #[case] expected: &[&str]) {
    let place = Place::new();
    std::fs::write(place.path("table.csv"), format!("{header}{columns}")).expect("disk");
    let mut command = binary("mbn-inspect");
    command.current_dir(place.path("")).args(["mobilenet_v2", "--target", "table.csv"]);
    assert_says(&said(command, 1), expected);
}

#[rstest]
#[case::unknown_network(&["mobilenet_v9"], 1, &["mobilenet_v9", "mobilenet_v3_small"])]
#[case::other_resolution(&["mobilenet_v3_small", "--resolution", "160", "--target", "pixel-latency.csv"], 1, &["has no row for", "measured for 224x224", "takes 160x160"])]
#[case::missing_table(&["mobilenet_v2", "--target", "nowhere.csv"], 1, &["nowhere.csv", "no such latency table", "pixel-latency"])]
#[case::width(&["mobilenet_v2", "--width", "0"], 2, &["0.01 to 16"])]
#[case::width_rule(&["mobilenet_v2", "--width-rule", "odd"], 2, &["reference or torchvision"])]
#[case::nothing(&[], 2, &["Usage"])]
#[case::drawing_of_other_kind(&["mobilenet_v2", "--svg", "net.pdf"], 2, &["net.pdf", "an .svg or a .png file, such as network.svg"])]
#[case::drawing_of_a_space(&["--space", "mobilenet_v3", "--svg", "net.svg"], 2, &["cannot be used with", "--svg"])]
#[case::drawing_of_two(&["--diff", "mobilenet_v2", "mobilenet_v1", "--svg", "net.svg"], 2, &["cannot be used with", "--svg"])]
#[case::drawing_nowhere(&["mobilenet_v2", "--svg", "nowhere/net.svg"], 1, &["cannot write nowhere/net.svg: there is no folder nowhere", "make the folder first"])]
#[case::drawing_below_a_file(&["mobilenet_v2", "--svg", "Cargo.toml/net.svg"], 1, &["there is no folder Cargo.toml"])]
fn wrong_arguments_of_inspect(#[case] arguments: &[&str], #[case] code: i32, #[case] expected: &[&str]) {
    let mut command = binary("mbn-inspect");
    command.args(arguments);
    assert_says(&said(command, code), expected);
    assert!(!Path::new("nowhere").exists() && !Path::new("net.svg").exists(), "something was written");
}

#[test]
fn a_wrong_block_of_a_network_has_a_caret_under_it() {
    let place = Place::new();
    let good =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("networks/mobilenet_v2.toml"))
            .expect("shipped");
    std::fs::write(place.path("net.toml"), good.replacen("h96_c24_relu6", "h96_c24_relu7", 1)).expect("disk");
    let mut command = binary("mbn-inspect");
    command.current_dir(place.path("")).arg("net.toml");
    let said = said(command, 1);
    assert_says(&said, &["net.toml:", "activation is missing", "ir_k3_s2_h96_c24_relu7", "help:"]);
    assert!(said.contains('─') || said.contains('┬') || said.contains('^'), "no caret in:\n{said}");
}

#[rstest]
#[case::unknown_key("stride = 2", "strides = 2", &["space.toml:", "unknown field `strides`"])]
#[case::wrong_type("kernel = [3, 5]", "kernel = \"3\"", &["space.toml:", "invalid type"])]
#[case::even_kernel("kernel = [3, 5]", "kernel = [3, 4]", &["space.toml:", "kernel of 4"])]
#[case::no_choice("kernel = [3, 5]", "kernel = []", &["no choices"])]
#[case::not_in_the_table("width = [16]", "width = [999]", &["pixel-latency.csv has no row for"])]
fn a_wrong_space(#[case] good: &str, #[case] bad: &str, #[case] expected: &[&str]) {
    let place = Place::new();
    assert!(TINY_SPACE.contains(good));
    std::fs::write(place.path("space.toml"), TINY_SPACE.replacen(good, bad, 1)).expect("disk");
    assert_says(&said(place.search("run"), 1), expected);
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[test]
fn a_space_without_stages() {
    let place = Place::new();
    let stem = TINY_SPACE.split("[[stage]]").next().expect("text");
    std::fs::write(place.path("space.toml"), format!("{stem}\n[[head]]\nblock = \"pool\"\n")).expect("disk");
    assert_says(&said(place.search("run"), 1), &["no stages"]);
}

#[test]
fn a_budget_that_no_network_meets_is_proven_so() {
    let place = Place::new();
    let mut command = place.search("run");
    command.args(["--budget", "1ms"]);
    assert_says(
        &said(command, 3),
        &["no network of this space meets a budget of 1ms", "smallest reachable latency"],
    );
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[rstest]
#[case(&["--budget", "0ms"], &["above zero"])]
#[case(&["--budget", "15"], &["unit is missing"])]
#[case(&["--strategy", "magic"], &["random, evolution, nsga2"])]
#[case(&["--trials", "0"], &["--trials"])]
#[case(&["--epochs", "many"], &["--epochs"])]
fn wrong_arguments_of_search(#[case] arguments: &[&str], #[case] expected: &[&str]) {
    let place = Place::new();
    let mut command = binary("mbn-search");
    command
        .current_dir(place.path(""))
        .args(["--target", "pixel-latency.csv", "--out", "run"])
        .args(arguments);
    assert_says(&said(command, 2), expected);
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[test]
fn a_reward_without_its_budget() {
    let place = Place::new();
    let mut command = place.search("run");
    command.args(["--strategy", "evolution", "--reward", "tunas"]);
    assert_says(&said(command, 1), &["needs a budget", "--budget 40ms"]);
}

#[test]
fn a_table_that_does_not_cover_the_space() {
    let mut command = binary("mbn-search");
    command.args(["--target", "pixel1-proxylessnas.csv", "--out", "never-made"]);
    assert_says(&said(command, 1), &["pixel1-proxylessnas.csv has no row for", "and", "more"]);
    assert!(!Path::new("never-made").exists());
}

#[test]
fn images_that_are_missing_cut_or_mislabelled() {
    let place = Place::new();
    let images = place.path("images/train-images-idx3-ubyte");
    let labels = place.path("images/train-labels-idx1-ubyte");
    let (whole_images, whole_labels) =
        (std::fs::read(&images).expect("made"), std::fs::read(&labels).expect("made"));

    std::fs::write(&images, &whole_images[..1000]).expect("disk");
    assert_says(&said(place.search("run"), 1), &["train-images-idx3-ubyte", "byte"]);
    std::fs::write(&images, &whole_images).expect("disk");

    let mut fewer = whole_labels[..whole_labels.len() - 1].to_vec();
    fewer[7] -= 1;
    std::fs::write(&labels, fewer).expect("disk");
    assert_says(&said(place.search("run"), 1), &["train-labels-idx1-ubyte", "159"]);
    std::fs::write(&labels, &whole_labels).expect("disk");

    std::fs::remove_dir_all(place.path("images")).expect("disk");
    assert_says(&said(place.search("run"), 1), &["images"]);
    assert!(!place.path("run").exists(), "a run folder was made");
}

#[test]
fn a_folder_of_another_run_or_of_other_things_is_left_alone() {
    let place = Place::new();
    place.search("run").assert().success();
    let before = support::results(&place.path("run"));
    let mut other = place.search("run");
    other.args(["--seed", "9"]);
    assert_says(&said(other, 1), &["holds another run", "`seed` was 0 and is now 9", "--out"]);
    std::fs::write(place.path("space.toml"), format!("{TINY_SPACE}# changed\n")).expect("disk");
    assert_says(&said(place.search("run"), 1), &["the content of `search space` has changed"]);
    assert_eq!(support::results(&place.path("run")), before);
    assert_says(&said(place.search("images"), 1), &["is not empty and holds no run"]);
}

#[test]
fn a_journal_with_a_whole_line_of_nonsense() {
    let place = Place::new();
    place.search("run").assert().success();
    let journal = place.path("run/trials.jsonl");
    let text = std::fs::read_to_string(&journal).expect("journal");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[3] = "{\"kind\":\"trial\"}";
    std::fs::write(&journal, lines.join("\n") + "\n").expect("disk");
    assert_says(&said(place.search("run"), 1), &["trials.jsonl:4:", "not a record"]);
}

#[test]
fn a_journal_of_another_search() {
    let place = Place::new();
    place.search("run").assert().success();
    let journal = place.path("run/trials.jsonl");
    let text = std::fs::read_to_string(&journal).expect("journal");
    let swapped: Vec<&str> = text.lines().rev().collect();
    std::fs::write(&journal, swapped.join("\n") + "\n").expect("disk");
    assert_says(&said(place.search("run"), 1), &["journal of another search"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written() {
    let place = Place::new();
    assert_says(&said(place.search("/proc/run"), 1), &["cannot write /proc/run"]);
    assert_says(&said(place.search("space.toml/run"), 1), &["cannot write"]);
    let mut drawing = binary("mbn-inspect");
    drawing.args(["mobilenet_v2", "--svg", "/proc/net.svg"]);
    assert_says(&said(drawing, 1), &["cannot write /proc/net.svg", "a folder that can be written to"]);
}

/// A disk that takes no more, played by a limit on the size of files.
#[cfg(target_os = "linux")]
#[rstest]
#[case::in_the_journal(4, "trials.jsonl")]
#[case::in_the_weights(16, "last.safetensors")]
fn a_full_disk_ends_the_run_cleanly_and_it_goes_on_once_there_is_room(
    #[case] kilobytes: u32,
    #[case] file: &str,
) {
    let place = Place::new();
    // Without a table, whose copy would not fit either.
    let search = |out| {
        let mut search = place.search_on(&["--budget", "1M-params"], out);
        search.args(["--trials", "30"]);
        search
    };
    search("whole").assert().success();
    let limited_search = search("run");
    let search_args = limited_search.get_args();
    let line = std::iter::once(limited_search.get_program()).chain(search_args);
    let line: Vec<_> = line.map(|part| part.to_string_lossy().into_owned()).collect();
    let mut limited = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec {}", line.join(" "));
    limited.current_dir(place.path("")).env("NO_COLOR", "1").args(["-c", &script]);
    assert_says(&said(limited, 1), &["cannot write", file]);
    search("run").assert().success();
    assert_eq!(support::results(&place.path("run")), support::results(&place.path("whole")));
}
