//! `mbn-netadapt` from the outside.

mod bad_input;
mod results;
mod resume;
mod support;
mod tabular;
