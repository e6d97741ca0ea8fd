//! Histogram equalisation, channel by channel, in the whole-number form of Pillow's `ImageOps.equalize`.

/// Maps each channel's values so that their histogram becomes as even as can be.
///
/// A channel of which only the brightest value that occurs is common, or of one value alone, stays as it is.
pub(super) fn equalise(image: &mut [u8], channels: usize) {
    for channel in 0..channels {
        let mut histogram = [0u32; 256];
        for &value in image.iter().skip(channel).step_by(channels) {
            histogram[usize::from(value)] += 1;
        }
        let Some(table) = even(&histogram) else { continue };
        for value in image.iter_mut().skip(channel).step_by(channels) {
            *value = table[usize::from(*value)];
        }
    }
}

/// The map that makes `histogram` even; `None` when there are too few values to tell apart.
fn even(histogram: &[u32; 256]) -> Option<[u8; 256]> {
    let total: u32 = histogram.iter().sum();
    let brightest = histogram.iter().rev().find(|&&count| count > 0)?;
    // The brightest value becomes 255 and takes no step of its own.
    let step = (total - brightest) / 255;
    if step == 0 {
        return None;
    }
    let mut below = step / 2;
    Some(histogram.map(|count| {
        let level = (below / step).min(255) as u8;
        below += count;
        level
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_levels_spread_evenly() {
        // 4 x 85 values below the brightest: steps of one, 85 levels apart.
        let mut image: Vec<u8> = [10, 11, 12, 13].into_iter().flat_map(|value| [value; 85]).collect();
        equalise(&mut image, 1);
        image.dedup();
        assert_eq!(image, [0, 85, 170, 255]);
    }

    #[test]
    fn channels_are_equalised_by_themselves() {
        let mut image: Vec<u8> = (0..512).flat_map(|i| [(i / 256) as u8, 7, 100 + (i % 4) as u8]).collect();
        equalise(&mut image, 3);
        let values = |channel: usize| {
            let mut values: Vec<u8> = image.iter().skip(channel).step_by(3).copied().collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        assert_eq!(values(0), [0, 255]);
        assert_eq!(values(1), [7]);
        assert_eq!(values(2), [0, 128, 255]);
    }

    #[test]
    fn too_few_values_stay() {
        let mut image = [1, 2, 3, 200];
        equalise(&mut image, 1);
        assert_eq!(image, [1, 2, 3, 200]);
    }
}
