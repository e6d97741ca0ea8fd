//! `--confidence`: budgets that measured latencies hold, and bounds beside predictions.

#[path = "../support/said.rs"]
mod said;
#[path = "../support/mod.rs"]
mod support;
mod table;
#[path = "../support/words.rs"]
mod words;

mod inspect;
mod netadapt;
mod search;
