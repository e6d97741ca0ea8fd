//! Latency tables measured on this machine.
//!
//! A [`Plan`] says which units a table needs: the blocks that hold them, chosen so that few blocks hold all. The blocks
//! are chained into [`carriers`], networks that exist only to be measured: a unit's neighbours, the memory layout its
//! input arrives in and what the caches hold are then those of a network, not those of a unit alone. The runtime says
//! how long each of its operators takes, and [`Attribution`] tells which unit an operator belongs to.

mod additions;
mod attribution;
mod calm;
mod carrier;
mod drift;
mod error;
pub mod host;
mod model;
mod overhead;
mod plan;
mod samples;
mod schedule;
mod session;
mod table;
mod whole;
mod work;

pub use attribution::{Attribution, Part, PartTimes};
pub use carrier::{Carrier, Surrounding, carriers};
pub use drift::Drift;
pub use error::MeasureError;
pub use model::Model;
pub use overhead::Overhead;
pub use plan::{Covered, Grid, NoGrid, Piece, PieceBlock, Plan, Wanted};
pub use samples::Summary;
pub use session::{Goes, Measured, Settings, measure};
pub use table::{Provenance, table};
pub use whole::{Whole, WholeSettings, measure_whole};
pub use work::Work;
