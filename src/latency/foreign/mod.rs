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
mod source;
mod table;
mod tflite_profile;
mod tunas;

use std::fmt;
use std::str::FromStr;

use crate::diagnostic::FileError;
use crate::graph::LayerGraph;
use source::Source;
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

impl ForeignFormat {
    /// Every format.
    pub const ALL: [Self; 5] =
        [Self::ProxylessNas, Self::Ofa, Self::Tunas, Self::NnMeter, Self::TfliteProfile];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProxylessNas => "proxylessnas",
            Self::Ofa => "ofa",
            Self::Tunas => "tunas",
            Self::NnMeter => "nn-meter",
            Self::TfliteProfile => "tflite-profile",
        }
    }
}

impl fmt::Display for ForeignFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ForeignFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|format| format.name()).collect();
            format!("a format is one of {}", names.join(", "))
        })
    }
}

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
