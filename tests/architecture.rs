//! Imports between modules point downwards only.

use std::path::Path;

/// From the top down; modules on one line may not use each other.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["run"],
    &["measure"],
    &["netadapt", "report", "search", "train"],
    &["cost", "pytorch", "runtime"],
    &["nn", "data", "latency"],
    &["export", "plan"],
    &["graph"],
    &["space"],
    &["spec"],
    &["csv_place", "journal", "kernels", "text_file"],
    &[
        "cholesky",
        "confusion",
        "diagnostic",
        "differences",
        "onnx",
        "outcome",
        "robust",
        "seed",
        "stopwatch",
        "terminal",
        "whole_file",
        "word_list",
    ],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn rust_files(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// The modules of this crate that a line of code names.
fn named_modules(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or(""))
}

#[test]
fn imports_point_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut seen = 0;
    for file in files {
        let relative = file.strip_prefix(&src).expect("inside");
        let module =
            relative.components().next().expect("a part").as_os_str().to_string_lossy().replace(".rs", "");
        let Some(own) = layer(&module) else { continue };
        let text = std::fs::read_to_string(&file).expect("readable");
        // Tests may reach anywhere.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
        if file.ends_with("tests.rs") {
            continue;
        }
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for used in named_modules(line).filter(|used| *used != module) {
                let Some(other) = layer(used) else { continue };
                seen += 1;
                assert!(other > own, "{} uses {used}, which is not below {module}", relative.display());
            }
        }
    }
    assert!(seen > 50, "only {seen} imports found: does this test still read the code?");
}

#[test]
fn every_module_has_its_place() {
    let lib = include_str!("../src/lib.rs");
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in modules {
        assert!(layer(module).is_some(), "{module} is missing in LAYERS");
    }
}
