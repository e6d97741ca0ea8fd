//! Latency of networks on a device, predicted from a table of its units.
//!
//! A table is one CSV file per device. The latency of a network is the base
//! row plus the sum of its units: an exact row where there is one, otherwise
//! an estimate from rows that differ only in channels, otherwise an error
//! that names what is missing.

mod budget;
mod header;
mod interpolate;
mod predict;
mod shipped;
mod table;

pub use budget::{Budget, BudgetError};
pub use header::TableHeader;
pub use predict::{MissingRows, Prediction, RowSource, SpanLatency, UnitLatency};
pub use shipped::{LATENCY_TABLES, load};
pub use table::{LatencyTable, Row};
