//! `mbn-export` and what it writes: the same function in a runtime of its own, from every kind of run.

mod bad_input;
mod files;
mod networks;
mod random;
mod support;
