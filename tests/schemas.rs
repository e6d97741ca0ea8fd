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

/// The schema of a line of `--json`: one of those of the kinds of runs.
#[cfg(feature = "export")]
fn events() -> Schema {
    use mbn::latency::audit::Audit;
    use mbn::run::export::ExportReport;
    use mbn::run::measurement::{MeasurementReport, TransferReport, Validation};
    use mbn::run::netadapt::NetadaptEvent;
    use mbn::run::search::SearchEvent;
    use mbn::run::training::TrainingEvent;
    use mbn::run::{Event, RunKind, TaskEvent};
    use schemars::generate::{SchemaGenerator, SchemaSettings};
    use schemars::{JsonSchema, json_schema};

    fn line<P: JsonSchema>(generator: &mut SchemaGenerator, kind: RunKind) -> Schema {
        let event = generator.subschema_for::<Event<P>>();
        json_schema!({ "allOf": [event, { "properties": { "kind": { "const": kind.name() } } }] })
    }

    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let kinds = [
        line::<SearchEvent>(&mut generator, RunKind::Search),
        line::<TrainingEvent>(&mut generator, RunKind::Training),
        line::<NetadaptEvent>(&mut generator, RunKind::Netadapt),
        line::<TaskEvent<ExportReport>>(&mut generator, RunKind::Export),
        line::<TaskEvent<MeasurementReport>>(&mut generator, RunKind::Measurement),
        line::<TaskEvent<Validation>>(&mut generator, RunKind::Validation),
        line::<TaskEvent<TransferReport>>(&mut generator, RunKind::Transfer),
        line::<TaskEvent<Audit>>(&mut generator, RunKind::Check),
    ];
    let definitions = generator.take_definitions(true);
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Event",
        "description": "A line that a command prints with --json.",
        "oneOf": kinds,
        "$defs": definitions,
    })
}

#[test]
fn schemas_are_up_to_date() {
    #[cfg(feature = "export")]
    check("events.schema.json", &events());

    check("network.schema.json", &schema_for!(NetworkFile));
    check("recipe.schema.json", &schema_for!(RecipeFile));
    check("search_space.schema.json", &schema_for!(SpaceFile));
}
