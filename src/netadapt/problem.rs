//! What can be narrowed, and what it costs.

/// A width that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name: `blocks.3.hidden`, or the name of a column.
    pub name: String,
    /// The widths it may take, ascending; the last is that of the seed.
    pub levels: Vec<u32>,
}

impl Group {
    /// Width of the seed.
    pub fn full(&self) -> u32 {
        *self.levels.last().expect("a group has at least the width of the seed")
    }

    /// Widths below `width`, widest first.
    pub fn narrower(&self, width: u32) -> impl Iterator<Item = u32> + '_ {
        self.levels.iter().rev().copied().filter(move |&level| level < width)
    }

    /// Widths above `width`, narrowest first.
    pub fn wider(&self, width: u32) -> impl Iterator<Item = u32> + '_ {
        self.levels.iter().copied().filter(move |&level| level > width)
    }
}

/// Networks of one structure and many widths.
pub trait Problem {
    /// The groups, in network order.
    fn groups(&self) -> &[Group];

    /// What a network of these widths costs; none where there is no such network.
    fn cost(&self, widths: &[u32]) -> Option<f64>;

    /// How often a network can be evaluated with a new result each time.
    fn repeats(&self) -> usize {
        1
    }

    /// Widths of the seed.
    fn seed(&self) -> Vec<u32> {
        self.groups().iter().map(Group::full).collect()
    }
}

/// `widths` with another width in one group.
pub(super) fn with_width(widths: &[u32], group: usize, width: u32) -> Vec<u32> {
    let mut widths = widths.to_vec();
    widths[group] = width;
    widths
}

/// The cheapest network that narrowing group after group leads to, with its cost.
///
/// Coordinate descent over all widths: no single group can make the result cheaper.
pub fn smallest_reachable(problem: &dyn Problem) -> Option<(Vec<u32>, f64)> {
    cheapest_from(problem.groups(), problem.seed(), |widths| problem.cost(widths))
}

/// Coordinate descent from some widths. A narrower width of the same cost is taken, too: a peak that several groups
/// share falls with the last of them only.
pub(super) fn cheapest_from(
    groups: &[Group],
    mut widths: Vec<u32>,
    cost_of: impl Fn(&[u32]) -> Option<f64>,
) -> Option<(Vec<u32>, f64)> {
    let mut cost = cost_of(&widths)?;
    loop {
        let mut cheaper = false;
        for group in 0..widths.len() {
            for &level in &groups[group].levels {
                let is_better = |lower: &f64| *lower < cost || (*lower == cost && level < widths[group]);
                let other = with_width(&widths, group, level);
                if let Some(lower) = cost_of(&other).filter(is_better) {
                    (widths, cost, cheaper) = (other, lower, true);
                }
            }
        }
        if !cheaper {
            return Some((widths, cost));
        }
    }
}
