//! The committed JSON Schemas are those of the file formats.
//!
//! `MBN_UPDATE=1 cargo test --release --test schemas` rewrites them.

use std::path::Path;

use mbn::space::SpaceFile;
use mbn::spec::NetworkFile;
use mbn::train::RecipeFile;
use schemars::{Schema, schema_for};

fn check(name: &str, schema: &Schema) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
    let text = serde_json::to_string_pretty(schema).expect("a schema is JSON") + "\n";
    if std::env::var_os("MBN_UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("schemas/")).expect("disk");
        std::fs::write(&path, &text).expect("disk");
    }
    let committed = std::fs::read_to_string(&path).expect("committed");
    assert!(committed == text, "{name} is out of date: MBN_UPDATE=1 cargo test --release --test schemas");
}

#[test]
fn schemas_are_up_to_date() {
    check("network.schema.json", &schema_for!(NetworkFile));
    check("recipe.schema.json", &schema_for!(RecipeFile));
    check("search_space.schema.json", &schema_for!(SpaceFile));
}
