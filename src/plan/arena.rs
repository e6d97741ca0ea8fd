//! One buffer for everything a step computes, with places that are planned once.

use super::parts::Disjoint;
use crate::kernels::aligned::Aligned;

/// The number of a place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) usize);

/// Places are multiples of a cache line, in values.
const LINE: usize = 16;

/// When a value is needed, in steps of the plan, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Lifetime {
    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// A value that wants a place.
#[derive(Clone, Copy, Debug)]
struct Wish {
    size: usize,
    lifetime: Lifetime,
}

/// Collects values and finds places for them.
#[derive(Debug, Default)]
pub(super) struct Layout {
    wishes: Vec<Wish>,
}

impl Layout {
    /// Asks for `size` values; the slot's number is its position in the answer of [`Self::place`].
    pub(super) fn ask(&mut self, size: usize, lifetime: Lifetime) -> Slot {
        self.wishes.push(Wish { size: size.next_multiple_of(LINE), lifetime });
        Slot(self.wishes.len() - 1)
    }

    /// Lets a value live at `step`, too.
    pub(super) fn extend(&mut self, slot: Slot, step: usize) {
        let lifetime = &mut self.wishes[slot.0].lifetime;
        lifetime.first = lifetime.first.min(step);
        lifetime.last = lifetime.last.max(step);
    }

    /// Places in one buffer, the largest values first: values that live at the same time do not overlap.
    pub(super) fn place(&self) -> Places {
        let mut order: Vec<usize> = (0..self.wishes.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(self.wishes[i].size), i));
        let mut places = vec![0; self.wishes.len()];
        let mut placed: Vec<usize> = Vec::new();
        let mut total = 0;
        for index in order {
            let wish = self.wishes[index];
            let mut taken: Vec<(usize, usize)> = placed
                .iter()
                .filter(|&&other| self.wishes[other].lifetime.overlaps(wish.lifetime))
                .map(|&other| (places[other], places[other] + self.wishes[other].size))
                .collect();
            taken.sort_unstable();
            let mut at = 0;
            for (start, end) in taken {
                if at + wish.size <= start {
                    break;
                }
                at = at.max(end);
            }
            places[index] = at;
            total = total.max(at + wish.size);
            placed.push(index);
        }
        Places { starts: places, sizes: self.wishes.iter().map(|wish| wish.size).collect(), total }
    }
}

/// Where every slot lies.
#[derive(Debug, Default)]
pub(super) struct Places {
    starts: Vec<usize>,
    sizes: Vec<usize>,
    total: usize,
}

/// The buffer of a plan.
pub(super) struct Arena {
    start: *mut f32,
    places: Places,
    /// Owns what `start` points to.
    _values: Aligned,
}

// SAFETY: parts write disjoint ranges, and a layer never writes a slot that it or another part reads: slots of values
// that live at the same time do not overlap.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    pub(super) fn new(places: Places) -> Self {
        let mut values = Aligned::zeros(places.total);
        Self { start: values.as_mut_ptr(), places, _values: values }
    }

    /// Values in all.
    pub(super) fn size(&self) -> usize {
        self.places.total
    }

    /// The values of a slot, to read.
    pub(super) fn read(&self, slot: Slot) -> &[f32] {
        let (start, size) = (self.places.starts[slot.0], self.places.sizes[slot.0]);
        // SAFETY: the slot lies in the buffer; whoever writes it lives at another time.
        unsafe { std::slice::from_raw_parts(self.start.add(start), size) }
    }

    /// The values of a slot, to write in parts.
    pub(super) fn write(&self, slot: Slot) -> Disjoint<'_> {
        let (start, size) = (self.places.starts[slot.0], self.places.sizes[slot.0]);
        // SAFETY: the slot lies in the buffer; whoever reads it lives at another time.
        unsafe { Disjoint::from_raw(self.start.add(start), size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_that_live_together_do_not_overlap(
            wishes in prop::collection::vec((1usize..200, 0usize..20, 0usize..6), 1..40)
        ) {
            let mut layout = Layout::default();
            for &(size, first, length) in &wishes {
                layout.ask(size, Lifetime { first, last: first + length });
            }
            let places = layout.place();
            for (i, wish) in wishes.iter().enumerate() {
                prop_assert!(places.starts[i] + places.sizes[i] <= places.total);
                prop_assert!(places.sizes[i] >= wish.0);
                for j in 0..i {
                    let together = layout.wishes[i].lifetime.overlaps(layout.wishes[j].lifetime);
                    let apart = places.starts[i] + places.sizes[i] <= places.starts[j]
                        || places.starts[j] + places.sizes[j] <= places.starts[i];
                    prop_assert!(apart || !together);
                }
            }
        }

        #[test]
        fn values_that_follow_each_other_share_a_place(size in 1usize..100, count in 1usize..9) {
            let mut layout = Layout::default();
            for step in 0..count {
                layout.ask(size, Lifetime { first: step, last: step });
            }
            prop_assert_eq!(layout.place().total, size.next_multiple_of(LINE));
        }
    }
}
