//! `mbn-netadapt` from the outside.

mod bad_input;
#[path = "../support/process.rs"]
mod process;
mod results;
mod resume;
mod support;
mod tabular;
