//! Tables of trained networks as a problem: the loop without training.
//!
//! A table is a CSV file with one row for each network: its widths (a column
//! for each group, or one column with a digit for each), what it costs, and
//! one or more scores, one for each time that it was trained.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::adaptation::{Adaptation, AdaptationOptions};
use super::controls::random_within;
use super::problem::{Group, Problem};
use crate::csv_place::Place;
use crate::diagnostic::{FileError, Source};
use crate::outcome::Outcome;
use crate::seed;

/// Where a table has its widths: `digits:widths`, or `stem,body,head`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupColumns {
    /// One column for each group.
    Columns(Vec<String>),
    /// One column with a digit for each group.
    Digits(String),
}

impl std::str::FromStr for GroupColumns {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.strip_prefix("digits:") {
            Some(column) => Self::Digits(column.to_owned()),
            None => Self::Columns(text.split(',').map(|column| column.trim().to_owned()).collect()),
        })
    }
}

/// Which columns of a table mean what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabularSource {
    /// The widths.
    pub groups: GroupColumns,
    /// The scores, each of one training.
    pub scores: Vec<String>,
    /// The cost.
    pub cost: String,
}

/// A network of a table.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    cost: f64,
    scores: Vec<f64>,
}

/// A table of trained networks.
#[derive(Debug, Clone)]
pub struct TabularProblem {
    groups: Vec<Group>,
    rows: BTreeMap<Vec<u32>, Row>,
}

impl TabularProblem {
    /// Reads a table; `file` names it in errors.
    ///
    /// # Errors
    /// Missing columns, values that are not numbers, repeated networks, each with its place in the file; a table without
    /// rows or without the network that is widest in all groups, which is where an adaptation starts.
    pub fn parse(file: &str, text: &str, source: &TabularSource) -> Result<Self, FileError> {
        let csv = Source { file, text };
        let mut reader = csv.csv_reader();
        let widths: Vec<&str> = match &source.groups {
            GroupColumns::Digits(name) => vec![name],
            GroupColumns::Columns(names) => names.iter().map(String::as_str).collect(),
        };
        let scores = source.scores.iter().map(String::as_str);
        let required = [source.cost.as_str()].into_iter().chain(scores.clone()).chain(widths.iter().copied());
        let columns = csv.csv_columns(&mut reader, required)?;
        let mut rows = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(|error| csv.csv_error(&error))?;
            let place = Place { csv, columns: &columns, record: &record };
            let widths = match &source.groups {
                GroupColumns::Digits(column) => digits(&place, column)?,
                GroupColumns::Columns(_) => {
                    widths.iter().map(|column| width(&place, column)).collect::<Result<_, _>>()?
                }
            };
            let scores = scores.clone().map(|column| number(&place, column)).collect::<Result<_, _>>()?;
            let row = Row { cost: number(&place, &source.cost)?, scores };
            if rows.keys().next().is_some_and(|known: &Vec<u32>| known.len() != widths.len()) {
                return Err(place.error_of_row("this row has another number of groups than the first"));
            }
            if rows.insert(widths, row).is_some() {
                return Err(place.error_of_row("a network of these widths is in the table already"));
            }
        }
        let table = Self { groups: groups(&source.groups, &rows), rows };
        let end = |message: &str| FileError::at(file, text, text.len()..text.len(), message);
        if table.rows.is_empty() {
            return Err(end("the table has no rows"));
        }
        if !table.rows.contains_key(&table.seed()) {
            return Err(end(
                "the table lacks the network that is widest in all groups, from which an adaptation starts",
            ));
        }
        Ok(table)
    }

    /// Cost of the widest network.
    pub fn full_cost(&self) -> f64 {
        self.rows[&self.seed()].cost
    }

    /// Mean score of a network over its trainings.
    pub fn mean_score(&self, widths: &[u32]) -> Option<f64> {
        let scores = &self.rows.get(widths)?.scores;
        Some(scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

/// The groups with the widths that occur.
fn groups(columns: &GroupColumns, rows: &BTreeMap<Vec<u32>, Row>) -> Vec<Group> {
    let count = rows.keys().next().map_or(0, Vec::len);
    let name = |at: usize| match columns {
        GroupColumns::Columns(names) => names[at].clone(),
        GroupColumns::Digits(column) => format!("{column}[{at}]"),
    };
    let levels = |at: usize| {
        let mut levels: Vec<u32> = rows.keys().map(|widths| widths[at]).collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    };
    (0..count).map(|at| Group { name: name(at), levels: levels(at) }).collect()
}

impl Problem for TabularProblem {
    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn cost(&self, widths: &[u32]) -> Option<f64> {
        self.rows.get(widths).map(|row| row.cost)
    }

    fn repeats(&self) -> usize {
        self.rows.values().next().map_or(1, |row| row.scores.len())
    }
}

fn number(place: &Place<'_>, column: &str) -> Result<f64, FileError> {
    let text = place.field(column);
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| place.error(column, format!("`{text}` is not a number")))
}

fn width(place: &Place<'_>, column: &str) -> Result<u32, FileError> {
    let text = place.field(column);
    let width = text.parse::<u32>().ok().filter(|&width| width > 0);
    width.ok_or_else(|| {
        place.error(column, format!("`{text}` is not a width: widths are whole numbers above 0"))
    })
}

fn digits(place: &Place<'_>, column: &str) -> Result<Vec<u32>, FileError> {
    let text = place.field(column);
    let digit = |c: char| c.to_digit(10).filter(|&digit| digit > 0);
    let digits: Option<Vec<u32>> = text.chars().map(digit).collect();
    digits
        .filter(|digits| !digits.is_empty())
        .ok_or_else(|| place.error(column, format!("`{text}` is not a row of digits from 1 to 9")))
}

/// Scores of a table, each evaluation that of one training drawn at random; one that was drawn before comes again only
/// after all others.
struct Evaluator<'a> {
    table: &'a TabularProblem,
    rng: ChaCha8Rng,
    unseen: BTreeMap<Vec<u32>, Vec<usize>>,
    evaluations: usize,
}

impl<'a> Evaluator<'a> {
    fn new(table: &'a TabularProblem, seed: u64) -> Self {
        let rng = seed::rng(seed, "netadapt/table", 0);
        Self { table, rng, unseen: BTreeMap::new(), evaluations: 0 }
    }

    fn evaluate(&mut self, widths: &[u32]) -> f64 {
        self.evaluations += 1;
        let row = self.table.rows.get(widths).expect("only networks of the table have a cost");
        let unseen = self.unseen.entry(widths.to_vec()).or_default();
        if unseen.is_empty() {
            unseen.extend(0..row.scores.len());
        }
        let &drawn = unseen.choose(&mut self.rng).expect("every network was trained at least once");
        unseen.retain(|&other| other != drawn);
        row.scores[drawn]
    }
}

/// What an adaptation of a table came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TabularRun {
    /// Seed of the run.
    pub seed: u64,
    /// The widths that were chosen.
    pub widths: Vec<u32>,
    /// Their cost.
    pub cost: f64,
    /// Their mean score over all trainings, which the loop never saw.
    pub score: f64,
    /// Evaluations used.
    pub evaluations: usize,
    /// The same number of evaluations spent on random widths at the budget, the best of which was taken.
    pub random_score: Option<f64>,
}

/// Runs the loop on a table. With `evaluations`, what the narrowing leaves of them is spent on exchanges.
///
/// None if the budget is out of reach.
pub fn adapt_table(
    table: &TabularProblem,
    options: AdaptationOptions,
    evaluations: Option<usize>,
) -> Option<TabularRun> {
    /// Band of the random control's costs: Channel-Bench-Macro's own, as a share of the budget.
    const BAND: f64 = 0.9;
    let mut evaluator = Evaluator::new(table, options.seed);
    let start = evaluator.evaluate(&table.seed());
    let mut adaptation = Adaptation::new(table, AdaptationOptions { kept: usize::MAX, ..options }, start)?;
    while let Some(round) = adaptation.ask() {
        let left = evaluations.map(|all| all.saturating_sub(evaluator.evaluations));
        if left.is_some_and(|left| left < round.proposals.len()) {
            break;
        }
        let outcomes: Vec<Outcome> = round
            .proposals
            .iter()
            .map(|proposal| Outcome::from_accuracy(evaluator.evaluate(&proposal.widths)))
            .collect();
        adaptation.tell(&round, &outcomes);
    }
    let best = adaptation.best()?;
    let used = evaluator.evaluations;
    let mut control = Evaluator::new(table, options.seed);
    let mut rng = seed::rng(options.seed, "netadapt/random", 0);
    let mut random: Option<(f64, Vec<u32>)> = None;
    for _ in 0..used {
        let Some(widths) = random_within(table, options.limit, BAND, 1000, &mut rng) else { continue };
        let score = control.evaluate(&widths);
        if random.as_ref().is_none_or(|(best, _)| score > *best) {
            random = Some((score, widths));
        }
    }
    Some(TabularRun {
        seed: options.seed,
        widths: best.widths.clone(),
        cost: best.cost,
        score: table.mean_score(&best.widths)?,
        evaluations: used,
        random_score: random.and_then(|(_, widths)| table.mean_score(&widths)),
    })
}
