//! `--confidence`: budgets that measured latencies hold, and bounds beside predictions.

#[path = "../support/said.rs"]
mod said;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod support;
mod table;
#[path = "../support/words.rs"]
mod words;

mod inspect;
mod netadapt;
mod search;
