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
use crate::diagnostic::FileError;
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
    /// Missing columns, values that are no numbers, repeated networks, each with its place in the file; a table without
    /// rows or without the network that is widest in all groups, which is where an adaptation starts.
    pub fn parse(file: &str, text: &str, source: &TabularSource) -> Result<Self, FileError> {
        let reader = Reader { file, text };
        let mut csv =
            csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = csv.headers().map_err(|error| reader.csv_error(&error))?.clone();
        let column = |name: &str| reader.column(&header, name);
        let cost = column(&source.cost)?;
        let scores = source.scores.iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
        let widths = match &source.groups {
            GroupColumns::Digits(name) => vec![column(name)?],
            GroupColumns::Columns(names) => {
                names.iter().map(|name| column(name)).collect::<Result<_, _>>()?
            }
        };
        let digits = matches!(source.groups, GroupColumns::Digits(_));
        let mut rows = BTreeMap::new();
        for record in csv.records() {
            let record = record.map_err(|error| reader.csv_error(&error))?;
            let place = Place { reader, record: &record };
            let widths = if digits { place.digits(widths[0])? } else { place.widths(&widths)? };
            let scores = scores.iter().map(|&at| place.number(at)).collect::<Result<_, _>>()?;
            let row = Row { cost: place.number(cost)?, scores };
            if rows.keys().next().is_some_and(|known: &Vec<u32>| known.len() != widths.len()) {
                return Err(place.error("this row has another number of groups than the first"));
            }
            if rows.insert(widths, row).is_some() {
                return Err(place.error("a network of these widths is in the table already"));
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
        self.rows.get(&self.seed()).map_or(0.0, |row| row.cost)
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

#[derive(Clone, Copy)]
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn column(&self, header: &csv::StringRecord, name: &str) -> Result<usize, FileError> {
        header.iter().position(|column| column == name).ok_or_else(|| {
            let known: Vec<_> = header.iter().collect();
            FileError::at(self.file, self.text, 0..1, format!("the table has no column `{name}`"))
                .with_remedy(format!("its columns are {}", known.join(", ")))
        })
    }

    fn csv_error(&self, error: &csv::Error) -> FileError {
        let at = error.position().map_or(0, |position| position.byte() as usize);
        FileError::at(self.file, self.text, at..at + 1, error.to_string())
            .with_remedy("every row needs one field for each column of the first row")
    }
}

struct Place<'a> {
    reader: Reader<'a>,
    record: &'a csv::StringRecord,
}

impl Place<'_> {
    fn error(&self, message: impl Into<String>) -> FileError {
        let at = self.record.position().map_or(0, |position| position.byte() as usize);
        let end = self.reader.text[at..].find('\n').map_or(self.reader.text.len(), |line| at + line);
        FileError::at(self.reader.file, self.reader.text, at..end, message)
    }

    fn field(&self, at: usize) -> &str {
        self.record.get(at).unwrap_or("")
    }

    fn number(&self, at: usize) -> Result<f64, FileError> {
        let number = self.field(at).parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| self.error(format!("`{}` is no number", self.field(at))))
    }

    fn widths(&self, columns: &[usize]) -> Result<Vec<u32>, FileError> {
        let width = |&at: &usize| {
            let width = self.field(at).parse::<u32>().ok().filter(|&width| width > 0);
            width.ok_or_else(|| {
                self.error(format!("`{}` is no width: widths are whole numbers above 0", self.field(at)))
            })
        };
        columns.iter().map(width).collect()
    }

    fn digits(&self, at: usize) -> Result<Vec<u32>, FileError> {
        let text = self.field(at);
        let digit = |c: char| c.to_digit(10).filter(|&digit| digit > 0);
        let digits: Option<Vec<u32>> = text.chars().map(digit).collect();
        digits
            .filter(|digits| !digits.is_empty())
            .ok_or_else(|| self.error(format!("`{text}` is no row of digits from 1 to 9")))
    }
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
        let Some(row) = self.table.rows.get(widths) else { return f64::NAN };
        let unseen = self.unseen.entry(widths.to_vec()).or_default();
        if unseen.is_empty() {
            unseen.extend(0..row.scores.len());
        }
        let Some(&drawn) = unseen.choose(&mut self.rng) else { return f64::NAN };
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
