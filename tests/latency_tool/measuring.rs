//! Planning, measuring and validating, as people do it. What is measured here is small and says nothing of the machine.

use super::{Place, words};

/// 16x16 images, up to two blocks.
const SPACE: &str = r#"
name = "tiny"
resolution = [16]
classes = 4
padding = "same"
batch_norm = { eps = 1e-3, momentum = 0.1 }
dropout = 0.0

[stem]
kernel = [3]
stride = 2
width = [8, 16]
activation = ["hswish"]

[[stage]]
block = "ir"
stride = 1
depth = [1, 2]
width = [8, 16, 24]
kernel = [3, 5]
expansion = [2, 3]
se = [false, true]
activation = ["relu"]
per_block = ["kernel", "expansion", "se"]

[[head]]
block = "conv"
width = [32]
activation = ["hswish"]

[[head]]
block = "pool"
"#;

fn place() -> Place {
    Place::with(&[("tiny.toml", SPACE)])
}

#[test]
fn a_plan_is_written_and_what_it_was_made_for_is_kept() {
    let place = place();
    let (code, said, told) =
        place.run(&["plan", "--space", "tiny.toml", "--grid", "1", "--out", "plan.toml"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(words(&said).contains("tiny: 44 of 44 units get a row"), "{said}");
    let coarse = ["plan", "--space", "tiny.toml", "--grid", "2", "--out", "coarse.toml"];
    let (_, said, _) = place.run(&coarse);
    assert!(!words(&said).contains("44 of 44") && words(&said).contains("of 44 units"), "{said}");
    let (code, _, told) = place.run(&coarse);
    assert_eq!(code, Some(1));
    assert!(told.contains("coarse.toml is there already"), "{told}");

    let other = ["measure", "--plan", "plan.toml", "--network", "mobilenet_v3_28", "--out", "t.csv"];
    let (code, _, told) = place.run(&other);
    assert_eq!(code, Some(1));
    assert!(words(&told).contains("plan.toml was made for tiny, not for mobilenet_v3_28"), "{told}");
    let changed = Place::with(&[
        ("tiny.toml", &SPACE.replace("kernel = [3, 5]", "kernel = [3, 7]")),
        ("plan.toml", &place.read("plan.toml")),
    ]);
    let (code, _, told) =
        changed.run(&["measure", "--plan", "plan.toml", "--space", "tiny.toml", "--out", "t.csv"]);
    assert_eq!(code, Some(1));
    assert!(words(&told).contains("made for tiny, not for tiny as it is now"), "{told}");
}

#[test]
fn what_cannot_be_measured_is_told_before_anything_is() {
    let broken = "padding = \"same\"\nratio = 1.0\nunits_wanted = 1\nunits_chosen = 1\nimages = [[16, 3]]\nblocks = [\n  \"pool @ 4x5x8\",\n]\ncovers = []\n";
    let place = Place::with(&[("tiny.toml", SPACE), ("plan.toml", broken)]);
    let cases: [(&[&str], i32, &str); 6] = [
        (&["measure", "--out", "t.csv"], 2, "give what to measure"),
        (&["plan", "--out", "p.toml"], 2, "give what the table is for"),
        (
            &["measure", "--plan", "plan.toml", "--out", "t.csv"],
            1,
            "plan.toml:7:3: `4x5x8` is not a square map",
        ),
        (
            &["measure", "--space", "tiny.toml", "--runtime", "tflite", "--out", "t.csv"],
            2,
            "unknown runtime `tflite`; use tract, ort or candle",
        ),
        (&["measure", "--space", "tiny.toml", "--context", "cold", "--out", "t.csv"], 2, "network or alone"),
        (&["validate", "--target", "none.csv", "--space", "tiny.toml"], 1, "cannot read none.csv"),
    ];
    for (arguments, exit, says) in cases {
        let (code, _, told) = place.run(arguments);
        assert_eq!(code, Some(exit), "{told}");
        assert!(words(&told).contains(says), "{told}");
    }
}

#[cfg(not(feature = "tract"))]
#[test]
fn a_runtime_that_is_not_built_in_is_named() {
    let (code, _, told) = place().run(&["measure", "--space", "tiny.toml", "--out", "t.csv"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("--features tract"), "{told}");
}

#[cfg(feature = "ort")]
#[test]
fn a_library_that_is_missing_or_none_is_told() {
    let place = place();
    let ort = ["measure", "--space", "tiny.toml", "--runtime", "ort", "--out", "t.csv"];
    let (code, _, told) = place.run(&[&ort[..], &["--ort-library", "missing.so"]].concat());
    assert_eq!(code, Some(1));
    assert!(words(&told).contains("cannot load ONNX Runtime from missing.so"), "{told}");
    let (code, _, told) = place.run(&[&ort[..], &["--ort-library", "tiny.toml"]].concat());
    assert_eq!(code, Some(1));
    assert!(words(&told).contains("cannot load ONNX Runtime from tiny.toml"), "{told}");
}

/// A library that states a version before the first that has what is needed.
#[cfg(all(feature = "ort", target_os = "linux"))]
#[test]
fn a_library_of_another_version_is_told() {
    const OLD: &str = r#"
        static const void *api(unsigned version) { return 0; }
        static const char *version(void) { return "1.10.0"; }
        static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };
        const void *OrtGetApiBase(void) { return &base; }
    "#;
    let place = Place::with(&[("tiny.toml", SPACE), ("old.c", OLD)]);
    let (source, library) = (place.path("old.c"), place.path("old.so"));
    let compiled = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()
        .expect("a C compiler");
    assert!(compiled.success());
    let (code, _, told) = place.run(&[
        "measure",
        "--space",
        "tiny.toml",
        "--runtime",
        "ort",
        "--ort-library",
        "old.so",
        "--out",
        "t.csv",
    ]);
    assert_eq!(code, Some(1), "{told}");
    let told = words(&told);
    assert!(told.contains("cannot load ONNX Runtime from old.so"), "{told}");
    assert!(told.contains("1.10.0") && told.contains("version 1.17 or newer"), "{told}");
    assert!(!place.path("t.csv").exists());
}

/// candle is part of the program that trains.
#[cfg(feature = "train")]
#[test]
fn candle_measures_and_is_validated() {
    let place = place();
    let quick = ["--runtime", "candle", "--rounds", "1", "--passes", "2", "--quiet"];
    let (code, said, told) =
        place.run(&[&["measure", "--space", "tiny.toml", "--out", "t.csv"], &quick[..]].concat());
    assert_eq!(code, Some(0), "{told}");
    assert!(words(&said).contains("candle 0."), "{said}");
    let validate =
        ["validate", "--target", "t.csv", "--space", "tiny.toml", "--networks", "12", "--fit", "6"];
    let (code, said, told) = place.run(&[&validate[..], &quick].concat());
    assert_eq!(code, Some(0), "{told}");
    assert!(words(&said).contains("t.csv on 6 networks of tiny"), "{said}");
    assert!(place.read("t.csv").contains("# runtime: candle 0."));
}

#[cfg(feature = "tract")]
mod in_tract {
    use super::*;
    use mbn::graph::LayerGraph;
    use mbn::latency::LatencyTable;
    use mbn::spec;

    const QUICK: [&str; 5] = ["--rounds", "1", "--passes", "2", "--quiet"];

    fn table(place: &Place, name: &str) -> LatencyTable {
        LatencyTable::parse(name, &place.read(name)).expect("a table")
    }

    #[test]
    fn a_network_is_measured_and_its_table_has_all_of_its_rows() {
        let place = place();
        let measure = ["measure", "--network", "mobilenet_v3_28", "--grid", "1", "--out", "t.csv"];
        let (code, said, told) = place.run(&[&measure[..], &QUICK].concat());
        assert_eq!(code, Some(0), "{told}");
        assert!(words(&said).contains("tract 0.23") && said.contains("a call takes"), "{said}");
        let table = table(&place, "t.csv");
        let graph = LayerGraph::lower(&spec::load("mobilenet_v3_28").expect("shipped"));
        let prediction = table.predict(&graph).expect("all rows");
        assert_eq!((prediction.estimated_rows(), prediction.other_activation_rows), (0, 0));
        assert!(table.base.is_some() && prediction.latency_ms > 0.01);
        assert!(place.run(&["check", "t.csv"]).0 == Some(0));
        let (code, _, told) = place.run(&[&measure[..], &QUICK].concat());
        assert_eq!(code, Some(1));
        assert!(told.contains("t.csv is there already"), "{told}");
    }

    /// Ctrl-C in the middle: the table is not there, what was measured is, and the same command goes on from it.
    #[cfg(unix)]
    #[test]
    fn an_interrupted_measurement_goes_on() {
        let place = place();
        let arguments =
            ["measure", "--space", "tiny.toml", "--grid", "1", "--out", "t.csv", "--rounds", "40", "--quiet"];
        let mut child = place.start(&arguments);
        let journal = place.path("t.csv.measuring");
        let visits = || std::fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        while visits() < 3 {
            assert!(child.try_wait().expect("running").is_none(), "it ended by itself");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(interrupted.expect("kill").success());
        assert_eq!(child.wait().expect("ends").code(), Some(130));
        assert!(!place.path("t.csv").exists());
        let before = visits();
        let other = [&arguments[..], &["--seed", "9"]].concat();
        let (code, _, told) = place.run(&other);
        assert_eq!(code, Some(1));
        assert!(
            words(&told).contains("belongs to another measurement: `settings.seed` was 0 and is now 9"),
            "{told}"
        );
        assert_eq!(visits(), before);
        let (code, _, told) = place.run(&arguments);
        assert_eq!(code, Some(0), "{told}");
        assert!(place.path("t.csv").exists() && !journal.exists());
    }

    #[test]
    fn a_table_is_validated_and_keeps_what_was_learned() {
        let place = place();
        let measure = ["measure", "--space", "tiny.toml", "--grid", "1", "--out", "t.csv"];
        assert_eq!(place.run(&[&measure[..], &QUICK].concat()).0, Some(0));
        let raw = place.read("t.csv");
        let validate =
            ["validate", "--target", "t.csv", "--space", "tiny.toml", "--networks", "30", "--fit", "10"];
        let (code, said, told) =
            place.run(&[&validate[..], &["--dry-run", "--report", "r"], &QUICK].concat());
        assert_eq!(code, Some(0), "{told}");
        assert!(words(&said).contains("t.csv on 20 networks of tiny that no fit has seen"), "{said}");
        assert_eq!(place.read("t.csv"), raw);
        assert_eq!(place.read("r/networks.csv").lines().count(), 31);
        assert!(place.read("r/validation.json").contains("kendall_tau"));
        assert_eq!(place.path("r/validation.svg").exists(), cfg!(feature = "train"));

        let (code, _, told) = place.run(&[&validate[..], &QUICK].concat());
        assert_eq!(code, Some(0), "{told}");
        let validated = table(&place, "t.csv");
        let confidence = "0.9".parse().expect("a confidence");
        assert_eq!(validated.interval(confidence).expect("twenty are enough").networks, 20);
        let rows = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rows(&place.read("t.csv")), rows(&raw));
        // Rows stay as they were measured: validating again starts from them, not from corrected ones.
        assert!(place.read("t.csv").contains(raw.lines().last().expect("rows")));

        let elsewhere = raw.replace("# threads: 1", "# threads: 4");
        std::fs::write(place.path("other.csv"), elsewhere).expect("disk");
        let (code, _, told) = place.run(&[
            "validate",
            "--target",
            "other.csv",
            "--space",
            "tiny.toml",
            "--networks",
            "4",
            "--fit",
            "2",
        ]);
        assert_eq!(code, Some(1));
        assert!(words(&told).contains("other.csv is a table of tract"), "{told}");
        let many = ["validate", "--target", "t.csv", "--space", "tiny.toml", "--networks", "5000"];
        let (code, _, told) = place.run(&many);
        assert_eq!(code, Some(1));
        assert!(words(&told).contains("the space has only"), "{told}");
        let (code, _, told) =
            place.run(&["validate", "--target", "t.csv", "--space", "tiny.toml", "--networks", "9"]);
        assert_eq!(code, Some(1));
        assert!(words(&told).contains("which leaves none to judge by"), "{told}");
    }

    /// Stands for a device: `ssh`, `scp` and `adb` as shell scripts that work in a folder of this machine. The first
    /// connection that measures breaks.
    #[cfg(unix)]
    #[test]
    fn a_device_is_measured_through_ssh_and_adb_and_again_when_it_was_lost() {
        use std::os::unix::fs::PermissionsExt;
        let place = place();
        let device = place.path("device");
        std::fs::create_dir_all(device.join("data/local/tmp")).expect("disk");
        let root = device.display();
        let break_once = format!(
            "case \"$line\" in *measure*) [ -e {root}/met ] || {{ touch {root}/met; exit 255; }};; esac"
        );
        let ssh = format!("#!/bin/sh\nline=$2; cd {root} || exit 9\n{break_once}\nsh -c \"$line\"\n");
        let scp = format!(
            "#!/bin/sh\nat() {{ case $1 in board:*) echo {root}/${{1#board:}};; *) echo $1;; esac; }}\ncp \"$(at $2)\" \"$(at $3)\"\n"
        );
        let adb = format!(
            "#!/bin/sh\n[ \"$1\" = -s ] && shift 2\ncase $1 in\nshell) case \"$2\" in getprop*) echo Fairy 5;; *) sh -c \"$(echo \"$2\" | sed s#/data#{root}/data#g)\";; esac;;\n\
             push) cp \"$2\" {root}/$3;;\npull) cp {root}/$2 \"$3\";;\nesac\n"
        );
        for (name, script) in [("ssh", ssh), ("scp", scp), ("adb", adb)] {
            let path = place.path(name);
            std::fs::write(&path, script).expect("disk");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("disk");
        }
        let program = env!("CARGO_BIN_EXE_mbn-latency");
        let measure = |target: &[&str], out: &str| {
            let arguments = [
                &["measure", "--network", "mobilenet_v3_28", "--program", program, "--out", out][..],
                target,
                &QUICK,
            ]
            .concat();
            place.run_with_path(&arguments)
        };
        let (code, _, told) = measure(&["--ssh", "board"], "board.csv");
        assert_eq!(code, Some(1));
        assert!(words(&told).contains("the same command goes on where it was"), "{told}");
        let (code, said, told) = measure(&["--ssh", "board", "--device", "a board"], "board.csv");
        assert_eq!(code, Some(0), "{told}");
        assert!(said.contains("fetched board.csv"), "{said}");
        assert_eq!(table(&place, "board.csv").header.device(), "a board");
        let (code, _, told) = measure(&["--adb"], "phone.csv");
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(table(&place, "phone.csv").header.device(), "Fairy 5");
        let arguments =
            ["measure", "--space", "tiny.toml", "--ssh", "board", "--program", "none", "--out", "x.csv"];
        let (code, _, told) = place.run(&arguments);
        assert_eq!(code, Some(1));
        assert!(words(&told).contains("there is no program none"), "{told}");
    }
}
