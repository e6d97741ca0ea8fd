//! Latency of networks on a device, predicted from a table of its units.
//!
//! A table is one CSV file per device. The latency of a network is the base
//! row plus the sum of its units: an exact row where there is one, otherwise
//! an estimate from rows that differ only in channels, otherwise an error
//! that names what is missing. [`Calibration`] corrects the rows of a table by
//! what whole networks took. [`audit`] looks for what is wrong or odd in a
//! table, [`foreign`] reads the tables of others,
//! [`Transfer`] makes that of a new device from that of another.

pub mod audit;
mod bounds;
mod calibration;
mod file;
pub mod foreign;
mod interpolate;
mod left_out;
mod predict;
mod row;
mod shipped;
mod table;
mod transfer;
mod validation;

pub use bounds::{AT_MOST, Bounds, at_most};
pub use calibration::{
    Calibration, CalibrationError, Confidence, Fitted, Interval, IntervalError, MeasuredNetwork, Term,
    TermSums, held_out_text, leave_one_out,
};
pub use file::{TableHeader, TableRow, table_text, with_entries};
pub use predict::{MissingRows, Prediction, SpanLatency};
pub use row::{Row, RowSource, UnitLatency};
pub use shipped::{LATENCY_TABLES, load, load_measured};
pub use table::LatencyTable;
pub use transfer::{
    Candidates, Measurement, Measurements, Proposal, ProposalError, Transfer, TransferError, propose,
};
pub use validation::{Comparison, Figures, kendall_tau};
