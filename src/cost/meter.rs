//! Measures what networks cost, and knows what they may cost.

use super::memory::{peak_memory, peaks};
use super::weights::{float_bytes, int8_bytes};
use super::{Budget, BudgetError, Resource};
use crate::graph::LayerGraph;
use crate::latency::{Bounds, Confidence, LatencyTable, MissingRows};
use crate::text_file::file_stem;
use crate::word_list::all_of;

/// Bytes of a float32.
const FLOAT: u64 = 4;

/// Measures the cost of networks in one resource, and holds the budget of it, if there is one.
#[derive(Debug, Clone)]
pub struct Meter<'a> {
    resource: Resource,
    table: Option<&'a LatencyTable>,
    bounds: Bounds,
    budget: Option<Budget>,
    column: String,
}

impl<'a> Meter<'a> {
    /// Latency by a device's table, without a budget.
    pub fn latency(table: &'a LatencyTable) -> Self {
        let bounds = Bounds::of(table, None).expect("only a confidence that is asked for can be refused");
        Self { table: Some(table), bounds, ..Self::counting(Resource::Latency) }
    }

    /// A resource that follows from the network alone, without a budget.
    pub fn counting(resource: Resource) -> Self {
        let column = resource.column().to_owned();
        Self { resource, table: None, bounds: Bounds::Unknown, budget: None, column }
    }

    /// Meters of all budgets, in their order. A latency that names no table is one of the only target; those that name
    /// one are of a target or of one of the `others`. With `unasked`, targets without a budget are measured, too,
    /// behind the others.
    ///
    /// # Errors
    /// If the budgets contradict each other, a table is missing, or a table can't tell the confidence.
    pub fn of_budgets(
        budgets: &[Budget],
        targets: &'a [LatencyTable],
        others: &'a [LatencyTable],
        confidence: Option<Confidence>,
        unasked: bool,
    ) -> Result<Vec<Self>, BudgetError> {
        if confidence.is_some() && !budgets.iter().any(|budget| budget.resource == Resource::Latency) {
            let given = all_of(budgets);
            return Err(BudgetError::Arguments {
                message: if given.is_empty() {
                    "--confidence needs a --budget in ms".to_owned()
                } else {
                    format!("--confidence can't be used with a budget of {given}")
                },
                remedy:
                    "leave out --confidence, or give a budget in ms: only latencies are predicted with an error"
                        .to_owned(),
            });
        }
        let mut meters: Vec<Self> = Vec::new();
        for budget in budgets {
            let table = match budget.resource {
                Resource::Latency => Some(table_of(budget, targets, others)?),
                _ => None,
            };
            let twin = meters.iter().find(|known| {
                known.resource == budget.resource
                    && known.table.map(|table| &table.name) == table.map(|table| &table.name)
            });
            if let Some(first) = twin.and_then(|twin| twin.budget.as_ref()) {
                let of = table.map_or_else(String::new, |table| format!(" on {}", table.name));
                return Err(BudgetError::Arguments {
                    message: format!(
                        "the budgets {first} and {budget} are both budgets of the {}{of}",
                        budget.resource.noun()
                    ),
                    remedy: "give one of them, the smaller if both have to hold".to_owned(),
                });
            }
            meters.push(Self {
                table,
                bounds: table.map_or(Ok(Bounds::Unknown), |table| Bounds::of(table, confidence))?,
                budget: Some(budget.clone()),
                ..Self::counting(budget.resource)
            });
        }
        if unasked {
            for target in targets {
                if !meters.iter().any(|meter| meter.table.is_some_and(|table| table.name == target.name)) {
                    meters.push(Self::latency(target));
                }
            }
        }
        // The first latency has the plain name; those of other tables follow theirs.
        for meter in meters.iter_mut().filter(|meter| meter.table.is_some()).skip(1) {
            let name = meter.table.map_or("", |table| table.name.as_str());
            meter.column = format!("{}@{}", meter.resource.column(), file_stem(name));
        }
        Ok(meters)
    }

    /// What is measured.
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// The device's table, where it takes one.
    pub fn table(&self) -> Option<&'a LatencyTable> {
        self.table
    }

    /// What is known of the error of its costs.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The budget, as given.
    pub fn budget(&self) -> Option<&Budget> {
        self.budget.as_ref()
    }

    /// Name of a column or key with its costs; no two meters of a run share one.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// The most that a network may be measured to cost: infinite without a budget, less than the budget where that
    /// is to hold with a confidence.
    pub fn limit(&self) -> f64 {
        self.budget.as_ref().map_or(f64::INFINITY, |budget| self.bounds.limit(budget.amount))
    }

    /// Cost of a network.
    ///
    /// # Errors
    /// If the table lacks rows that cannot be estimated.
    pub fn cost(&self, graph: &LayerGraph) -> Result<f64, MissingRows> {
        let counted = match self.resource {
            Resource::Latency | Resource::Share => {
                return self.expect_table().predict(graph).map(|prediction| prediction.latency_ms);
            }
            Resource::Madds => graph.cost().madds,
            Resource::Params => graph.cost().params,
            Resource::WeightBytes => float_bytes(graph),
            Resource::WeightBytesInt8 => int8_bytes(graph),
            Resource::PeakMemory => FLOAT * peak_memory(graph),
            Resource::PeakMemoryInt8 => peak_memory(graph),
        };
        Ok(counted as f64)
    }

    /// Cost of a block that was lowered on its own; [`Self::join`] makes that of a network of them, but for what a
    /// table takes for every network.
    ///
    /// # Errors
    /// As [`Self::cost`].
    pub fn cost_of_block(&self, graph: &LayerGraph) -> Result<f64, MissingRows> {
        match self.table {
            Some(table) => graph.spans().iter().map(|span| table.span_ms(graph, span)).sum(),
            None => self.cost(graph),
        }
    }

    /// The least that every network costs beside its blocks.
    pub fn beside_blocks(&self) -> f64 {
        self.table.map_or(0.0, LatencyTable::beside_blocks_ms)
    }

    /// Whether blocks share what they cost one after the other, so that the largest counts, and not the sum.
    pub fn is_peak(&self) -> bool {
        matches!(self.resource, Resource::PeakMemory | Resource::PeakMemoryInt8)
    }

    /// Cost of two parts of a network together.
    pub fn join(&self) -> fn(f64, f64) -> f64 {
        if self.is_peak() { f64::max } else { |a, b| a + b }
    }

    /// The budget in a sentence, with the confidence that it holds with.
    pub fn budget_text(&self) -> String {
        self.budget.as_ref().map_or_else(
            || "no budget".to_owned(),
            |budget| format!("{budget}{}", self.bounds.beside_budget(budget.amount)),
        )
    }

    /// What is measured and what is allowed, in a sentence.
    pub fn description(&self) -> String {
        let budget = match &self.budget {
            Some(_) => format!("budget {}", self.budget_text()),
            None => self.budget_text(),
        };
        match self.table {
            Some(table) => format!("target {}: {}, {budget}", table.name, table.header.device()),
            None => budget,
        }
    }

    /// A cost in a sentence, with its upper bound; a budget of it can be met.
    pub fn enough_text(&self, cost: f64) -> String {
        format!("{}{}", self.resource.show_up(cost), self.bounds.beside_prediction(cost))
    }

    /// Name of its costs on the axis of a plot.
    pub fn axis_label(&self) -> String {
        match self.table {
            Some(table) => format!("predicted latency on {}, ms", table.header.device()),
            None => match self.resource {
                Resource::Madds | Resource::Params => self.resource.unit_name().to_owned(),
                resource => format!("{}, {}", resource.noun(), resource.unit_symbol()),
            },
        }
    }

    /// The error that no network meets the budget.
    pub fn unreachable(&self, networks: &str, smallest: f64, remedy: &str) -> BudgetError {
        // All other amounts say what they are.
        let noun = if self.table.is_some() { " latency" } else { "" };
        let message = format!(
            "no {networks} meets a budget of {}: the smallest reachable{noun} is {}",
            self.budget_text(),
            self.enough_text(smallest)
        );
        BudgetError::Unreachable { message, remedy: remedy.to_owned() }
    }

    fn expect_table(&self) -> &'a LatencyTable {
        self.table.expect("a meter of latencies is made with a table")
    }
}

impl BudgetError {
    /// No network meets several budgets together although each of them can be met. `closest` has what the network
    /// costs that comes closest.
    pub fn together(
        meters: &[&Meter<'_>],
        closest: &[f64],
        networks: &str,
        is_proven: bool,
        remedy: &str,
    ) -> Self {
        let budgets: Vec<Budget> = meters.iter().filter_map(|meter| meter.budget.clone()).collect();
        let costs: Vec<String> =
            meters.iter().zip(closest).map(|(meter, &cost)| meter.enough_text(cost)).collect();
        let (budgets, costs) = (all_of(&budgets), all_of(&costs));
        let verdict = if is_proven {
            format!("the budgets {budgets} exclude each other: no {networks} meets all of them")
        } else {
            format!(
                "no {networks} was found that meets the budgets {budgets} together; it is not proven that there is none"
            )
        };
        let message =
            format!("{verdict}, though each alone can be met; the closest that was found takes {costs}");
        Self::Unreachable { message, remedy: remedy.to_owned() }
    }
}

/// How much of several budgets a network uses up: the largest share while all of them hold, else 1 and what exceeds
/// them, added up, so that whatever helps one of them counts. Of a peak, every block that exceeds it counts, since no
/// single block lowers a peak that several share.
///
/// # Errors
/// If a table lacks rows that cannot be estimated.
pub fn overload(meters: &[Meter<'_>], graph: &LayerGraph) -> Result<f64, MissingRows> {
    let (mut largest, mut excess) = (0.0_f64, 0.0);
    for meter in meters {
        let limit = meter.limit();
        let costs: Vec<f64> = match meter.resource {
            Resource::PeakMemory => peaks(graph).into_iter().map(|peak| (FLOAT * peak) as f64).collect(),
            Resource::PeakMemoryInt8 => peaks(graph).into_iter().map(|peak| peak as f64).collect(),
            _ => vec![meter.cost(graph)?],
        };
        for cost in costs {
            largest = largest.max(cost / limit);
            if cost > limit {
                excess += (cost / limit - 1.0).max(f64::EPSILON);
            }
        }
    }
    Ok(if excess > 0.0 { 1.0 + excess } else { largest.min(1.0) })
}

/// The table that a latency budget is one of.
fn table_of<'a>(
    budget: &Budget,
    targets: &'a [LatencyTable],
    others: &'a [LatencyTable],
) -> Result<&'a LatencyTable, BudgetError> {
    let tables: Vec<&LatencyTable> = targets.iter().chain(others).collect();
    let names = |tables: &[&LatencyTable]| {
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        all_of(&names)
    };
    let Some(wanted) = &budget.table else {
        return match targets {
            [only] => Ok(only),
            [] => Err(BudgetError::Arguments {
                message: format!("the budget {budget} is a latency, and no latency table is given"),
                remedy: format!("add --target TABLE, or write {budget}@TABLE"),
            }),
            several => Err(BudgetError::Arguments {
                message: format!(
                    "the budget {budget} does not say whose latency it is: the targets are {}",
                    names(&tables[..several.len()])
                ),
                remedy: format!("write {budget}@{}, or the name of another target", several[0].name),
            }),
        };
    };
    let found: Vec<&LatencyTable> =
        tables.iter().copied().filter(|table| budget.names(&table.name)).collect();
    match (found.iter().find(|table| table.name == *wanted), found.as_slice()) {
        (Some(exact), _) => Ok(exact),
        (None, [only]) => Ok(only),
        (None, []) => Err(BudgetError::Arguments {
            message: format!("the budget {budget} names no table that was read"),
            remedy: format!("the tables are {}", names(&tables)),
        }),
        (None, _) => Err(BudgetError::Arguments {
            message: format!("the budget {budget} names several tables"),
            remedy: "write the whole path of the table behind the @".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency;
    use crate::spec;
    use rstest::rstest;

    fn budgets(texts: &[&str]) -> Vec<Budget> {
        texts.iter().map(|text| text.parse().expect(text)).collect()
    }

    fn tables() -> Vec<LatencyTable> {
        ["pixel-latency.csv", "x86-64-ort-224.csv"].map(|name| latency::load(name).expect(name)).into()
    }

    #[test]
    fn every_budget_has_its_meter_in_order_and_a_column_of_its_own() {
        let tables = tables();
        let given =
            budgets(&["500k-weight-bytes", "2ms@x86-64-ort-224", "15ms@pixel-latency.csv", "30M-madds"]);
        let meters = Meter::of_budgets(&given, &tables, &[], None, true).expect("in order");
        let columns: Vec<&str> = meters.iter().map(Meter::column).collect();
        assert_eq!(columns, ["weight_bytes", "latency_ms", "latency_ms@pixel-latency", "madds"]);
        assert_eq!(meters[1].table().map(|table| table.name.as_str()), Some("x86-64-ort-224.csv"));
        assert_eq!(meters.iter().map(Meter::limit).collect::<Vec<_>>(), [5e5, 2.0, 15.0, 3e7]);
        // The same budgets of a target that has none: it is measured behind them, if that is asked for.
        let some = budgets(&["500k-weight-bytes"]);
        let unasked = |unasked| {
            Meter::of_budgets(&some, &tables[..1], &tables[1..], None, unasked).expect("in order").len()
        };
        assert_eq!((unasked(true), unasked(false)), (2, 1));
    }

    #[rstest]
    #[case(&["15ms"], 0, "no latency table is given")]
    #[case(&["15ms"], 2, "does not say whose latency it is: the targets are pixel-latency.csv and x86-64-ort-224.csv")]
    #[case(&["15ms", "12ms@pixel-latency"], 1, "the budgets 15ms and 12ms@pixel-latency are both budgets of the latency on pixel-latency.csv")]
    #[case(&["30M-madds", "20M-madds"], 1, "the budgets 30M-madds and 20M-madds are both budgets of the number of multiply-adds")]
    #[case(&["2ms@arm"], 2, "names no table that was read")]
    fn budgets_that_do_not_go_together(#[case] texts: &[&str], #[case] targets: usize, #[case] says: &str) {
        let tables = tables();
        let error = Meter::of_budgets(&budgets(texts), &tables[..targets], &tables[targets..], None, false)
            .expect_err(says);
        assert!(error.to_string().contains(says), "{error}");
    }

    #[test]
    fn a_confidence_needs_a_latency() {
        let tables = tables();
        let confidence = Some(Confidence::USUAL);
        for (texts, says) in [(vec![], "needs a --budget in ms"), (vec!["30M-madds"], "budget of 30M-madds")]
        {
            let error =
                Meter::of_budgets(&budgets(&texts), &tables[..1], &[], confidence, true).expect_err(says);
            assert!(
                matches!(error, BudgetError::Arguments { .. }) && error.to_string().contains(says),
                "{error}"
            );
        }
    }

    #[test]
    fn blocks_make_up_the_network() {
        use crate::graph::Surroundings;
        let spec = spec::load("mobilenet_v3_small").expect("shipped");
        let graph = LayerGraph::lower(&spec);
        let table = &tables()[0];
        let all = Resource::ALL.into_iter().filter(|resource| *resource != Resource::Latency);
        for meter in all.map(Meter::counting).chain([Meter::latency(table)]) {
            let blocks = graph.spans().iter().map(|span| {
                let input = span.input;
                let (padding, batch_norm) = (spec.padding, spec.batch_norm);
                let around = Surroundings { input, classes: spec.classes, padding, batch_norm };
                let is_last = span.place == spec::Place::Classifier;
                let block = LayerGraph::lower_block((!is_last).then_some(&span.block), around);
                meter.cost_of_block(&block).expect("rows")
            });
            let base =
                table.base.map_or(0.0, |row| row.latency_ms) * f64::from(u8::from(meter.table.is_some()));
            let joined = blocks.fold(0.0, meter.join()) + base;
            let whole = meter.cost(&graph).expect("rows");
            assert!((joined / whole - 1.0).abs() < 1e-9, "{}: {joined} {whole}", meter.column());
        }
    }

    #[test]
    fn whatever_exceeds_a_budget_counts() {
        let graph = LayerGraph::lower(&spec::load("mobilenet_v2").expect("shipped"));
        let load = |texts: &[&str]| {
            let given = budgets(texts);
            let meters = Meter::of_budgets(&given, &[], &[], None, false).expect("in order");
            overload(&meters, &graph).expect("no rows are needed")
        };
        // 3,504,872 parameters and about 300.8 M multiply-adds.
        assert!((load(&["7M-params", "400M-madds"]) - 300.8 / 400.0).abs() < 0.01);
        assert!((load(&["1752436-params", "400M-madds"]) - 2.0).abs() < 1e-9);
        assert!(load(&["1752436-params", "200M-madds"]) > 2.4);
        // All blocks above a peak count: the first three expansions are above 1,000,000 values.
        let one = load(&["1505280-peak-memory-int8"]);
        assert!((one - 1.0).abs() < 1e-12);
        let lower = load(&["1450000-peak-memory-int8"]);
        assert!((lower - 1_505_280.0 / 1_450_000.0).abs() < 1e-9, "{lower}");
        assert!(load(&["900k-peak-memory-int8"]) > 1.0 + 1_505_280.0 / 900_000.0 - 1.0 + 0.05);
    }
}
