//! What the binaries share: arguments, exit codes, error output.

#[cfg(feature = "train")]
mod budget_args;
mod exit;
#[cfg(feature = "export")]
pub mod export;
#[cfg(feature = "train")]
mod image_args;
#[cfg(feature = "train")]
pub mod inspect;
mod interrupt;
pub mod latency;
#[cfg(feature = "train")]
pub mod netadapt;
mod network_args;
mod output;
#[cfg(feature = "train")]
mod recipe_arg;
#[cfg(feature = "train")]
pub mod report;
mod run_args;
#[cfg(feature = "train")]
pub mod search;
#[cfg(feature = "train")]
pub mod train;
#[cfg(feature = "train")]
mod values;
#[cfg(feature = "train")]
mod weights_args;
#[cfg(feature = "train")]
mod words;

#[cfg(feature = "train")]
pub use budget_args::BudgetArgs;
pub use exit::{Exit, report_error};
#[cfg(feature = "train")]
pub use image_args::ImageArgs;
pub use network_args::NetworkArgs;
pub use run_args::OutputArgs;
#[cfg(feature = "train")]
pub use run_args::RunArgs;
#[cfg(feature = "train")]
pub use weights_args::WeightsArgs;
