//! Plain-text tables for terminals and logs: aligned by characters, without colours or box drawing.

/// How the cells of a column are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Names and other words.
    Left,
    /// Texts that end alike.
    Right,
    /// Numbers, which may carry a unit such as `51.25 ms`: decimal points stand below each other, and so do the units.
    Number,
}

/// A table with a header line, a rule, and one line per row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

/// Room between two columns.
const GUTTER: &str = "  ";

impl Table {
    /// An empty table with these headers.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = (S, Align)>) -> Self {
        let columns = columns.into_iter().map(|(header, align)| (header.into(), align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty and cells beyond the last column are left out.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter().map(Into::into).chain(std::iter::repeat(String::new()));
        self.rows.push(cells.take(self.columns.len()).collect());
    }

    /// Each column's lines from the header down, all of one width; the rule is a line of its own.
    fn column_lines(&self, index: usize) -> Vec<String> {
        let (header, align) = &self.columns[index];
        let cells: Vec<&str> = self.rows.iter().map(|row| row[index].as_str()).collect();
        let cells = match align {
            Align::Number => aligned_numbers(&cells),
            Align::Left | Align::Right => cells.into_iter().map(one_line).collect(),
        };
        let header = one_line(header);
        let width = cells.iter().chain([&header]).map(|text| width(text)).max().unwrap_or(0);
        let rule = "-".repeat(width);
        [header, rule].into_iter().chain(cells).map(|text| padded(&text, width, *align)).collect()
    }
}

impl std::fmt::Display for Table {
    /// Writes the table; every line ends with a line feed and none with a space.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns: Vec<Vec<String>> =
            (0..self.columns.len()).map(|index| self.column_lines(index)).collect();
        for line in 0..self.rows.len() + 2 {
            let cells: Vec<&str> = columns.iter().map(|column| column[line].as_str()).collect();
            writeln!(f, "{}", cells.join(GUTTER).trim_end())?;
        }
        Ok(())
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text` with line breaks and other control characters as spaces, so that it stays in its line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn padded(text: &str, to: usize, align: Align) -> String {
    let missing = " ".repeat(to.saturating_sub(width(text)));
    match align {
        Align::Left => format!("{text}{missing}"),
        Align::Right | Align::Number => format!("{missing}{text}"),
    }
}

/// The cells with equal widths before the decimal point, between it and the unit, and for the unit.
///
/// A cell that does not start with a number (`-`, `failed`) is aligned to the right of the column as it is.
fn aligned_numbers(cells: &[&str]) -> Vec<String> {
    let cells: Vec<String> = cells.iter().map(|cell| one_line(cell).trim().to_owned()).collect();
    let parts: Vec<Option<[&str; 3]>> = cells.iter().map(|cell| number_parts(cell)).collect();
    let widest = |part: usize| parts.iter().flatten().map(|parts| width(parts[part])).max().unwrap_or(0);
    let widths = [widest(0), widest(1), widest(2)];
    let aligned = parts.iter().zip(&cells).map(|(parts, cell)| match parts {
        Some([whole, fraction, unit]) => {
            format!("{whole:>0$}{fraction:<1$}{unit:<2$}", widths[0], widths[1], widths[2])
        }
        None => cell.clone(),
    });
    aligned.collect()
}

/// The whole part, the fraction with its point, and the rest of a cell that starts with a decimal number.
fn number_parts(cell: &str) -> Option<[&str; 3]> {
    let sign = cell.len() - cell.trim_start_matches(['-', '+', '\u{2212}']).len();
    let digits = |from: usize| {
        cell[from..].len() - cell[from..].trim_start_matches(|c: char| c.is_ascii_digit()).len()
    };
    let whole = digits(sign);
    if whole == 0 {
        return None;
    }
    let point = sign + whole;
    let fraction = if cell[point..].starts_with('.') { 1 + digits(point + 1) } else { 0 };
    Some([&cell[..point], &cell[point..point + fraction], &cell[point + fraction..]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_as_a_table() {
        let mut table = Table::new([
            ("network", Align::Left),
            ("latency", Align::Number),
            ("accuracy, %", Align::Number),
            ("state", Align::Right),
        ]);
        table.row(["3f2a9c", "51.25 ms", "75.2", "retrained"]);
        table.row(["b1", "120 ms", "-", "failed"]);
        table.row(["gr\u{f6}\u{df}er", "7.5 ms", "68.125", ""]);
        insta::assert_snapshot!(table.to_string(), @r"
        network    latency  accuracy, %      state
        -------  ---------  -----------  ---------
        3f2a9c    51.25 ms       75.2    retrained
        b1       120    ms            -     failed
        größer     7.5  ms       68.125
        ");
    }

    #[test]
    fn rows_are_cut_and_filled_to_the_columns() {
        let mut table = Table::new([("a", Align::Left), ("b", Align::Right)]);
        table.row(["1"]);
        table.row(["1\n2", "x", "lost"]);
        assert_eq!(table.to_string(), "a    b\n---  -\n1\n1 2  x\n");
    }

    #[test]
    fn a_table_without_rows_or_columns_is_still_a_table() {
        assert_eq!(Table::new([("only", Align::Number)]).to_string(), "only\n----\n");
        assert_eq!(Table::new::<String>([]).to_string(), "\n\n");
    }

    #[test]
    fn signs_and_exponents_do_not_break_the_alignment() {
        let cells = aligned_numbers(&["-1.5", "12", "+0.25 M", "\u{2212}3", "nan"]);
        assert_eq!(cells, ["-1.5   ", "12     ", "+0.25 M", "\u{2212}3     ", "nan"]);
    }
}
