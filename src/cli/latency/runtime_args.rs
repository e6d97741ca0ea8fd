//! Which runtime measures, and where.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use miette::{Diagnostic, Report};
#[cfg(feature = "train")]
use miette::{IntoDiagnostic, WrapErr};

use crate::measure::host;
use crate::run::measurement::Machine;
#[cfg(feature = "train")]
use crate::runtime::Candle;
use crate::runtime::Runtime;
#[cfg(feature = "tract")]
use crate::runtime::Tract;
#[cfg(feature = "ort")]
use crate::runtime::{OnnxRuntime, RuntimeError};

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

impl RuntimeName {
    /// The name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tract => "tract",
            Self::Ort => "ort",
            Self::Candle => "candle",
        }
    }
}

impl FromStr for RuntimeName {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "tract" => Ok(Self::Tract),
            "ort" => Ok(Self::Ort),
            "candle" => Ok(Self::Candle),
            _ => Err("the runtimes are tract, ort and candle"),
        }
    }
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum NoRuntime {
    #[error("this program was built without {runtime}")]
    #[diagnostic(help("build it with `--features {feature}`, or choose another --runtime"))]
    #[cfg_attr(
        all(feature = "tract", feature = "ort", feature = "train"),
        expect(dead_code, reason = "all are there")
    )]
    NotBuilt { runtime: &'static str, feature: &'static str },
    #[error("no library of ONNX Runtime is given")]
    #[diagnostic(help(
        "give its file with --ort-library or ORT_DYLIB_PATH; the Python package onnxruntime holds it as \
         onnxruntime/capi/libonnxruntime.so.*, Debian's is in the package libonnxruntime-dev"
    ))]
    #[cfg_attr(not(feature = "ort"), expect(dead_code, reason = "nothing to give it to"))]
    NoLibrary,
    #[error("tract computes with one thread here, not with {0}")]
    #[diagnostic(help("leave --threads out, or use --runtime ort"))]
    #[cfg_attr(not(feature = "tract"), expect(dead_code, reason = "there is no tract"))]
    OneThread(u16),
    #[error("cannot stay on core {cpu}: {source}")]
    #[diagnostic(help("choose one of the cores that `nproc` counts, from 0, or leave --cpu out"))]
    Pin { cpu: usize, source: std::io::Error },
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

    fn pin(&self) -> Result<(), NoRuntime> {
        match self.core() {
            Some(cpu) => host::pin(cpu).map_err(|source| NoRuntime::Pin { cpu, source }),
            None => Ok(()),
        }
    }

    #[cfg(feature = "tract")]
    fn tract(&self) -> Result<Box<dyn Runtime>, Report> {
        if self.threads > 1 {
            return Err(NoRuntime::OneThread(self.threads).into());
        }
        Ok(Box::new(Tract))
    }

    #[cfg(not(feature = "tract"))]
    fn tract(&self) -> Result<Box<dyn Runtime>, Report> {
        Err(NoRuntime::NotBuilt { runtime: "tract", feature: "tract" }.into())
    }

    #[cfg(feature = "train")]
    fn candle(&self) -> Result<Box<dyn Runtime>, Report> {
        let runtime = Candle::new(usize::from(self.threads)).into_diagnostic();
        Ok(Box::new(runtime.wrap_err("no threads to compute with")?))
    }

    #[cfg(not(feature = "train"))]
    fn candle(&self) -> Result<Box<dyn Runtime>, Report> {
        Err(NoRuntime::NotBuilt { runtime: "candle", feature: "train" }.into())
    }

    #[cfg(feature = "ort")]
    fn onnx_runtime(&self) -> Result<Box<dyn Runtime>, Report> {
        let library = OnnxRuntime::library(self.ort_library.as_deref()).ok_or(NoRuntime::NoLibrary)?;
        let runtime = OnnxRuntime::load(&library).map_err(|error: RuntimeError| Report::new(error))?;
        Ok(Box::new(runtime.with_threads(usize::from(self.threads))))
    }

    #[cfg(not(feature = "ort"))]
    fn onnx_runtime(&self) -> Result<Box<dyn Runtime>, Report> {
        Err(NoRuntime::NotBuilt { runtime: "ort", feature: "ort" }.into())
    }
}
