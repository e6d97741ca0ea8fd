//! The section `Run Order` of a profile: one line for each operator, in the order in which they ran.

use crate::diagnostic::{FileError, Source};

/// One executed operator.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operator<'a> {
    pub line: usize,
    /// `CONV_2D`, `HARD_SWISH` ...
    pub name: &'a str,
    pub latency_ms: f64,
}

const REMEDY: &str =
    "give the output of benchmark_model --enable_op_profiling=true as it is, from `Run Order` on";

/// The operators of the last such section: an earlier one is that of the initialisation.
pub(super) fn operators(source: Source) -> Result<Vec<Operator>, FileError> {
    let is_title = |text: &str| text.contains("===") && text.contains("Run Order");
    let title = source.lines().filter(|(_, text)| is_title(text)).last();
    let (start, _) = title
        .ok_or_else(|| source.error_in_line(1, "the file has no section `Run Order`").with_remedy(REMEDY))?;
    let mut lines = source.lines().skip(start);
    let (line, names) =
        lines.next().ok_or_else(|| source.error_at_end("the section is empty").with_remedy(REMEDY))?;
    let columns = Columns::of(names).ok_or_else(|| {
        source.error_in_line(line, "the columns `node type` and `avg ms` are not here").with_remedy(REMEDY)
    })?;
    let rows = lines.take_while(|(_, text)| !text.trim().is_empty());
    let operators: Result<Vec<Operator>, FileError> = rows
        .map(|(line, text)| {
            columns.operator(line, text).ok_or_else(|| {
                source.error_in_line(line, "no operator with its average latency").with_remedy(REMEDY)
            })
        })
        .collect();
    operators
}

/// Number of runs that the averages are of: `count=50` in the last line of timings.
pub(super) fn runs(source: Source) -> Option<u32> {
    let timings = source.lines().filter(|(_, text)| text.starts_with("Timings (microseconds):"));
    let (_, last) = timings.last()?;
    last.split_whitespace().find_map(|word| word.strip_prefix("count="))?.parse().ok()
}

/// Where the name and the average stand in a line.
struct Columns {
    separator: Separator,
    name: usize,
    average: usize,
}

#[derive(Clone, Copy)]
enum Separator {
    Comma,
    Tab,
    /// Tabs that became spaces on the way.
    Space,
}

impl Columns {
    /// Text has `[node type]` and `[avg ms]`, CSV `node type` and `avg_ms`.
    fn of(line: &str) -> Option<Self> {
        let (separator, names): (Separator, Vec<&str>) = if line.contains('[') {
            let names = line.split('[').skip(1).filter_map(|rest| rest.split(']').next()).collect();
            (if line.contains('\t') { Separator::Tab } else { Separator::Space }, names)
        } else {
            (Separator::Comma, line.split(',').map(str::trim).collect())
        };
        let place = |wanted: [&str; 2]| names.iter().position(|name| wanted.contains(name));
        Some(Self {
            separator,
            name: place(["node type", "Node type"])?,
            average: place(["avg ms", "avg_ms"])?,
        })
    }

    fn operator<'a>(&self, line: usize, text: &'a str) -> Option<Operator<'a>> {
        let fields: Vec<&str> = match self.separator {
            Separator::Comma => text.split(',').map(str::trim).collect(),
            Separator::Tab => text.trim_start().split('\t').map(str::trim).collect(),
            Separator::Space => text.split_whitespace().collect(),
        };
        let name = *fields.get(self.name).filter(|name| !name.is_empty())?;
        let latency_ms: f64 = fields.get(self.average)?.parse().ok()?;
        (latency_ms.is_finite() && latency_ms >= 0.0).then_some(Operator { line, name, latency_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of TensorFlow's own documentation (lite/tools/benchmark/README.md), without most operators.
    const TEXT: &str = "\
Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
\t             [node type]\t  [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t         AllocateTensors\t    0.000\t    0.010\t    0.010\t 100.000%\t100.000%\t     0.000\t        1\tAllocateTensors/0

============================== Run Order ==============================
\t             [node type]\t  [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                 CONV_2D\t    0.000\t    4.269\t    4.170\t  0.107%\t  0.107%\t     0.000\t        0\t[MobilenetV1/MobilenetV1/Conv2d_0/Relu6]
\t       DEPTHWISE_CONV_2D\t    4.270\t    2.150\t    2.050\t  0.054%\t  0.161%\t     0.000\t        0\t[MobilenetV1/MobilenetV1/Conv2d_1_depthwise/Relu6]

============================== Top by Computation Time ==============================
\t             [node type]\t  [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                 CONV_2D\t   19.352\t    6.652\t    6.652\t  0.167%\t  0.167%\t     0.000\t        0\t[x]

Timings (microseconds): count=50 first=79449 curr=81350 min=77385 max=88213 avg=79732 std=1929
";

    fn source(text: &str) -> Source<'_> {
        Source { file: "profile.txt", text }
    }

    fn names_and_times(text: &str) -> Vec<(usize, String, f64)> {
        let found = operators(source(text)).expect("a profile");
        found.iter().map(|op| (op.line, op.name.to_owned(), op.latency_ms)).collect()
    }

    #[test]
    fn the_last_run_order_counts() {
        let expected = [(8, "CONV_2D".to_owned(), 4.17), (9, "DEPTHWISE_CONV_2D".to_owned(), 2.05)];
        assert_eq!(names_and_times(TEXT), expected);
        assert_eq!(names_and_times(&TEXT.replace('\t', "  ")), expected);
        assert_eq!(runs(source(TEXT)), Some(50));
        assert_eq!(runs(source("")), None);
    }

    #[test]
    fn csv_and_columns_without_a_start() {
        let csv = "=== Run Order ===\nnode type, first, avg_ms, %, cdf%, mem KB, times called, name\nCONV_2D, 4.2, 4.1, 10%, 10%, 0, 1, a\n";
        assert_eq!(names_and_times(csv), [(3, "CONV_2D".to_owned(), 4.1)]);
    }

    #[test]
    fn other_files_are_refused() {
        for (text, says) in [
            ("nothing", "profile.txt:1:1: the file has no section"),
            ("=== Run Order ===\n", "the section is empty"),
            ("=== Run Order ===\n[Node type] [count]\n", "profile.txt:2:1: the columns"),
            ("=== Run Order ===\n[node type] [avg ms]\nCONV_2D fast\n", "profile.txt:3:1: no operator"),
        ] {
            let error = operators(source(text)).expect_err(text).to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
