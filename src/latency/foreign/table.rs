//! A table of another project in our terms.

use crate::graph::UnitKind;
use crate::latency::TableRow;

/// What a file of another project says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForeignTable {
    /// The rows, each unit once.
    pub rows: Vec<TableRow>,
    /// Input sides in pixels, where the file tells.
    pub resolutions: Vec<u32>,
    /// Units whose time is in other rows.
    pub folded: Vec<UnitKind>,
    /// Whether rows hold for every activation.
    pub ignores_activation: bool,
    /// How it was made; the header's `method`.
    pub method: &'static str,
    /// What was left out and why; empty if nothing was.
    pub left_out: Vec<String>,
}

impl ForeignTable {
    /// Two parts of one table as one. A kind of unit is folded only where no part has rows of it.
    pub(super) fn joined(mut self, part: Self) -> Self {
        let has = |table: &Self, kind: &UnitKind| {
            table.rows.iter().any(|row| row.unit.is_some_and(|unit| unit.family.kind == *kind))
        };
        self.folded.retain(|kind| !has(&part, kind));
        for kind in &part.folded {
            if !has(&self, kind) && !self.folded.contains(kind) {
                self.folded.push(*kind);
            }
        }
        self.rows.extend(part.rows);
        self.resolutions.extend(part.resolutions);
        self.left_out.extend(part.left_out);
        self.ignores_activation |= part.ignores_activation;
        self.method = part.method;
        self
    }
}
