//! Networks on the grid of the Pixel 1 table cost exactly the sum of its rows.

use mbn::graph::{LatencyUnit, LayerGraph};
use mbn::{latency, seed, space};

/// The table's text, read without the program's own reader.
struct PlainRows(Vec<Vec<String>>);

impl PlainRows {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/latency_tables/pixel-latency.csv");
        let text = std::fs::read_to_string(path).expect("shipped");
        let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
        Self(rows.map(|line| line.split(',').map(str::to_owned).collect()).collect())
    }

    /// Latency of the one row whose first fields are these.
    fn latency(&self, key: &[String]) -> f64 {
        let found: Vec<_> = self.0.iter().filter(|row| row[..key.len()] == *key).collect();
        assert_eq!(found.len(), 1, "{key:?}");
        found[0][10].parse().expect("a number")
    }
}

/// The fields op to squeeze of a unit's row.
fn key(unit: &LatencyUnit) -> Vec<String> {
    let family = &unit.family;
    let or_empty = |n: u32| if n == 0 { String::new() } else { n.to_string() };
    let is_block = family.kind.is_block();
    vec![
        family.kind.name().to_owned(),
        family.height.to_string(),
        family.width.to_string(),
        unit.c_in.to_string(),
        unit.c_out.to_string(),
        or_empty(family.kernel),
        or_empty(family.stride),
        or_empty(unit.expanded),
        if is_block { unit.squeeze.to_string() } else { String::new() },
    ]
}

#[test]
fn totals_equal_the_sum_of_the_rows() {
    let table = latency::load("pixel-latency.csv").expect("shipped");
    let space = space::load("mobilenet_v3").expect("shipped");
    let rows = PlainRows::read();
    let base = rows.latency(&["base".to_owned()]);
    for index in 0..200 {
        let spec = space.decode(&space.sample(&mut seed::rng(1, "sums", index)));
        let graph = LayerGraph::lower(&spec);
        let prediction = table.predict(&graph).expect("on the grid");
        assert_eq!(prediction.estimated_rows(), 0);
        let mut sum = base;
        for span in graph.spans() {
            match LatencyUnit::of_block(span) {
                Some(unit) => sum += rows.latency(&key(&unit)),
                None => {
                    let units =
                        graph.operator_units(span).filter(|u| !table.header.folded.contains(&u.family.kind));
                    sum += units.map(|unit| rows.latency(&key(&unit))).sum::<f64>();
                }
            }
        }
        assert!((prediction.latency_ms - sum).abs() < 1e-6, "{} {sum}", prediction.latency_ms);
    }
}
