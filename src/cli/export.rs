//! `mbn-export`: a trained network as files for other programs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, ValueEnum};
use miette::{IntoDiagnostic, Report, miette};

use super::exit::finish;
use super::output::{print, print_finished};
use super::{Exit, NetworkArgs, OutputArgs, WeightsArgs};
use crate::export::{Batch, Opset};
use crate::pytorch::Package;
use crate::run::export::{
    ExportReport, Int8Report, OnnxExport, Runtimes, Source, TOLERANCE, calibrating_images, images_for,
    images_of_trained, write_own, write_pytorch,
};
use crate::run::{Images, RunKind};
use crate::runtime::OnnxRuntime;
use crate::terminal::say;
use crate::text_file::json_text;
use crate::whole_file::write_whole_file;

/// Write a trained network for ONNX Runtime, tract, PyTorch, torchvision or timm. The
/// file is read back and run on real images, and kept only if its logits are those of
/// the network.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-export",
    args_override_self = true,
    version,
    after_help = "Examples:
  mbn-export results/RUN --format onnx --fold-bn
  mbn-export results/RUN --format onnx --int8 --ort-library libonnxruntime.so.1.23.0
  mbn-export results/RUN/networks/1a2b3c4d5e6f7a8b --format torchvision
  mbn-export mobilenet_v2 --classes 10 --weights w.safetensors --format timm --out out
Exit codes: 0 done, 1 error, 2 usage."
)]
pub struct ExportArgs {
    /// The folder of a finished run of mbn-search, mbn-train or mbn-netadapt, or a
    /// network (a file, or the name of a reference network) with --weights
    #[arg(value_name = "RUN_OR_NETWORK")]
    given: String,
    /// What to write
    #[arg(long, value_enum)]
    format: Format,
    #[command(flatten)]
    start: WeightsArgs,
    #[command(flatten)]
    change: NetworkArgs,
    /// ONNX: edition of the operators, 17 to 21 [default: 17]
    #[arg(long, value_name = "N")]
    opset: Option<Opset>,
    /// ONNX: batch norm inside the convolutions
    #[arg(long)]
    fold_bn: bool,
    /// ONNX: images in a call [default: any number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    static_batch: Option<u32>,
    /// ONNX: 8-bit weights and values; tells both accuracies
    #[arg(long)]
    int8: bool,
    /// Images that the ranges of 8-bit values are taken from
    /// [default: those it was trained with]
    #[arg(long, value_name = "DIR", requires = "int8")]
    calibrate: Option<PathBuf>,
    /// Images that the file is tested with
    /// [default: those of the run, or the embedded ones]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Images that the proof is made on
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    images: u32,
    /// The library of ONNX Runtime, to run the file there as well
    /// [default: ORT_DYLIB_PATH, or not at all]
    #[arg(long, value_name = "FILE")]
    ort_library: Option<PathBuf>,
    /// The folder to write to [default: export/ in the run's, or results/export]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An ONNX model
    Onnx,
    /// Weights and network for this program
    Safetensors,
    /// PyTorch weights under torchvision's names, or a module that rebuilds the network
    Torchvision,
    /// PyTorch weights under timm's names, or a module that rebuilds the network
    Timm,
}

/// Runs the command.
pub fn run(args: &ExportArgs) -> Exit {
    let for_onnx = args.opset.is_some() || args.fold_bn || args.static_batch.is_some() || args.int8;
    if for_onnx && args.format != Format::Onnx {
        let message = "--opset, --fold-bn, --static-batch and --int8 belong to --format onnx";
        let _ = ExportArgs::command().error(clap::error::ErrorKind::ArgumentConflict, message).print();
        return Exit::Usage;
    }
    finish(export(args))
}

fn export(args: &ExportArgs) -> Result<Exit, Report> {
    let source = source(args)?;
    let images = match &source.card {
        Some(card) => {
            let images = images_of_trained(card, &source.spec, args.data.as_deref()).into_diagnostic()?;
            let remedy = "give images like those that it was trained with, with --data";
            images.check_fit(&source.spec, Some(remedy))?;
            images
        }
        None => images_for(&source.spec, args.data.as_deref()).into_diagnostic()?,
    };
    let folder = args.out.clone().unwrap_or_else(|| match &source.folder {
        Some(folder) => folder.join("export"),
        None => PathBuf::from("results/export"),
    });
    let path = |ending: &str| folder.join(format!("{}{ending}", source.file_stem()));
    let proof_images = args.images as usize;
    let pytorch = |package| write_pytorch(&source, package, &images, proof_images, &folder);
    let (report, ending) = match args.format {
        Format::Onnx if args.int8 => (onnx(args, &source, &images, &path("_int8.onnx"))?, "_int8.onnx"),
        Format::Onnx => (onnx(args, &source, &images, &path(".onnx"))?, ".onnx"),
        Format::Safetensors => {
            (write_own(&source, &images, proof_images, &path(".safetensors"))?, ".safetensors")
        }
        Format::Torchvision => (pytorch(Package::Torchvision)?, "_torchvision"),
        Format::Timm => (pytorch(Package::Timm)?, "_timm"),
    };
    let text = json_text(&report);
    let report_file = path(&format!("{ending}.json"));
    write_whole_file(&report_file, text.as_bytes())?;
    if args.output.json {
        print_finished(&report_file, RunKind::Export, &report);
    } else {
        print(report_text(&report, &report_file));
    }
    Ok(Exit::Done)
}

/// A folder is a run; anything else names a network, whose weights must be given.
fn source(args: &ExportArgs) -> Result<Source, Report> {
    let given = Path::new(&args.given);
    if given.is_dir() {
        if args.start.are_given() || args.change.changes_anything() {
            return Err(miette!(
                help = "name the network file instead of the folder",
                "{} is the folder of a run: its network and weights are as they are",
                given.display()
            ));
        }
        return Ok(Source::of_run(given)?);
    }
    let spec = args.change.load(&args.given)?;
    match args.start.load(&spec, 0)? {
        Some(start) if start.imported.has_new_classifier => Err(miette!(
            help = "give the number of its classes with --classes",
            "the classifier of {} has other outputs than {}, and can't be drawn anew for a file that is to be used",
            start.file,
            spec.classes
        )),
        Some(start) => Ok(Source::of_weights(start.imported)),
        None => Err(miette!(
            help = "add --weights FILE, or give the folder of a finished run",
            "{} is a network without weights",
            spec.name
        )),
    }
}

fn onnx(args: &ExportArgs, source: &Source, images: &Images, path: &Path) -> Result<ExportReport, Report> {
    let library = OnnxRuntime::library(args.ort_library.as_deref());
    let onnx_runtime = library.map(|library| OnnxRuntime::load(&library)).transpose()?;
    let runtimes = Runtimes { onnx_runtime };
    let export = OnnxExport {
        opset: args.opset.unwrap_or_default(),
        fold: args.fold_bn,
        batch: args.static_batch.map_or(Batch::Any, Batch::Fixed),
        proof_images: args.images as usize,
        runtimes: &runtimes,
        stage: &|stage| {
            if !args.output.quiet && !args.output.json {
                say(stage);
            }
        },
    };
    if !args.int8 {
        return Ok(export.write(source, images, path)?);
    }
    let classes = images.class_names().len();
    if classes != source.spec.classes as usize {
        return Err(miette!(
            help = "give images of its classes with --data",
            "the accuracy of {} can't be measured: the images are of {} classes, it has {}",
            source.spec.name,
            classes,
            source.spec.classes
        ));
    }
    let calibrating = match &args.calibrate {
        Some(folder) => calibrating_images(folder, &source.spec, images.normalisation()).into_diagnostic()?,
        None => images.clone(),
    };
    Ok(export.write_int8(source, images, &calibrating, path)?)
}

fn report_text(report: &ExportReport, report_file: &Path) -> String {
    let mut text = String::new();
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for proof in &report.proofs {
        let (by, proof) = (&proof.by, &proof.proof);
        let _ = writeln!(
            text,
            "proven by {by}: {} of {} images get the same class; logits differ by up to {:.1e} of the largest one \
             (tolerance {TOLERANCE:.0e})",
            proof.same_class,
            proof.images,
            proof.relative_difference()
        );
    }
    text.extend(report.int8.as_ref().map(int8_text));
    for file in &report.files {
        let _ =
            writeln!(text, "{}  {:.2} MB, {}", file.path.display(), file.bytes as f64 / 1e6, file.content);
    }
    let _ = writeln!(text, "{}  this report", report_file.display());
    text
}

fn int8_text(report: &Int8Report) -> String {
    let (fp32, int8) = (&report.fp32, &report.int8);
    let points = 100.0 * (int8.accuracy - fp32.accuracy);
    let percent = |accuracy: f64| 100.0 * accuracy;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "ranges from {} calibration images; {} of {} values around depthwise convolutions equalised\n\
         in {} on {} test images:\n  \
           fp32 {:.2} %  {:.2} MB\n  \
           int8 {:.2} %  {:.2} MB  ({points:+.2} points; {} images get the same class)\n",
        report.calibration_images,
        report.equalised.equalised,
        report.equalised.values,
        report.by,
        report.images,
        percent(fp32.accuracy),
        megabytes(fp32.bytes),
        percent(int8.accuracy),
        megabytes(int8.bytes),
        report.same_class,
    )
}
