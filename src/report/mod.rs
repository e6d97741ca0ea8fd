//! What people read after a run: figures (SVG and PNG), text tables and CSV files.
//!
//! A figure is drawn in two steps. A plot turns its data into a [`Scene`] of positioned marks; `figure` paints a scene
//! through plotters' SVG and bitmap backends. Layout is therefore decided once, for both files, and can be tested
//! without pixels. The same data gives the same bytes on every machine: the font is embedded, nothing is hashed or timed.

mod adaptation_plot;
mod axis;
mod confusion_matrix;
mod confusion_plot;
mod csv_file;
mod error;
mod figure;
mod font;
mod label;
mod learning_curves;
mod legend;
mod marker;
mod network_drawing;
mod number;
mod palette;
mod panel;
mod pareto_plot;
mod progress_plot;
mod reference_lane;
mod scatter_plot;
mod scene;
mod table;
mod widths_plot;

pub use adaptation_plot::{AdaptationPlot, AdaptedNetwork, CostPoint};
pub use confusion_matrix::{ClassRow, ConfusedPair, ConfusionMatrix};
pub use confusion_plot::ConfusionPlot;
pub use csv_file::write_csv;
pub use error::ReportError;
pub use figure::{FigureFiles, FigureFormat, write_figure, write_figure_as};
pub use learning_curves::{CurveEpoch, LearningCurves};
pub use network_drawing::{DrawnLatency, DrawnLayer, NetworkDrawing, Operation};
pub use number::fixed;
pub use pareto_plot::{FrontPoint, ParetoPlot, Point, Reference};
pub use progress_plot::{ProgressPlot, ProgressTrial};
pub use scatter_plot::ScatterPlot;
pub use scene::Scene;
pub use table::{Align, Table};
pub use widths_plot::{LayerWidths, WidthsPlot};
