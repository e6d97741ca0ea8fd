//! What a validation found, for people, for programs, and as files.

use std::path::Path;

use miette::Report;
use serde::Serialize;

use super::out::Out;
use crate::latency::{Comparison, Figures};
use crate::text_file::json_text;

/// The figures of one table.
#[derive(Debug, Serialize)]
pub(super) struct ValidationReport {
    pub(super) table: String,
    pub(super) device: String,
    pub(super) space: String,
    /// Of the bare sums.
    pub(super) raw: Figures,
    /// Of the corrected sums.
    pub(super) figures: Figures,
    pub(super) calibration: String,
    /// Standard error of the measured latencies in percent, median over networks.
    pub(super) noise_percent: f64,
    #[serde(skip)]
    pub(super) networks: Validated,
}

/// All networks, predicted with the corrections.
#[derive(Debug)]
pub(super) struct Validated {
    pub(super) fitted: Vec<Comparison>,
    pub(super) held_out: Vec<Comparison>,
}

impl ValidationReport {
    pub(super) fn text(&self) -> String {
        format!(
            "{} on {} networks of {} that no fit has seen, measured with a standard error of {:.1} %\n\
             \x20                     bias      RMSE      |error|   within 5 %  within 10 %  Kendall tau\n\
             sums of rows       {}\n\
             corrected sums     {}\n",
            self.table,
            self.figures.networks,
            self.space,
            self.noise_percent,
            line(&self.raw),
            line(&self.figures)
        )
    }

    /// Writes `validation.json`, `networks.csv` and, where figures are drawn, `validation.svg` and `.png`.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Report> {
        let files = [("validation.json", json_text(self)), ("networks.csv", self.csv())];
        for (name, text) in files {
            Out::new(&folder.join(name), true)?.write(&text)?;
        }
        self.draw(folder)
    }

    #[cfg(feature = "train")]
    fn draw(&self, folder: &Path) -> Result<(), Report> {
        let plot = crate::report::ScatterPlot {
            title: format!("Latency of whole networks, predicted from {}", file_name(&self.table)),
            subtitle: format!("{}, networks of {}", self.device, self.space),
            networks: self.networks.held_out.clone(),
            fitted: self.networks.fitted.clone(),
        };
        miette::IntoDiagnostic::into_diagnostic(plot.write(&folder.join("validation")))?;
        Ok(())
    }

    /// Figures are left out of the program for phones and boards.
    #[cfg(not(feature = "train"))]
    fn draw(&self, _folder: &Path) -> Result<(), Report> {
        Ok(())
    }

    fn csv(&self) -> String {
        let mut text = "part,predicted_ms,measured_ms\n".to_owned();
        for (part, networks) in [("fitted", &self.networks.fitted), ("held_out", &self.networks.held_out)] {
            for Comparison { predicted_ms, measured_ms } in networks {
                text += &format!("{part},{predicted_ms:.6},{measured_ms:.6}\n");
            }
        }
        text
    }
}

#[cfg(feature = "train")]
fn file_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn line(figures: &Figures) -> String {
    format!(
        "{:+6.1} %  {:6.1} %  {:6.1} %  {:8.0} %  {:9.0} %  {:>10}",
        figures.bias_percent,
        figures.rmse_percent,
        figures.mean_absolute_percent,
        100.0 * figures.within_5_percent,
        100.0 * figures.within_10_percent,
        figures.kendall_tau.map_or("-".to_owned(), |tau| format!("{tau:.3}"))
    )
}
