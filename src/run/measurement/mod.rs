//! `mbn-latency` from resolved options to finished tables: measured here or on another device, validated, transferred.

mod error;
mod findings;
mod machine;
mod measure;
mod measure_report;
mod out;
mod plan;
mod progress;
mod remote;
mod transfer;
mod transfer_report;
mod validate;
mod validation_report;

pub use error::MeasurementError;
pub use findings::{audit_summary, finding_counts};
pub use machine::Machine;
pub use measure::MeasurementRun;
pub use measure_report::MeasurementReport;
pub use out::{check_free, write};
pub use plan::{coarsest_grid, read_plan, wanted};
pub use progress::TaskProgress;
pub use remote::Remote;
pub use transfer::TransferRun;
pub use transfer_report::TransferReport;
pub use validate::ValidationRun;
pub use validation_report::{Validation, ValidationReport};
