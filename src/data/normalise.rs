//! Per-channel normalisation, fitted on the training images alone.
//!
//! A pixel `p` of channel `c` becomes `(p / 255 - mean[c]) / std[c]`. Sums are kept in integers, so
//! mean and standard deviation are exact to the last rounding and depend on no order.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use super::error::DataError;
use super::source::spread;

/// Pictures that mean and standard deviation are fitted on at most. They must be decoded for it, and the means of 4,096
/// photographs differ from those of any number by less than one grey level.
const MOST_PICTURES: usize = 4096;

/// Images that one thread counts at a time.
const PART: usize = 64;

/// The smallest standard deviation: one grey level. A constant channel becomes zero.
const SMALLEST_STD: f64 = 1.0 / 255.0;

/// Mean and standard deviation of each channel, on the scale of `pixel / 255`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Normalisation {
    mean: Vec<f32>,
    std: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl TryFrom<Raw> for Normalisation {
    type Error = String;

    fn try_from(Raw { mean, std }: Raw) -> Result<Self, String> {
        if mean.is_empty() || mean.len() != std.len() {
            return Err(format!(
                "normalisation: {} means and {} standard deviations; give one of each per channel",
                mean.len(),
                std.len()
            ));
        }
        if !mean.iter().all(|mean| mean.is_finite()) {
            return Err("normalisation: every mean must be finite".to_owned());
        }
        if !std.iter().all(|std| std.is_finite() && *std > 0.0) {
            return Err("normalisation: every standard deviation must be positive".to_owned());
        }
        Ok(Self { mean, std })
    }
}

impl Normalisation {
    /// Mean and (population) standard deviation over the images at `indices`; of more than 4,096 pictures over that many,
    /// spread evenly over them.
    ///
    /// # Errors
    /// When `indices` is empty or has an index beyond the last image, or a picture cannot be read.
    pub fn fit(dataset: &Dataset, indices: &[usize]) -> Result<Self, DataError> {
        if indices.is_empty() {
            return Err(DataError::NoImages { purpose: "the mean and standard deviation" });
        }
        dataset.check_indices(indices)?;
        let count = if dataset.is_packed() { indices.len() } else { MOST_PICTURES };
        let seen: Vec<usize> = spread(indices.len(), count).into_iter().map(|at| indices[at]).collect();
        let parts: Vec<Result<Vec<[u64; 256]>, DataError>> =
            seen.par_chunks(PART).map(|part| histograms(dataset, part)).collect();
        let mut histograms = vec![[0u64; 256]; dataset.channels()];
        // In order, so that the error is that of the first image, whatever the threads.
        for part in parts {
            for (histogram, part) in histograms.iter_mut().flatten().zip(part?.as_flattened()) {
                *histogram += part;
            }
        }
        let (mean, std) = histograms.iter().map(mean_and_std).unzip();
        Ok(Self { mean, std })
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Mean of each channel, on the scale of `pixel / 255`.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Standard deviation of each channel, on the scale of `pixel / 255`; positive.
    #[must_use]
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// The normalised value of each byte, per channel: `[c][256]`.
    pub(super) fn table(&self) -> Vec<[f32; 256]> {
        self.mean
            .iter()
            .zip(&self.std)
            .map(|(&mean, &std)| std::array::from_fn(|byte| (byte as f32 / 255.0 - mean) / std))
            .collect()
    }
}

/// How often each byte occurs in each channel, `[c][256]`, in the images at `indices`.
fn histograms(dataset: &Dataset, indices: &[usize]) -> Result<Vec<[u64; 256]>, DataError> {
    let channels = dataset.channels();
    let mut histograms = vec![[0u64; 256]; channels];
    for &index in indices {
        for pixel in dataset.image(index)?.chunks_exact(channels) {
            for (histogram, &value) in histograms.iter_mut().zip(pixel) {
                histogram[usize::from(value)] += 1;
            }
        }
    }
    Ok(histograms)
}

#[expect(clippy::cast_precision_loss, reason = "counts lie far below 2^53")]
#[expect(clippy::cast_possible_truncation, reason = "the result is meant as f32")]
fn mean_and_std(histogram: &[u64; 256]) -> (f32, f32) {
    let moment = |power: u32| -> f64 {
        let sum: u128 =
            (0u128..).zip(histogram).map(|(value, &count)| value.pow(power) * u128::from(count)).sum();
        sum as f64
    };
    let count = moment(0);
    let mean = moment(1) / count;
    let variance = (moment(2) / count - mean * mean).max(0.0);
    let std = (variance.sqrt() / 255.0).max(SMALLEST_STD);
    ((mean / 255.0) as f32, std as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageSize;
    use crate::data::fixtures::dataset;

    #[test]
    fn mean_and_std_are_those_of_the_chosen_images() {
        let size = ImageSize::new(1, 2).unwrap();
        // Two channels; the last image would spoil both means.
        let pixels = vec![0, 51, 255, 51, 255, 51, 0, 51, 9, 9, 9, 9];
        let names = vec!["only".to_owned()];
        let dataset = Dataset::new("two", pixels, vec![0; 3], size, 2, names).unwrap();
        let fitted = Normalisation::fit(&dataset, &[1, 0]).unwrap();
        assert_eq!(fitted.mean(), [0.5, 0.2]);
        assert_eq!(fitted.std(), [0.5, 1.0 / 255.0]);
        assert_eq!(fitted.table()[0][255], 1.0);
        assert_eq!(fitted.table()[1][51], 0.0);
    }

    #[test]
    fn normalised_pixels_have_mean_zero_and_std_one() {
        let dataset = dataset(20, 5, 4, 3, 2);
        let indices: Vec<usize> = (0..20).collect();
        let table = Normalisation::fit(&dataset, &indices).unwrap().table();
        for (channel, table) in table.iter().enumerate() {
            let pixels: Vec<u8> =
                (0..20).flat_map(|index| dataset.image(index).unwrap().into_owned()).collect();
            let values =
                || pixels.iter().skip(channel).step_by(3).map(|&pixel| f64::from(table[usize::from(pixel)]));
            let mean = values().sum::<f64>() / 400.0;
            let variance = values().map(|v| v * v).sum::<f64>() / 400.0;
            assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
        }
    }

    #[test]
    fn json_round_trip_and_refusals() {
        let fitted = Normalisation::fit(&dataset(4, 3, 3, 3, 2), &[0, 3]).unwrap();
        let text = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<Normalisation>(&text).unwrap(), fitted);
        for bad in [
            r#"{"mean":[0.1],"std":[0.0]}"#,
            r#"{"mean":[0.1],"std":[-1.0]}"#,
            r#"{"mean":[],"std":[]}"#,
            r#"{"mean":[0.1,0.2],"std":[1.0]}"#,
            r#"{"mean":[0.1],"std":[1.0],"scale":2}"#,
        ] {
            assert!(serde_json::from_str::<Normalisation>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_images_and_unknown_images_are_errors() {
        let dataset = dataset(4, 1, 1, 1, 2);
        assert!(matches!(Normalisation::fit(&dataset, &[]), Err(DataError::NoImages { .. })));
        assert!(matches!(
            Normalisation::fit(&dataset, &[4]),
            Err(DataError::IndexOutOfRange { index: 4, .. })
        ));
    }
}
