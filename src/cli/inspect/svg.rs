//! The drawing of a network in a file: `--svg`.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Report, miette};

use super::network::{LayerReport, NetworkReport, millions};
use super::target::BoundReport;
use crate::latency::{RowSource, at_most};
use crate::report::{
    DrawnLatency, DrawnLayer, FigureFormat, NetworkDrawing, Operation, ReportError, write_figure_as,
};
use crate::spec::{BlockSpec, Slot};
use crate::terminal::say;

/// The file of that name; its extension says how the figure is stored.
pub(super) fn figure_file(text: &str) -> Result<(PathBuf, FigureFormat), String> {
    let path = PathBuf::from(text);
    match FigureFormat::of(&path) {
        Some(format) => Ok((path, format)),
        None => Err("a drawing is an .svg or a .png file, such as network.svg".to_owned()),
    }
}

/// Draws the network into the file and says so.
pub(super) fn write(report: &NetworkReport, path: &Path, format: FigureFormat) -> Result<(), Report> {
    draw(report, path, format)?;
    say(format_args!("drawing: {}", path.display()));
    Ok(())
}

fn draw(report: &NetworkReport, path: &Path, format: FigureFormat) -> Result<(), Report> {
    // A folder that is missing is a slip more often than a wish.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(miette!(
            help = "make the folder first, or name a file in one that exists",
            "cannot write {}: there is no folder {}",
            path.display(),
            folder.display()
        ));
    }
    let scene = drawing(report).scene().into_diagnostic()?;
    write_figure_as(&scene, format, path).map_err(|error| match error {
        ReportError::Write(error) => {
            miette!(help = "name a file in a folder that can be written to", "{error}")
        }
        other => miette!("{other}"),
    })
}

fn drawing(report: &NetworkReport) -> NetworkDrawing {
    NetworkDrawing {
        title: report.name.clone(),
        subtitle: subtitle(report),
        layers: report.layers.iter().map(layer).collect(),
    }
}

fn subtitle(report: &NetworkReport) -> String {
    let channels = report.layers.first().expect("every network has a stem").input[2];
    let mut text = format!(
        "{r}\u{d7}{r}\u{d7}{channels} image, {} classes; {} parameters, {} multiply-adds",
        report.classes,
        millions(report.params),
        millions(report.madds),
        r = report.resolution,
    );
    if let (Some(ms), Some(device)) = (report.latency_ms, &report.device) {
        text += &format!("\n{ms:.2} ms");
        let stddev = report.latency_stddev_ms.unwrap_or(0.0);
        if stddev > 0.0 {
            text += &format!(" (standard deviation {stddev:.2})");
        }
        text += &format!(" on {device}");
        let base = report.latency_base_ms.unwrap_or(0.0);
        if base != 0.0 {
            text += &format!(", of which base {base:.2} ms");
        }
        if let Some(BoundReport { confidence, upper_ms, .. }) = &report.latency_bound {
            text += &format!("; measured {}", at_most(*upper_ms, *confidence));
        }
    }
    text
}

fn layer(layer: &LayerReport) -> DrawnLayer {
    let [height, width, output] = layer.output;
    DrawnLayer {
        name: layer.name.clone(),
        operation: operation(&layer.block),
        expanded: layer.block.width(Slot::Hidden),
        output,
        squeeze_excite: layer.block.width(Slot::Squeeze).is_some(),
        nonlinearity: layer.block.activation(),
        map: [height, width],
        madds: layer.madds,
        latency: latency(layer),
    }
}

fn operation(block: &BlockSpec) -> Operation {
    match block {
        BlockSpec::Conv(b) => Operation::Convolution { kernel: b.kernel },
        BlockSpec::DepthwiseSeparable(b) => Operation::Convolution { kernel: b.kernel },
        BlockSpec::InvertedResidual(b) => Operation::Convolution { kernel: b.kernel },
        BlockSpec::Pool => Operation::Pooling,
        BlockSpec::Linear(_) => Operation::Linear,
    }
}

fn latency(layer: &LayerReport) -> Option<DrawnLatency> {
    Some(DrawnLatency {
        ms: layer.latency_ms?,
        // Rows that state no spread count as exact.
        stddev_ms: layer.latency_stddev_ms.filter(|stddev| *stddev > 0.0),
        basis: basis(&layer.latency_source),
    })
}

fn basis(sources: &[RowSource]) -> RowSource {
    let has = |source| sources.contains(&source);
    if has(RowSource::Extrapolated) {
        RowSource::Extrapolated
    } else if has(RowSource::Interpolated) {
        RowSource::Interpolated
    } else if sources.iter().all(|source| *source == RowSource::Folded) {
        RowSource::Folded
    } else {
        RowSource::Exact
    }
}

#[cfg(test)]
mod tests;
