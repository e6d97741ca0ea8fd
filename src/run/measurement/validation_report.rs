//! What a validation found, for people, for programs, and as files.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{MeasurementError, write};
use crate::latency::{Comparison, Figures};
#[cfg(feature = "train")]
use crate::text_file::file_name;
use crate::text_file::json_text;

/// The figures of all tables that were validated on the same networks.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Validation {
    /// One for each table.
    pub reports: Vec<ValidationReport>,
}

impl Validation {
    /// All figures, and which of several tables predicts better.
    pub fn text(&self) -> String {
        let text: String = self.reports.iter().map(ValidationReport::text).collect();
        let error = |report: &ValidationReport| report.figures.rmse_percent;
        match self.reports.iter().min_by(|a, b| error(a).total_cmp(&error(b))) {
            Some(best) if self.reports.len() > 1 => text + &format!("{} predicts better\n", best.table),
            _ => text,
        }
    }
}

/// The figures of one table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ValidationReport {
    /// The table's file.
    pub table: String,
    /// Its device.
    pub device: String,
    /// The search space that the networks are of.
    pub space: String,
    /// Of the bare sums.
    pub raw: Figures,
    /// Of the corrected sums.
    pub figures: Figures,
    /// The corrections.
    pub calibration: String,
    /// Standard error of the measured latencies in percent, median over networks.
    pub noise_percent: f64,
    /// The networks that the corrections were fitted to, predicted with them.
    #[serde(skip)]
    pub fitted: Vec<Comparison>,
    /// The others.
    #[serde(skip)]
    pub held_out: Vec<Comparison>,
}

impl ValidationReport {
    fn text(&self) -> String {
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
    pub(super) fn write(&self, folder: &Path) -> Result<(), MeasurementError> {
        let files = [("validation.json", json_text(self)), ("networks.csv", self.csv())];
        for (name, text) in files {
            write(&folder.join(name), &text)?;
        }
        self.draw(folder)
    }

    #[cfg(feature = "train")]
    fn draw(&self, folder: &Path) -> Result<(), MeasurementError> {
        let plot = crate::report::ScatterPlot {
            title: format!("Latency of whole networks, predicted from {}", file_name(&self.table)),
            subtitle: format!("{}, networks of {}", self.device, self.space),
            networks: self.held_out.clone(),
            fitted: self.fitted.clone(),
        };
        plot.write(&folder.join("validation"))?;
        Ok(())
    }

    /// Figures are left out of the program for phones and boards.
    #[cfg(not(feature = "train"))]
    fn draw(&self, _folder: &Path) -> Result<(), MeasurementError> {
        Ok(())
    }

    fn csv(&self) -> String {
        let mut text = "part,predicted_ms,measured_ms\n".to_owned();
        for (part, networks) in [("fitted", &self.fitted), ("held_out", &self.held_out)] {
            for Comparison { predicted_ms, measured_ms } in networks {
                text += &format!("{part},{predicted_ms:.6},{measured_ms:.6}\n");
            }
        }
        text
    }
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
