//! What a table has to hold, from the names of search spaces and networks, or from the file of a plan.

use super::MeasurementError;
use crate::graph::LayerGraph;
use crate::measure::{Grid, Plan, Wanted};
use crate::text_file::read_text;
use crate::{latency, seed, space, spec};

/// Networks of each space that tell what a grid costs.
const GRID_NETWORKS: usize = 200;

/// All units of these search spaces and networks, each a file or the name of a shipped one.
///
/// # Errors
/// If one cannot be read.
pub fn wanted(spaces: &[String], networks: &[String]) -> Result<Wanted, MeasurementError> {
    let mut wanted = Wanted::default();
    for name in spaces {
        wanted.space(&space::load(name)?);
    }
    for name in networks {
        wanted.network(&spec::load(name)?);
    }
    Ok(wanted)
}

/// The grid with the fewest rows that, judged by the table `like`, changes the latency of the spaces' networks by at
/// most `error`, a fraction; and a line that says so.
///
/// # Errors
/// If a file cannot be read, or no grid is that good.
pub fn coarsest_grid(
    wanted: &Wanted,
    spaces: &[String],
    like: &str,
    error: f64,
) -> Result<(Grid, String), MeasurementError> {
    let mut graphs = Vec::new();
    for name in spaces {
        let networks = space::load(name)?.draw_networks(GRID_NETWORKS, &mut seed::rng(0, "grid", 0));
        graphs.extend(networks.iter().map(LayerGraph::lower));
    }
    let table = latency::load(like)?;
    let grid = wanted.coarsest_grid(&graphs, &table, error)?;
    let line = format!(
        "grid {}: in {}, interpolating what it leaves out changes networks by up to {:.1} % (95 % of them)",
        grid.ratio,
        table.name,
        100.0 * grid.error
    );
    Ok((grid, line))
}

/// The plan of a file, if it was made for all that is wanted.
///
/// # Errors
/// If it cannot be read, or was made for something else.
pub fn read_plan(name: &str, wanted: Option<&Wanted>) -> Result<Plan, MeasurementError> {
    let (file, text) = read_text(name, "plan", &[])?;
    let plan = Plan::from_toml(&file, &text)?;
    let missing = wanted.iter().flat_map(|wanted| wanted.covers()).find(|asked| !plan.covers.contains(asked));
    if let Some(asked) = missing {
        let made_for: Vec<&str> = plan.covers.iter().map(|covered| covered.name.as_str()).collect();
        let same_name = if made_for.contains(&asked.name.as_str()) { " as it is now" } else { "" };
        return Err(MeasurementError::AnotherPlan {
            plan: file,
            made_for: made_for.join(", "),
            asked: format!("{}{same_name}", asked.name),
        });
    }
    Ok(plan)
}
