//! Operator profile of TensorFlow Lite's `benchmark_model --enable_op_profiling=true`, as text or CSV
//! (tensorflow/lite/tools/benchmark/README.md, tensorflow/core/util/stats_calculator.cc).
//!
//! The profile names operators but not their shapes: these come from the network that was profiled. Its units are
//! matched with the operators in order, and an operator that is not the one which comes next is an error.

mod matching;
mod run_order;

use super::ForeignTable;
use crate::diagnostic::{FileError, Source};
use crate::graph::LayerGraph;

pub(super) fn read(source: Source, network: Option<&LayerGraph>) -> Result<ForeignTable, FileError> {
    let graph = network.ok_or_else(|| {
        source
            .error_in_line(1, "a profile names operators without their shapes")
            .with_remedy("give the network that was profiled with --network")
    })?;
    let operators = run_order::operators(source)?;
    Ok(ForeignTable {
        rows: matching::rows(source, graph, &operators, run_order::runs(source))?,
        resolutions: vec![graph.image().height],
        method: "operators of one network, profiled with TensorFlow Lite's benchmark_model; what follows the classifier is in the base row",
        ..ForeignTable::default()
    })
}
