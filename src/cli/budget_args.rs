//! Budgets, and the confidence that they are to hold with, for every command that takes them.

use clap::Args;
use miette::Report;

use crate::cost::{Budget, BudgetError};
use crate::latency::{Confidence, LATENCY_TABLES, LatencyTable};
use crate::run::{Inputs, Tables};
use crate::text_file::{ReadError, file_name, read_text};

/// What a network may cost, and how surely.
#[derive(Debug, Clone, Args)]
pub struct BudgetArgs {
    /// The most that a network may cost, such as 15ms or 250k-weight-bytes-int8;
    /// given several times, all hold
    ///
    /// - 15ms, 800us, 0.1s: predicted latency on the target, or on another table as
    ///   2ms@TABLE
    /// - 30M-madds: multiply-adds of one image
    /// - 1.5M-params: parameters
    /// - 500k-weight-bytes, 250k-weight-bytes-int8: bytes of the weights with batch
    ///   norm folded, 4 a value, or 1 a weight and 4 a bias
    /// - 1MB-peak-memory, 256KiB-peak-memory-int8: bytes of the activations that are
    ///   needed at once in the best order, 4 or 1 a value
    ///
    /// k, M and G stand for thousands, bytes also take kB, MB, GB, KiB and MiB.
    #[arg(long, value_name = "BUDGET", allow_hyphen_values = true, verbatim_doc_comment)]
    pub budget: Vec<String>,
    /// Keep the measured latency within the budget with this probability, such
    /// as 0.95, not only the predicted one
    ///
    /// The upper bound of a prediction, not the prediction, has to be within the
    /// budget. `mbn-latency validate` writes what bounds come from into a table:
    /// the errors of whole networks. These were drawn at random from a search
    /// space; a network that was searched for or narrowed is not drawn like them,
    /// so the probability is exact for them and approximate for it.
    #[arg(id = "confidence", long = "confidence", value_name = "C", requires = "budget")]
    pub confidence: Option<Confidence>,
}

impl BudgetArgs {
    /// The budgets as meant.
    pub(super) fn budgets(&self) -> Result<Vec<Budget>, BudgetError> {
        self.budget.iter().map(|text| text.parse()).collect()
    }
}

/// The tables of the targets, and those that budgets name beside them, as inputs of a run.
pub(super) fn read_tables(targets: &[String], budgets: &[Budget]) -> Result<(Tables, Inputs), Report> {
    let mut inputs = Inputs::new();
    let tables = Tables::read(targets, budgets, |name, input| {
        let (file, text) = read_text(name, "latency table", LATENCY_TABLES)?;
        let table = LatencyTable::parse(&file, &text).map_err(ReadError::from)?;
        inputs = std::mem::take(&mut inputs).with_copy(input, file_name(&file), text.as_bytes());
        Ok::<_, Report>(table)
    })?;
    Ok((tables, inputs))
}
