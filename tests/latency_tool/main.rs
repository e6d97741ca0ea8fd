//! `mbn-latency` as people run it.

mod measuring;
mod transfer;

use assert_cmd::Command;
use rstest::rstest;
use tempfile::TempDir;

const HEADER: &str = "# device: d\n# threads: 1\n# precision: float32\n# batch: 1\n# resolution: 224\n";
const COLUMNS: &str = "op,in_h,in_w,c_in,c_out,kernel,stride,activation,latency_ms\n";
const STEM: &str = "conv,224,224,3,16,3,2,relu,1.5\n";

/// Of han-cai/files proxylessnas/mobile_trim.yaml @a7c9bcd5, lines 1 to 4 and 13 to 16.
const YAML: &str = "\
Conv-input:224x224x3-output:112x112x32:
  count: 982
  mean: 4.083755600814664
  var: 0.2502372872758427
expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0:
  count: 164
  mean: 6.240567073170731
  var: 0.07330791484716055
";

/// A folder with these files.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let place = Self(TempDir::new().expect("temporary folder"));
        for (name, text) in files {
            std::fs::write(place.0.path().join(name), text).expect("disk");
        }
        place
    }

    /// Exit code, stdout and stderr of `mbn-latency`.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.output(Command::new(env!("CARGO_BIN_EXE_mbn-latency")).args(arguments))
    }

    fn output(&self, command: &mut Command) -> (Option<i32>, String, String) {
        let output = command.env("NO_COLOR", "1").current_dir(self.0.path()).output();
        let output = output.expect("started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        assert!(!told.contains("panicked"), "{told}");
        (output.status.code(), said, told)
    }

    /// The same, with the programs of the folder found before others.
    #[cfg(feature = "tract")]
    fn run_with_path(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let paths = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{paths}", self.0.path().display());
        self.output(Command::new(env!("CARGO_BIN_EXE_mbn-latency")).env("PATH", path).args(arguments))
    }

    /// `mbn-latency`, running by itself.
    #[cfg(feature = "tract")]
    fn start(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mbn-latency"));
        command.current_dir(self.0.path()).args(arguments).spawn().expect("started")
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).expect("readable")
    }
}

/// The words of a message, whatever its line breaks.
pub(crate) fn words(said: &str) -> String {
    said.split(|c: char| c.is_whitespace() || c == '│')
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[rstest]
#[case("pixel-latency.csv")]
#[case("pixel1-proxylessnas.csv")]
#[case("note10")]
fn shipped_tables_have_no_errors(#[case] table: &str) {
    let place = Place::with(&[]);
    let (code, said, _) = place.run(&["check", table]);
    assert_eq!(code, Some(0), "{said}");
    let (_, json, _) = place.run(&["check", table, "--json"]);
    let audit: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let findings = audit["findings"].as_array().expect("a list");
    assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{json}");
    assert!(audit["rows"].as_u64().expect("a number") > 50);
}

#[test]
fn errors_are_all_told_and_end_with_exit_code_1() {
    let text = format!("{HEADER}{COLUMNS}{STEM}{STEM}conv,224,224,3,24,3,2,relu,-1\n# threads: 4\n");
    let place = Place::with(&[("t.csv", &text)]);
    let (code, said, told) = place.run(&["check", "t.csv"]);
    assert_eq!((code, told.as_str()), (Some(1), ""));
    for part in [
        "t.csv:8: error: conv 3x3 s2 3-16 relu @ 224x224 repeats line 7",
        "t.csv:9: error: a latency of -1 ms is impossible",
        "t.csv:10: error: `threads` is `4` here",
        "-> keep one row for each unit",
        "t.csv: 2 rows, 3 errors",
    ] {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
}

#[test]
fn long_groups_are_shortened_but_for_json() {
    let rows: String = (0..20).map(|_| STEM).collect();
    let place = Place::with(&[("t.csv", &format!("{HEADER}{COLUMNS}{rows}"))]);
    let (_, said, _) = place.run(&["check", "t.csv"]);
    assert_eq!(said.matches(" repeats line 7").count(), 5, "{said}");
    assert!(said.contains("and 14 more, see --json"), "{said}");
    let (code, json, _) = place.run(&["check", "t.csv", "--json"]);
    assert_eq!(code, Some(1));
    assert_eq!(json.matches("\"duplicate\"").count(), 19);
}

#[rstest]
#[case(&["check", "nowhere.csv"], 1, "no such latency table")]
#[case(&["check"], 2, "Usage")]
#[case(&[], 2, "Usage")]
#[case(&["import", "t.yaml", "--format", "excel", "--out", "o.csv"], 2, "proxylessnas, ofa, tunas")]
#[case(&["import", "t.yaml", "--format", "ofa"], 2, "--out")]
#[case(&["import", "none.yaml", "--format", "ofa", "--out", "o.csv"], 1, "no such file")]
#[case(&["import", "t.yaml", "--format", "proxylessnas", "--out", "o.csv"], 1, "add --device NAME, --threads N, --precision TYPE, --batch N")]
#[case(&["import", "t.yaml", "--format", "ofa", "--out", "o.csv"], 1, "t.yaml:5:1: `expand` is 3 for 16 input channels")]
#[case(&["import", "t.yaml", "--format", "tflite-profile", "--out", "o.csv"], 1, "--network")]
#[case(&["import", "t.yaml", "--format", "nn-meter", "--out", "o.csv"], 1, "not a JSON object")]
#[case(&["import", "t.yaml", "--format", "proxylessnas", "--out", "t.yaml"], 1, "--force")]
#[case(&["import", "t.yaml", "--format", "proxylessnas", "--threads", "some", "--out", "o.csv"], 2, "`unknown`")]
fn bad_input(#[case] arguments: &[&str], #[case] code: i32, #[case] says: &str) {
    let place = Place::with(&[("t.yaml", YAML)]);
    let (ended, said, told) = place.run(arguments);
    assert_eq!((ended, said.as_str()), (Some(code), ""), "{told}");
    assert!(words(&told).contains(says), "no `{says}` in:\n{told}");
    assert!(!place.0.path().join("o.csv").exists());
    assert_eq!(place.read("t.yaml"), YAML);
}

const SETTINGS: [&str; 8] =
    ["--device", "Google Pixel 1, CPU", "--threads", "unknown", "--precision", "float32", "--batch", "1"];

#[test]
fn an_imported_table_is_one() {
    let place = Place::with(&[("t.yaml", YAML)]);
    let import =
        [&["import", "t.yaml", "--format", "proxylessnas", "--out", "o.csv"][..], &SETTINGS].concat();
    let (code, said, told) = place.run(&import);
    assert_eq!(code, Some(0), "{told}");
    assert!(said.contains("2 rows in o.csv") && said.contains("next: mbn-latency check o.csv"), "{said}");
    let text = place.read("o.csv");
    for line in [
        "# device: Google Pixel 1, CPU",
        "# threads: not stated by the source",
        "# resolution: 224",
        "# folded: pool",
        "# source: t.yaml",
        "# licence: not stated",
        "conv,224,224,3,32,3,2,,,relu6,4.083756,0.500237,982",
        "inverted_residual,112,112,16,24,3,2,48,0,relu6,6.240567,0.270754,164",
    ] {
        assert!(text.lines().any(|written| written == line), "no `{line}` in:\n{text}");
    }
    assert_eq!(place.run(&["check", "o.csv"]).0, Some(0));

    let (code, _, told) = place.run(&import);
    assert_eq!(code, Some(1));
    assert!(words(&told).contains("o.csv is there already"), "{told}");
    let (code, _, told) =
        place.run(&[&import[..], &["--force", "--licence", "MIT", "--source", "x"]].concat());
    assert_eq!(code, Some(0), "{told}");
    assert!(place.read("o.csv").contains("# source: x\n# licence: MIT\n"));
}

#[test]
fn an_operator_profile_needs_its_network() {
    let profile = "=== Run Order ===\n\t[node type]\t[first]\t[avg ms]\n\tCONV_2D\t1.0\t2.0\n\tMEAN\t0.1\t0.2\n\tFULLY_CONNECTED\t0.1\t0.3\n\tSOFTMAX\t0.1\t0.05\n\nTimings (microseconds): count=50 first=1\n";
    let network = "name = \"n\"\nresolution = 32\nclasses = 10\npadding = \"same\"\nbatch_norm = { eps = 1e-3, momentum = 0.1 }\nstem = \"conv_k3_s2_c16_relu\"\nblocks = []\nhead = [\"pool\"]\n";
    let place = Place::with(&[("p.txt", profile), ("n.toml", network)]);
    let arguments = |more: &[&'static str]| {
        [&["import", "p.txt", "--format", "tflite-profile", "--out", "o.csv"][..], &SETTINGS, more].concat()
    };
    let (code, _, told) = place.run(&arguments(&["--network", "mobilenet_v2"]));
    assert_eq!(code, Some(1));
    assert!(words(&told).contains("p.txt:4:1: `MEAN` stands where DEPTHWISE_CONV_2D of the unit"), "{told}");
    let (code, _, told) = place.run(&arguments(&["--network", "n.toml"]));
    assert_eq!(code, Some(0), "{told}");
    let text = place.read("o.csv");
    for line in [
        "# resolution: 32",
        "conv,32,32,3,16,3,2,,,relu,2,,50",
        "pool,16,16,16,16,,,,,,0.2,,50",
        "classifier,1,1,16,10,,,,,,0.3,,50",
        "base,,,,,,,,,,0.05,,50",
    ] {
        assert!(text.lines().any(|written| written == line), "no `{line}` in:\n{text}");
    }
}
