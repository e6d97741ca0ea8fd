//! Few blocks that hold all units: greedy set cover (Chvatal 1979), whose answer is at most `ln n` times too large for
//! blocks of `n` units, and blocks have five.

/// Indices of sets whose union is everything that any set holds of `0..elements`: time and again a set that adds most.
pub fn cover(sets: &[Vec<usize>], elements: usize) -> Vec<usize> {
    let mut covered = vec![false; elements];
    let mut chosen = Vec::new();
    let largest = sets.iter().map(Vec::len).max().unwrap_or(0);
    // What a set adds only falls, so one visit per size finds all sets that add as much.
    for gain in (1..=largest).rev() {
        for (index, set) in sets.iter().enumerate() {
            if added(set, &covered) >= gain {
                set.iter().for_each(|&element| covered[element] = true);
                chosen.push(index);
            }
        }
    }
    chosen
}

fn added(set: &[usize], covered: &[bool]) -> usize {
    let mut new: Vec<usize> = set.iter().copied().filter(|&element| !covered[element]).collect();
    new.sort_unstable();
    new.dedup();
    new.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_large_set_beats_its_parts() {
        let sets = [vec![0], vec![1, 2], vec![0, 1, 2], vec![3, 3], vec![2, 3]];
        assert_eq!(cover(&sets, 4), [2, 3]);
        assert!(cover(&[], 0).is_empty());
    }

    proptest! {
        #[test]
        fn everything_is_covered_and_no_set_is_idle(
            sets in prop::collection::vec(prop::collection::vec(0_usize..30, 0..6), 0..40),
        ) {
            let chosen = cover(&sets, 30);
            let mut covered = [false; 30];
            for &index in &chosen {
                let before = covered;
                sets[index].iter().for_each(|&element| covered[element] = true);
                prop_assert!(before != covered, "set {} adds nothing", index);
            }
            prop_assert!(sets.iter().flatten().all(|&element| covered[element]));
        }
    }
}
