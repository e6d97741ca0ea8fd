//! How well a table interpolates: each row, predicted from the others.

use super::LatencyTable;
use super::row::channels;

impl LatencyTable {
    /// Relative errors, from the smallest, of rows that are estimated from the other rows of their family. Rows of
    /// families too small to estimate from are left out.
    ///
    /// Left out is one row, so its neighbours are as far as in the table; a unit between the rows of a grid is nearer
    /// to rows, and its error rather smaller.
    pub fn left_out_errors(&self) -> Vec<f64> {
        let error = |(unit, row): (_, super::Row)| {
            let unit: crate::graph::LatencyUnit = unit;
            let model = self.families.get(&unit.family)?.model().ok()?;
            Some((model.surprise_ms(channels(&unit))? / row.latency_ms).abs())
        };
        let mut errors: Vec<f64> = self.sorted_rows().into_iter().filter_map(error).collect();
        errors.sort_by(f64::total_cmp);
        errors
    }
}

#[cfg(test)]
mod tests {
    use crate::latency::load;

    #[test]
    fn rows_of_the_pixel_follow_from_one_another_to_a_percent() {
        let table = load("pixel-latency.csv").expect("shipped");
        let errors = table.left_out_errors();
        assert!(errors.len() > 7000 && errors.len() <= table.len());
        assert!(errors.is_sorted() && (0.001..0.015).contains(&errors[errors.len() / 2]));
    }
}
