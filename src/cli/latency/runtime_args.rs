//! Which runtime measures, and where.

use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "train")]
use miette::{IntoDiagnostic, WrapErr};
use miette::{Report, miette};

use crate::measure::host;
use crate::run::measurement::Machine;
#[cfg(feature = "train")]
use crate::runtime::Candle;
use crate::runtime::Runtime;
#[cfg(feature = "tract")]
use crate::runtime::Tract;
#[cfg(feature = "ort")]
use crate::runtime::{OnnxRuntime, RuntimeError};
use crate::word_list::word_list;

/// Options of commands that run networks in a runtime.
#[derive(Debug, Clone, Args)]
pub(super) struct RuntimeArgs {
    /// The inference runtime: tract or candle (part of this program), or ort (ONNX Runtime)
    #[arg(long, default_value = "tract")]
    pub(super) runtime: RuntimeName,
    /// The shared library of ONNX Runtime, 1.17 or newer [default: ORT_DYLIB_PATH]
    #[arg(long, value_name = "FILE")]
    pub(super) ort_library: Option<PathBuf>,
    /// Threads that the runtime computes with
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(super) threads: u16,
    /// Stay on this core; with one thread the last that it may use is the default, which systems use least
    #[arg(long, value_name = "N")]
    pub(super) cpu: Option<usize>,
}

/// A runtime by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuntimeName {
    Tract,
    Ort,
    Candle,
}

word_list!(RuntimeName, "runtime", [Tract = "tract", Ort = "ort", Candle = "candle"]);

/// The error where this program has no such runtime.
#[cfg(not(all(feature = "tract", feature = "ort", feature = "train")))]
fn not_built(runtime: &str, feature: &str) -> Report {
    miette!(
        help = format!("build it with `--features {feature}`, or choose another --runtime"),
        "this program was built without {runtime}"
    )
}

impl RuntimeArgs {
    /// Loads the runtime and moves this program to its core.
    pub(super) fn start(&self) -> Result<Box<dyn Runtime>, Report> {
        self.pin()?;
        match self.runtime {
            RuntimeName::Tract => self.tract(),
            RuntimeName::Ort => self.onnx_runtime(),
            RuntimeName::Candle => self.candle(),
        }
    }

    /// What measures: the runtime that was started.
    pub(super) fn machine<'a>(&self, runtime: &'a dyn Runtime) -> Machine<'a> {
        Machine { runtime, threads: self.threads, core: self.core() }
    }

    /// The core that this program stays on, if it stays on one.
    fn core(&self) -> Option<usize> {
        self.cpu.or_else(|| (self.threads == 1).then(host::last_core))
    }

    fn pin(&self) -> Result<(), Report> {
        let help = "choose one of the cores that `nproc` counts, from 0, or leave --cpu out";
        match self.core() {
            Some(cpu) => {
                host::pin(cpu).map_err(|source| miette!(help = help, "cannot stay on core {cpu}: {source}"))
            }
            None => Ok(()),
        }
    }

    #[cfg(feature = "tract")]
    fn tract(&self) -> Result<Box<dyn Runtime>, Report> {
        if self.threads > 1 {
            return Err(miette!(
                help = "leave --threads out, or use --runtime ort",
                "tract computes with one thread here, not with {}",
                self.threads
            ));
        }
        Ok(Box::new(Tract))
    }

    #[cfg(not(feature = "tract"))]
    fn tract(&self) -> Result<Box<dyn Runtime>, Report> {
        Err(not_built("tract", "tract"))
    }

    #[cfg(feature = "train")]
    fn candle(&self) -> Result<Box<dyn Runtime>, Report> {
        let runtime = Candle::new(usize::from(self.threads)).into_diagnostic();
        Ok(Box::new(runtime.wrap_err("no threads to compute with")?))
    }

    #[cfg(not(feature = "train"))]
    fn candle(&self) -> Result<Box<dyn Runtime>, Report> {
        Err(not_built("candle", "train"))
    }

    #[cfg(feature = "ort")]
    fn onnx_runtime(&self) -> Result<Box<dyn Runtime>, Report> {
        let no_library = || {
            miette!(
                help = "give its file with --ort-library or ORT_DYLIB_PATH; the Python package onnxruntime holds it as \
                        onnxruntime/capi/libonnxruntime.so.*, Debian's is in the package libonnxruntime-dev",
                "no library of ONNX Runtime is given"
            )
        };
        let library = OnnxRuntime::library(self.ort_library.as_deref()).ok_or_else(no_library)?;
        let runtime = OnnxRuntime::load(&library).map_err(|error: RuntimeError| Report::new(error))?;
        Ok(Box::new(runtime.with_threads(usize::from(self.threads))))
    }

    #[cfg(not(feature = "ort"))]
    fn onnx_runtime(&self) -> Result<Box<dyn Runtime>, Report> {
        Err(not_built("ort", "ort"))
    }
}
