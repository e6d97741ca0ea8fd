//! The latency tables that ship with the program.

use super::LatencyTable;
use crate::text_file::{ReadError, Shipped, read_text};

/// The files of `latency_tables/`.
pub const LATENCY_TABLES: &Shipped = &[
    ("pixel-latency.csv", include_str!("../../latency_tables/pixel-latency.csv")),
    ("pixel1-proxylessnas.csv", include_str!("../../latency_tables/pixel1-proxylessnas.csv")),
    ("note10.csv", include_str!("../../latency_tables/note10.csv")),
    ("x86-64-tract-224.csv", include_str!("../../latency_tables/x86-64-tract-224.csv")),
    ("x86-64-ort-224.csv", include_str!("../../latency_tables/x86-64-ort-224.csv")),
    ("x86-64-tract-small-images.csv", include_str!("../../latency_tables/x86-64-tract-small-images.csv")),
    ("x86-64-ort-small-images.csv", include_str!("../../latency_tables/x86-64-ort-small-images.csv")),
];

/// The table in a file, or a shipped table by name.
///
/// # Errors
/// If there is no such file or name, or the file is wrong.
pub fn load(name: &str) -> Result<LatencyTable, ReadError> {
    let (file, text) = read_text(name, "latency table", LATENCY_TABLES)?;
    Ok(LatencyTable::parse(&file, &text)?)
}

/// As [`load`], with the rows as they were measured: see [`LatencyTable::parse_measured`].
///
/// # Errors
/// As [`load`].
pub fn load_measured(name: &str) -> Result<LatencyTable, ReadError> {
    let (file, text) = read_text(name, "latency table", LATENCY_TABLES)?;
    Ok(LatencyTable::parse_measured(&file, &text)?)
}
