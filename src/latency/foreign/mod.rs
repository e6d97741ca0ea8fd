//! Latency tables of other projects, read into rows of ours.
//!
//! | format | what it is |
//! |---|---|
//! | `proxylessnas` | YAML of ProxylessNAS's mobile latency estimator, one entry for each block |
//! | `ofa` | YAML look-up tables of once-for-all, one file for each resolution, with squeeze-excite and h-swish |
//! | `tunas` | TuNAS's cost model as a CSV of blocks |
//! | `nn-meter` | JSON of kernels that nn-Meter's builder profiled with `DETAIL: TRUE` |
//! | `tflite-profile` | operator profile of TensorFlow Lite's `benchmark_model` |
//!
//! A line that does not fit is an error: what is not understood would be a latency of something else.

mod flat_yaml;
mod layer_key;
mod lookup_table;
mod nn_meter;
mod pool;
mod table;
mod tflite_profile;
mod tunas;

use crate::diagnostic::{FileError, Source};
use crate::graph::LayerGraph;
use crate::word_list::word_list;
pub use table::ForeignTable;

/// Whose table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignFormat {
    /// `mobile_trim.yaml` of ProxylessNAS.
    ProxylessNas,
    /// `*_lookup_table.yaml` of once-for-all.
    Ofa,
    /// Blocks of TuNAS's cost model.
    Tunas,
    /// Profiled kernels of nn-Meter.
    NnMeter,
    /// Operator profile of TensorFlow Lite.
    TfliteProfile,
}

word_list!(
    ForeignFormat,
    "format",
    [
        ProxylessNas = "proxylessnas",
        Ofa = "ofa",
        Tunas = "tunas",
        NnMeter = "nn-meter",
        TfliteProfile = "tflite-profile",
    ]
);

/// Reads the files of one table; `network` is the one that an operator profile is of.
///
/// # Errors
/// The first line that does not fit the format, or the network.
pub fn read(
    format: ForeignFormat,
    files: &[(String, String)],
    network: Option<&LayerGraph>,
) -> Result<ForeignTable, FileError> {
    let mut whole = ForeignTable::default();
    for (file, text) in files {
        let source = Source { file, text };
        let part = match format {
            ForeignFormat::ProxylessNas => lookup_table::read(source, lookup_table::PROXYLESS_NAS),
            ForeignFormat::Ofa => lookup_table::read(source, lookup_table::ONCE_FOR_ALL),
            ForeignFormat::Tunas => tunas::read(source),
            ForeignFormat::NnMeter => nn_meter::read(source),
            ForeignFormat::TfliteProfile => tflite_profile::read(source, network),
        }?;
        whole = whole.joined(part);
    }
    whole.resolutions.sort_unstable();
    whole.resolutions.dedup();
    whole.rows = pool::pooled(&whole.rows);
    Ok(whole)
}

#[cfg(test)]
mod tests;
