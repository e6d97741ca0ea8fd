//! A column of costs: the sign of an estimate, a number, its standard deviation, and a bar.

use super::columns::Header;
use super::{DrawnLatency, DrawnLayer, Row};
use crate::latency::RowSource;
use crate::report::font::{self, Weight};
use crate::report::marker;
use crate::report::number::{decimals_of, fixed};
use crate::report::palette::GREY;
use crate::report::scene::{Anchor, Rect, Scene, Text};

/// Room for the sign of an estimate before its number.
const SIGN: f64 = 11.0;
/// Room before a standard deviation, and before a bar.
const GAP: f64 = 6.0;
/// The height of a bar as a share of its row.
const BAR: f64 = 0.5;
/// In place of a cost that is part of others.
const ELSEWHERE: &str = "in other rows";
/// Digits of the largest cost.
const DIGITS: i32 = 4;

/// What a layer costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    amount: f64,
    spread: Option<f64>,
    basis: RowSource,
}

impl Cost {
    /// In millions.
    pub(super) fn of_madds(layer: &DrawnLayer) -> Self {
        Self { amount: layer.madds as f64 / 1e6, spread: None, basis: RowSource::Exact }
    }

    /// In milliseconds.
    pub(super) fn of_latency(latency: DrawnLatency) -> Self {
        Self { amount: latency.ms, spread: latency.stddev_ms, basis: latency.basis }
    }

    /// The end of its bar and of its standard deviation.
    fn reach(self) -> f64 {
        self.amount + self.spread.unwrap_or(0.0)
    }

    fn is_estimate(self) -> bool {
        matches!(self.basis, RowSource::Interpolated | RowSource::Extrapolated)
    }

    fn spread_text(self, decimals: usize) -> String {
        self.spread.map_or_else(String::new, |spread| format!("\u{b1} {}", fixed(spread, decimals)))
    }
}

/// The texts of a column, and the room that they take.
#[derive(Clone, Copy, Debug)]
pub(super) struct CostTexts {
    header: Header,
    decimals: usize,
    signs: f64,
    numbers: f64,
    spreads: f64,
    /// What the longest bar reaches.
    most: f64,
}

impl CostTexts {
    /// The texts of `costs`, which are of this size.
    pub(super) fn new(header: Header, costs: &[Cost], size: f64) -> Self {
        let most = costs.iter().map(|cost| cost.reach()).fold(0.0, f64::max);
        let decimals = decimals_of(costs.iter().map(|cost| cost.amount).fold(0.0, f64::max), DIGITS);
        let widest = |text: fn(Cost, usize) -> String| {
            let widths = costs.iter().map(|&cost| font::width(&text(cost, decimals), size, Weight::Regular));
            widths.fold(0.0, f64::max)
        };
        let spreads = widest(Cost::spread_text);
        Self {
            header,
            decimals,
            signs: if costs.iter().any(|cost| cost.is_estimate()) { SIGN } else { 0.0 },
            numbers: widest(|cost, decimals| fixed(cost.amount, decimals)),
            spreads: if spreads > 0.0 { GAP + spreads } else { 0.0 },
            most,
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.signs + self.numbers + self.spreads
    }

    /// The column that starts at `left` and ends with bars of at most `bars` pixels.
    pub(super) fn with_bars(self, left: f64, bars: f64) -> CostColumn {
        let start = left + self.width() + GAP;
        CostColumn { texts: self, left, bars: (start, start + bars - GAP) }
    }
}

/// A column in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct CostColumn {
    texts: CostTexts,
    left: f64,
    bars: (f64, f64),
}

impl CostColumn {
    pub(super) fn header(&self) -> (Header, f64, Anchor) {
        (self.texts.header, self.left, Anchor::Start)
    }

    pub(super) fn right(&self) -> f64 {
        self.bars.1
    }

    pub(super) fn draw(&self, scene: &mut Scene, cost: Cost, row: Row) {
        let sign = (self.left + SIGN / 3.0, row.y);
        match cost.basis {
            RowSource::Folded => {
                let remark = row.text(ELSEWHERE, self.left + self.texts.signs, Anchor::Start);
                return scene.text(Text { colour: GREY, ..remark });
            }
            RowSource::Interpolated => marker::interpolated(scene, sign),
            RowSource::Extrapolated => marker::extrapolated(scene, sign),
            RowSource::Exact | RowSource::OtherActivation => {}
        }
        self.draw_number(scene, cost, row);
        self.draw_bar(scene, cost, row);
    }

    fn draw_number(&self, scene: &mut Scene, cost: Cost, row: Row) {
        let CostTexts { decimals, signs, numbers, .. } = self.texts;
        let end = self.left + signs + numbers;
        scene.text(row.text(&fixed(cost.amount, decimals), end, Anchor::End));
        let spread = row.text(&cost.spread_text(decimals), end + GAP, Anchor::Start);
        scene.text(Text { colour: GREY, ..spread });
    }

    fn draw_bar(&self, scene: &mut Scene, cost: Cost, row: Row) {
        if cost.reach() <= 0.0 {
            return;
        }
        let (left, right) = self.bars;
        let x = |amount: f64| left + (right - left) * amount.max(0.0) / self.texts.most;
        let half = BAR * row.height / 2.0;
        let bar = Rect { left, top: row.y - half, right: x(cost.amount), bottom: row.y + half };
        marker::bar_cost(scene, bar, cost.is_estimate());
        if let Some(spread) = cost.spread {
            marker::spread(scene, (x(cost.amount - spread), x(cost.amount + spread)), row.y);
        }
    }
}
