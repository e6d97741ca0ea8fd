//! What a network costs, and the most that it may cost.
//!
//! A [`Resource`] is what is counted: milliseconds on a device, multiply-adds, parameters, bytes of weights, bytes of
//! peak memory. A [`Budget`] is the most of it that a network may take, as people type it. A [`Meter`] measures a
//! network's cost in one resource, by a device's table where that takes one, and knows the budget it has to keep.

mod budget;
mod memory;
mod meter;
mod resource;
mod weights;

pub use budget::{Budget, BudgetError};
pub use memory::peak_memory;
pub use meter::{Meter, overload};
pub use resource::Resource;
