//! `mbn-train` end to end, on tiny networks and images.

mod bad_input;
#[path = "../support/process.rs"]
mod process;
mod results;
mod resume;
mod support;
mod weights;
