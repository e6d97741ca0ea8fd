//! The latency tables of a run: its targets, and those that budgets name beside them.

use super::folder::RunReader;
use crate::cost::Budget;
use crate::latency::LatencyTable;
use crate::run::FolderError;

/// The tables that costs are measured by.
#[derive(Debug, Default)]
pub struct Tables {
    /// Those of the targets, in order.
    pub targets: Vec<LatencyTable>,
    /// Those that budgets name beside them.
    pub others: Vec<LatencyTable>,
}

impl Tables {
    /// Reads all tables, each once: `open` gives that of a name, which is the run's input of the other name.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn read<E>(
        targets: &[String],
        budgets: &[Budget],
        mut open: impl FnMut(&str, &str) -> Result<LatencyTable, E>,
    ) -> Result<Self, E> {
        let mut tables = Self::default();
        let mut read = |name: &str, tables: &Self| {
            let is_first = tables.all().next().is_none();
            let input = if is_first { "latency table".to_owned() } else { format!("latency table {name}") };
            open(name, &input)
        };
        for name in targets {
            let table = read(name, &tables)?;
            if !tables.all().any(|known| known.name == table.name) {
                tables.targets.push(table);
            }
        }
        for budget in budgets {
            let is_known = tables.all().any(|table| budget.names(&table.name));
            if let Some(name) = budget.table.as_ref().filter(|_| !is_known) {
                let table = read(name, &tables)?;
                tables.others.push(table);
            }
        }
        Ok(tables)
    }

    /// The tables of a run, from its copies.
    ///
    /// # Errors
    /// If a copy cannot be read.
    pub(super) fn of_run(
        run: &RunReader,
        targets: &[String],
        budgets: &[Budget],
    ) -> Result<Self, FolderError> {
        Self::read(targets, budgets, |_, input| {
            let (file, text) = run.needed_input(input)?;
            LatencyTable::parse(&file, &text).map_err(|error| run.unreadable(&file, error))
        })
    }

    fn all(&self) -> impl Iterator<Item = &LatencyTable> {
        self.targets.iter().chain(&self.others)
    }
}
