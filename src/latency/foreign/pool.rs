//! Several measurements of one unit as one row: mean and standard deviation over all of them.

use std::collections::BTreeMap;

use crate::graph::LatencyUnit;
use crate::latency::TableRow;

/// One row for each unit, in the order of their first.
pub(super) fn pooled(rows: &[TableRow]) -> Vec<TableRow> {
    let mut places: BTreeMap<Option<LatencyUnit>, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<TableRow>> = Vec::new();
    for row in rows {
        let place = *places.entry(row.unit).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(*row);
    }
    groups.iter().map(|group| pool(group)).collect()
}

/// Rows without a number of samples count as one each. The spread between the means is known even where none is stated
/// within them.
fn pool(rows: &[TableRow]) -> TableRow {
    if let [only] = rows {
        return *only;
    }
    let count = |row: &TableRow| f64::from(row.samples.unwrap_or(1));
    let total: f64 = rows.iter().map(count).sum();
    let mean = rows.iter().map(|row| count(row) * row.latency_ms).sum::<f64>() / total;
    let square = |row: &TableRow| {
        let within = row.stddev_ms.unwrap_or(0.0);
        count(row) * (within * within + (row.latency_ms - mean).powi(2))
    };
    let variance = rows.iter().map(square).sum::<f64>() / total;
    TableRow {
        unit: rows[0].unit,
        latency_ms: mean,
        stddev_ms: Some(variance.sqrt()),
        samples: rows.iter().map(|row| row.samples).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(latency_ms: f64, stddev_ms: Option<f64>, samples: Option<u32>) -> TableRow {
        TableRow { unit: None, latency_ms, stddev_ms, samples }
    }

    #[test]
    fn samples_weigh_and_means_that_differ_widen_the_spread() {
        let rows = [base(1.0, Some(0.0), Some(1)), base(2.0, Some(0.0), Some(3))];
        let [row] = pooled(&rows)[..] else { panic!("one unit") };
        assert_eq!((row.latency_ms, row.samples), (1.75, Some(4)));
        assert!((row.stddev_ms.expect("stated") - 0.1875_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn one_row_stays_as_it_is() {
        let row = base(1.0, None, None);
        assert_eq!(pooled(&[row]), [row]);
        assert_eq!(pooled(&[row, row])[0].samples, None);
    }
}
