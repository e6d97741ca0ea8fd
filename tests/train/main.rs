//! `mbn-train` end to end, on tiny networks and images.

mod bad_input;
mod results;
mod resume;
mod support;
mod weights;
