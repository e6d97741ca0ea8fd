//! `mbn-inspect --svg`: the drawing on disk, and what is said beside it.

use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// `mbn-inspect mobilenet_v3_small` on the Pixel 1, in a folder of its own.
fn inspect(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-inspect"));
    command.current_dir(folder.path()).env("NO_COLOR", "1");
    command.args(["mobilenet_v3_small", "--target", "pixel-latency.csv"]).args(arguments);
    command
}

fn folder() -> TempDir {
    TempDir::new().expect("temporary folder")
}

fn stdout(mut command: Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).expect("utf-8")
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("readable");
    entries.map(|entry| entry.expect("entry").file_name().into_string().expect("utf-8")).collect()
}

#[test]
fn the_shipped_drawing_is_what_the_command_draws() {
    let folder = folder();
    let said = inspect(&folder, &["--svg", "network.svg"]).assert().success().get_output().stderr.clone();
    assert_eq!(String::from_utf8_lossy(&said), "drawing: network.svg\n");
    assert_eq!(files(folder.path()), ["network.svg"]);
    let drawn = std::fs::read_to_string(folder.path().join("network.svg")).expect("drawn");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mobilenet_v3_small.svg");
    let shipped = std::fs::read_to_string(shipped).expect("shipped");
    assert!(drawn == shipped, "docs/mobilenet_v3_small.svg is out of date: make it again as README.md says");
    for part in ["stem", "blocks.10", "head.2", "classifier", "112\u{d7}112", "squeeze-excite", "h-swish"] {
        assert!(drawn.contains(part), "no {part}");
    }
    for part in ["interpolated latency", "extrapolated latency", "in other rows", "Google Pixel 1, CPU"] {
        assert!(drawn.contains(part), "no {part}");
    }
}

#[test]
fn the_text_and_the_json_are_those_without_a_drawing() {
    let folder = folder();
    for form in [&[][..], &["--json"]] {
        let with = stdout(inspect(&folder, &[&["--svg", "network.svg"], form].concat()));
        assert_eq!(with, stdout(inspect(&folder, form)));
    }
}

#[test]
fn without_a_table_there_is_no_latency() {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-inspect"));
    command.current_dir(folder.path()).args(["mobilenet_v1", "--svg", "network.svg"]).assert().success();
    let drawn = std::fs::read_to_string(folder.path().join("network.svg")).expect("drawn");
    assert!(drawn.contains("multiply-adds") && !drawn.contains("latency"));
}

#[test]
fn a_png_is_drawn_where_it_is_asked_for() {
    let folder = folder();
    inspect(&folder, &["--svg", "network.png"]).assert().success();
    let drawn = std::fs::read(folder.path().join("network.png")).expect("drawn");
    assert_eq!(&drawn[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(files(folder.path()), ["network.png"]);
}

/// A disk that takes no more, played by a limit on the size of files.
#[cfg(target_os = "linux")]
#[test]
fn a_drawing_that_cannot_be_written_leaves_the_earlier_one() {
    let folder = folder();
    let file = folder.path().join("network.svg");
    std::fs::write(&file, "earlier").expect("disk");
    let mut limited = Command::new("bash");
    let program = env!("CARGO_BIN_EXE_mbn-inspect");
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {program} mobilenet_v3_small --svg network.svg");
    let failed = limited.current_dir(folder.path()).args(["-c", &script]).assert().code(1);
    let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(said.contains("cannot write network.svg") && said.contains("help"), "{said}");
    assert_eq!(std::fs::read(&file).expect("still there"), b"earlier");
    assert_eq!(files(folder.path()), ["network.svg"]);
}
