//! `mbn-inspect`: what a network or a search space consists of and costs, and how two networks differ.

mod diff;
mod network;
mod space;
mod svg;
mod target;

use std::path::PathBuf;

use clap::Parser;

use super::exit::finish;
use super::{Exit, NetworkArgs};
use crate::latency::Confidence;
use crate::report::FigureFormat;

/// Show a network layer by layer, what changed between two, or the decisions of a
/// search space.
#[derive(Debug, Parser)]
#[command(
    name = "mbn-inspect",
    args_override_self = true,
    version,
    after_help = "Examples:
  mbn-inspect mobilenet_v3_small --target pixel-latency.csv
  mbn-inspect mobilenet_v1 --width 0.75 --resolution 160 --json
  mbn-inspect mobilenet_v3_small --target pixel-latency.csv --svg network.svg
  mbn-inspect --space mobilenet_v3 --target pixel-latency.csv
  mbn-inspect --diff mobilenet_v3_small results/RUN/network.toml --target pixel-latency.csv"
)]
pub struct InspectArgs {
    /// A network file, or a reference network: mobilenet_v1, mobilenet_v2,
    /// mobilenet_v3_large, mobilenet_v3_small, mnasnet_b1 ...
    #[arg(required_unless_present_any = ["space", "diff"], conflicts_with_all = ["space", "diff"])]
    network: Option<String>,
    /// A search space file, or the name of a shipped one
    #[arg(long, value_name = "FILE")]
    space: Option<String>,
    /// Two networks: what changed from A to B, layer by layer
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with = "space")]
    diff: Option<Vec<String>>,
    /// A latency table file, or the name of one in latency_tables/
    #[arg(long, value_name = "TABLE")]
    target: Option<String>,
    /// The probability of bounds on the measured latency [default: 0.95, if the
    /// table was validated on enough networks]
    ///
    /// `mbn-latency validate` writes what bounds come from into a table: the errors
    /// of whole networks. These were drawn at random from a search space, so the
    /// probability is exact for networks drawn like them and approximate for others.
    #[arg(long, value_name = "C", requires = "target", conflicts_with = "diff")]
    confidence: Option<Confidence>,
    /// Draw the network into this file as well, layer by layer (.svg or .png)
    #[arg(long, value_name = "FILE", value_parser = svg::figure_file, conflicts_with_all = ["space", "diff"])]
    svg: Option<(PathBuf, FigureFormat)>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    change: NetworkArgs,
}

/// Runs the command.
pub fn run(args: &InspectArgs) -> Exit {
    let done = match (&args.network, &args.space, args.diff.as_deref()) {
        (Some(name), ..) => network::inspect(args, name),
        (None, Some(name), _) => space::inspect(args, name),
        (None, None, Some([before, after])) => diff::inspect(args, before, after),
        (None, None, _) => return Exit::Usage,
    };
    finish(done.map(|()| Exit::Done))
}
