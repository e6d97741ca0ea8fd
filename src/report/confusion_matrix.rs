//! Which classes a network takes for which: counts of (label, prediction), and what follows from them for each class.

use std::path::Path;

use serde::Serialize;

use super::ReportError;
use super::csv_file::write_csv;
use super::table::{Align, Table};
use crate::confusion::Confusion;

/// Images by label and predicted class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: Vec<String>,
    counts: Confusion,
}

/// One class of a [`ConfusionMatrix`]; the fields are the columns of a CSV file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassRow {
    /// Name of the class.
    pub class: String,
    /// Images of the class.
    pub images: u64,
    /// Images that were taken for the class.
    pub predicted: u64,
    /// Images of the class that were taken for it.
    pub correct: u64,
    /// The class's accuracy: percent of its images that were taken for it; `None` without images.
    pub recall: Option<f64>,
    /// Percent of the images taken for the class that are of it; `None` where none was.
    pub precision: Option<f64>,
    /// The other class that most of its images were taken for; of several, the first.
    pub most_confused_with: Option<String>,
    /// How many of its images were taken for that class.
    pub confused: u64,
}

/// Images of one class that were taken for one class; the fields that are written are the columns of a CSV file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ConfusedPair<'a> {
    /// Name of the images' class.
    pub label: &'a str,
    /// Name of the class they were taken for.
    pub predicted: &'a str,
    /// Number of images.
    pub images: u64,
    /// The numbers of both classes.
    #[serde(skip)]
    pub(super) at: (usize, usize),
    /// Percent of the label's images, above 0.
    #[serde(skip)]
    pub(super) share: f64,
}

impl ConfusedPair<'_> {
    pub(super) fn is_right(&self) -> bool {
        self.at.0 == self.at.1
    }
}

impl ConfusionMatrix {
    /// A matrix without images of classes of these names.
    pub fn new<S: Into<String>>(classes: impl IntoIterator<Item = S>) -> Self {
        let classes: Vec<String> = classes.into_iter().map(Into::into).collect();
        Self { counts: Confusion::new(classes.len()), classes }
    }

    /// Counts under the names of their classes.
    ///
    /// # Errors
    /// [`ReportError::Classes`] if there are not as many names as classes.
    pub fn of(classes: &[String], counts: Confusion) -> Result<Self, ReportError> {
        let (names, counted) = (classes.len(), counts.rows().len());
        if names != counted {
            return Err(ReportError::Classes { names, classes: counted });
        }
        Ok(Self { classes: classes.to_vec(), counts })
    }

    /// Counts one image for each pair of label and predicted class.
    ///
    /// # Errors
    /// [`ReportError::Class`] for the first number that is none of a class; what precedes it is counted.
    pub fn record(&mut self, pairs: impl IntoIterator<Item = (u32, u32)>) -> Result<(), ReportError> {
        pairs.into_iter().try_for_each(|(label, predicted)| self.add(label, predicted, 1))
    }

    /// Counts `images` images of class `label` that were taken for class `predicted`.
    ///
    /// # Errors
    /// [`ReportError::Class`] when either is none of the classes.
    pub fn add(&mut self, label: u32, predicted: u32, images: u64) -> Result<(), ReportError> {
        let classes = self.classes.len();
        let index = |class: u32| {
            let index = usize::try_from(class).ok().filter(|&index| index < classes);
            index.ok_or(ReportError::Class { class, classes })
        };
        self.counts.count(index(label)?, index(predicted)?, images);
        Ok(())
    }

    /// Names of the classes, in the order of their numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Images of class `label` that were taken for class `predicted`; 0 for numbers that are none of a class.
    pub fn count(&self, label: usize, predicted: usize) -> u64 {
        self.row(label).get(predicted).copied().unwrap_or(0)
    }

    /// Number of images.
    pub fn images(&self) -> u64 {
        self.counts.total()
    }

    /// Percent of all images whose prediction is right; `None` without images.
    pub fn accuracy(&self) -> Option<f64> {
        percent(self.counts.correct(), self.images())
    }

    /// What is known of each class.
    pub fn class_rows(&self) -> Vec<ClassRow> {
        (0..self.classes.len()).map(|class| self.class_row(class)).collect()
    }

    /// All pairs of label and prediction that occurred, right ones included, by label and then by prediction.
    pub fn pairs(&self) -> impl Iterator<Item = ConfusedPair<'_>> {
        self.counts.rows().iter().enumerate().flat_map(move |(label, row)| {
            let total: u64 = row.iter().sum();
            let occurred = row.iter().enumerate().filter(|&(_, &images)| images > 0);
            occurred.map(move |(predicted, &images)| ConfusedPair {
                label: &self.classes[label],
                predicted: &self.classes[predicted],
                images,
                at: (label, predicted),
                share: 100.0 * images as f64 / total as f64,
            })
        })
    }

    /// The wrong pairs of label and prediction that occurred, most frequent first.
    pub fn confusions(&self) -> Vec<ConfusedPair<'_>> {
        let mut wrong: Vec<_> = self.pairs().filter(|pair| !pair.is_right()).collect();
        // A stable sort: of equal counts, the first by label and prediction stays first.
        wrong.sort_by_key(|pair| std::cmp::Reverse(pair.images));
        wrong
    }

    /// A line for each class and one for all: images, recall, precision, and the class it is most confused with.
    pub fn table(&self) -> Table {
        let mut table = Table::new([
            ("class", Align::Left),
            ("images", Align::Number),
            ("recall", Align::Number),
            ("precision", Align::Number),
            ("most confused with", Align::Left),
        ]);
        for row in self.class_rows() {
            let confused = row.most_confused_with.map(|other| format!("{other} ({})", row.confused));
            let (recall, precision) = (percent_text(row.recall), percent_text(row.precision));
            table.row([row.class, row.images.to_string(), recall, precision, confused.unwrap_or_default()]);
        }
        table.row(["all".to_owned(), self.images().to_string(), percent_text(self.accuracy())]);
        table
    }

    /// Writes one line per class to a CSV file.
    ///
    /// # Errors
    /// As [`write_csv`].
    pub fn write_classes_csv(&self, path: &Path) -> Result<(), ReportError> {
        write_csv(path, self.class_rows())
    }

    /// Writes one line for each pair of label and prediction that occurred to a CSV file.
    ///
    /// # Errors
    /// As [`write_csv`].
    pub fn write_pairs_csv(&self, path: &Path) -> Result<(), ReportError> {
        write_csv(path, self.pairs())
    }

    /// Counts by prediction of the images of class `label`; empty for a number that is none of a class.
    fn row(&self, label: usize) -> &[u64] {
        self.counts.rows().get(label).map_or(&[], Vec::as_slice)
    }

    fn class_row(&self, class: usize) -> ClassRow {
        let images = self.row(class).iter().sum();
        let predicted = (0..self.classes.len()).map(|label| self.count(label, class)).sum();
        let correct = self.count(class, class);
        let others = self.row(class).iter().enumerate().filter(|&(other, _)| other != class).rev();
        // From the last to the first, of which `max_by_key` takes the last of equals.
        let worst = others.max_by_key(|&(_, count)| count).filter(|&(_, &count)| count > 0);
        ClassRow {
            class: self.classes[class].clone(),
            images,
            predicted,
            correct,
            recall: percent(correct, images),
            precision: percent(correct, predicted),
            most_confused_with: worst.map(|(other, _)| self.classes[other].clone()),
            confused: worst.map_or(0, |(_, &count)| count),
        }
    }
}

/// `part` of `whole` in percent.
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

fn percent_text(percent: Option<f64>) -> String {
    percent.map_or("-".to_owned(), |percent| format!("{percent:.1} %"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix() -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::new(["cat", "dog", "small, grey mouse", "unseen"]);
        matrix.record([(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (1, 2), (2, 2)]).unwrap();
        matrix.add(2, 2, 9).unwrap();
        matrix
    }

    #[test]
    fn the_matrix_as_a_table() {
        insta::assert_snapshot!(matrix().table().to_string(), @r"
        class              images   recall  precision  most confused with
        -----------------  ------  -------  ---------  ------------------
        cat                     3   66.7 %     66.7 %  dog (1)
        dog                     3   33.3 %     50.0 %  cat (1)
        small, grey mouse      10  100.0 %     90.9 %
        unseen                  0        -          -
        all                    16   81.2 %
        ");
    }

    #[test]
    fn the_matrix_as_csv() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("matrix.csv");
        matrix().write_pairs_csv(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "label,predicted,images\ncat,cat,2\ncat,dog,1\ndog,cat,1\ndog,dog,1\n\
             dog,\"small, grey mouse\",1\n\"small, grey mouse\",\"small, grey mouse\",10\n"
        );
        matrix().write_classes_csv(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "class,images,predicted,correct,recall,precision,most_confused_with,confused");
        assert_eq!(lines[2], format!("dog,3,2,1,{},50.0,cat,1", 100.0 / 3.0));
        assert_eq!(lines[4], "unseen,0,0,0,,,,0");
    }

    #[test]
    fn confusions_come_in_order_of_their_count() {
        let mut matrix = matrix();
        matrix.add(2, 0, 4).unwrap();
        let counts: Vec<(String, u64)> = matrix
            .confusions()
            .into_iter()
            .map(|c| (format!("{} > {}", c.label, c.predicted), c.images))
            .collect();
        let expected = [
            ("small, grey mouse > cat", 4),
            ("cat > dog", 1),
            ("dog > cat", 1),
            ("dog > small, grey mouse", 1),
        ];
        assert_eq!(counts, expected.map(|(pair, images)| (pair.to_owned(), images)));
    }

    #[test]
    fn numbers_that_are_no_class_are_refused() {
        let mut matrix = matrix();
        let before = matrix.clone();
        for (label, predicted) in [(4, 0), (0, 4)] {
            let error = matrix.add(label, predicted, 1).unwrap_err().to_string();
            assert_eq!(error, "class 4 is not among the 4 classes; they are counted from 0");
        }
        assert_eq!(matrix, before);
        assert!(ConfusionMatrix::new::<String>([]).record([(0, 0)]).is_err());
    }

    proptest! {
        #[test]
        fn rows_columns_and_pairs_add_up(
            classes in 1u32..9,
            pairs in prop::collection::vec((0u32..9, 0u32..9), 0..200),
        ) {
            let pairs: Vec<(u32, u32)> = pairs.into_iter().map(|(a, b)| (a % classes, b % classes)).collect();
            let mut matrix = ConfusionMatrix::new((0..classes).map(|class| class.to_string()));
            matrix.record(pairs.iter().copied()).unwrap();
            let total = pairs.len() as u64;
            let rows = matrix.class_rows();
            prop_assert_eq!(matrix.images(), total);
            prop_assert_eq!(rows.iter().map(|row| row.images).sum::<u64>(), total);
            prop_assert_eq!(rows.iter().map(|row| row.predicted).sum::<u64>(), total);
            prop_assert_eq!(matrix.pairs().map(|pair| pair.images).sum::<u64>(), total);
            let wrong: u64 = matrix.confusions().iter().map(|pair| pair.images).sum();
            prop_assert_eq!(wrong, pairs.iter().filter(|(a, b)| a != b).count() as u64);
            let accuracy = percent(total - wrong, total);
            prop_assert_eq!(matrix.accuracy(), accuracy);
            for row in rows {
                prop_assert!(row.confused <= row.images - row.correct);
                prop_assert_eq!(row.confused == 0, row.images == row.correct);
            }
        }
    }
}
