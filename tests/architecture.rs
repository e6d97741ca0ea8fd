//! Imports between modules point downwards only.

use std::collections::{BTreeMap, BTreeSet};
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

/// The modules of the crate with what their files import.
struct Crate {
    /// Path of a module, such as `["latency", "file", "read"]`, to its code without tests and comments.
    code: BTreeMap<Vec<String>, String>,
    /// Names that a module imports or re-exports, to their paths as written there.
    imports: BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>,
}

/// What a path names.
enum Named {
    Module(Vec<String>),
    /// An item of the module.
    ItemOf(Vec<String>),
}

/// Identifiers, `::` and single characters.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    tokens
}

/// The paths that start at `tokens[*at]`, braces taken apart, each with the name that it gets; `*at` moves behind them.
fn paths(tokens: &[&str], at: &mut usize, prefix: &[String]) -> Vec<(String, Vec<String>)> {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        if *token == "{" {
            let mut all = Vec::new();
            while tokens.get(*at).is_some_and(|token| *token != "}") {
                all.extend(paths(tokens, at, &path));
                *at += usize::from(tokens.get(*at) == Some(&","));
            }
            *at += 1;
            return all;
        }
        if *token == "self" && !path.is_empty() {
            break;
        }
        path.push((*token).to_owned());
        if tokens.get(*at) != Some(&"::") {
            break;
        }
        *at += 1;
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if tokens.get(*at) == Some(&"as") {
        name = tokens[*at + 1].to_owned();
        *at += 2;
    }
    vec![(name, path)]
}

/// All paths in code; `true` for those of re-exports.
fn all_paths(code: &str) -> Vec<(bool, bool, String, Vec<String>)> {
    let tokens = tokens(code);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let is_use =
            tokens[at] == "use" && (at == 0 || [";", "}", "pub", ")", "]"].contains(&tokens[at - 1]));
        let is_name = tokens[at].starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_use {
            let is_public = at > 0 && ["pub", ")"].contains(&tokens[at - 1]);
            at += 1;
            let named = paths(&tokens, &mut at, &[]).into_iter();
            found.extend(named.map(|(name, path)| (true, is_public, name, path)));
        } else if is_name && tokens.get(at + 1) == Some(&"::") {
            let named = paths(&tokens, &mut at, &[]).into_iter();
            found.extend(named.map(|(name, path)| (false, false, name, path)));
        } else {
            at += 1;
        }
    }
    found
}

impl Crate {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        rust_files(&src, &mut files);
        let (mut code, mut imports) = (BTreeMap::new(), BTreeMap::new());
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            let relative = file.strip_prefix(&src).expect("inside").with_extension("");
            let mut module: Vec<String> =
                relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            module.pop_if(|last| *last == "mod" || *last == "lib");
            let text = std::fs::read_to_string(file).expect("readable");
            let text = text.split("#[cfg(test)]\nmod tests {").next().expect("a first part");
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let text = lines.collect::<Vec<_>>().join("\n");
            let named = all_paths(&text).into_iter().filter(|(is_use, ..)| *is_use);
            imports.insert(module.clone(), named.map(|(_, _, name, path)| (name, path)).collect());
            code.insert(module, text);
        }
        Self { code, imports }
    }

    /// What a path in a module names; `None` for what is not of this crate.
    fn resolve(&self, module: &[String], path: &[String]) -> Option<Named> {
        let (first, rest) = path.split_first()?;
        let mut place = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module[..module.len() - 1].to_vec(),
            name => return self.resolve_name(module, name, rest),
        };
        let mut rest = rest;
        while let Some((name, behind)) = rest.split_first() {
            if name != "super" {
                let named = self.resolve_name(&place, name, behind);
                return named.or(Some(Named::ItemOf(place)));
            }
            place.pop();
            rest = behind;
        }
        Some(Named::Module(place))
    }

    /// What a name in a module and the path behind it name; `None` if it is defined there, or is of another crate.
    fn resolve_name(&self, module: &[String], name: &str, rest: &[String]) -> Option<Named> {
        let child = [module, &[name.to_owned()]].concat();
        let named = if self.code.contains_key(&child) {
            Named::Module(child)
        } else {
            let path = self.imports.get(module)?.get(name)?;
            // `use proptest::x` in a module called `proptest` would go round for ever.
            if path.first().is_some_and(|first| first == name) {
                return None;
            }
            self.resolve(module, path)?
        };
        match (named, rest.split_first()) {
            (Named::Module(place), Some((name, behind))) => {
                self.resolve_name(&place, name, behind).or(Some(Named::ItemOf(place)))
            }
            (named, _) => Some(named),
        }
    }

    /// The modules below `room` that define what a module uses; re-exports are no use.
    fn uses<'a>(&'a self, module: &'a [String], room: &'a str) -> impl Iterator<Item = Vec<String>> + 'a {
        let code = all_paths(&self.code[module]).into_iter();
        code.filter(|(_, is_public, ..)| !is_public).filter_map(move |(is_use, _, _, path)| {
            match self.resolve(module, &path)? {
                Named::ItemOf(place) => Some(place),
                // The items are named where they are used.
                Named::Module(_) if is_use => None,
                Named::Module(place) => Some(place),
            }
            .filter(|place| place.first().is_some_and(|first| first == room))
        })
    }

    /// Which nodes use which, of the modules below `room`.
    fn edges(
        &self,
        room: &str,
        node: impl Fn(&[String]) -> Option<String>,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for module in self.code.keys().filter(|module| module.first().is_some_and(|first| first == room)) {
            let Some(own) = node(module) else { continue };
            let used = self.uses(module, room).filter_map(|place| node(&place));
            edges.entry(own.clone()).or_default().extend(used.filter(|used| *used != own));
        }
        edges
    }
}

/// What is left when nodes that use none of the others are taken away again and again: circles and who uses them.
fn circles(mut edges: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let before = edges.len();
        let left: BTreeSet<String> = edges.keys().cloned().collect();
        edges.retain(|_, used| used.iter().any(|used| left.contains(used)));
        if edges.len() == before {
            // Users of circles that nobody uses are in none.
            let used: BTreeSet<String> = edges.values().flatten().cloned().collect();
            edges.retain(|node, _| used.contains(node));
            if edges.len() == before {
                let left: BTreeSet<String> = edges.keys().cloned().collect();
                edges.values_mut().for_each(|used| used.retain(|used| left.contains(used)));
                return edges;
            }
        }
    }
}

#[test]
fn the_files_of_latency_form_no_circle() {
    let edges = Crate::read().edges("latency", |module| Some(module.join("/")));
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 60, "only {count} imports found: does this test still read the code?");
    assert_eq!(circles(edges), BTreeMap::new());
}

#[test]
fn the_rooms_of_run_form_no_circle() {
    let room = |module: &[String]| module.get(1).map(|room| format!("run/{room}"));
    let edges = Crate::read().edges("run", room);
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > 30, "only {count} imports found: does this test still read the code?");
    assert_eq!(circles(edges), BTreeMap::new());
}

#[test]
fn a_circle_is_found_through_re_exports_and_braces() {
    let module = |name: &str| name.split('/').map(str::to_owned).collect::<Vec<_>>();
    let files = [
        ("r", "mod a; mod b; mod c; pub use a::{A, Other as Renamed};"),
        ("r/a", "use super::c; pub struct A; fn f() { c::f(); }"),
        ("r/b", "use super::{Renamed, c::C};"),
        ("r/c", "struct C(crate::r::A);"),
    ];
    let code: BTreeMap<_, _> = files.map(|(name, code)| (module(name), code.to_owned())).into();
    let imports = code.iter().map(|(module, code)| {
        let named = all_paths(code).into_iter().filter(|(is_use, ..)| *is_use);
        (module.clone(), named.map(|(_, _, name, path)| (name, path)).collect())
    });
    let known = Crate { imports: imports.collect(), code: code.clone() };
    let edges = known.edges("r", |module| Some(module.join("/")));
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(edges["r/b"], of(&["r/a", "r/c"]));
    assert_eq!(circles(edges).into_keys().collect::<BTreeSet<_>>(), of(&["r/a", "r/c"]));
}
