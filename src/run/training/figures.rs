//! The figures of a training: its learning curves and the confusion matrix of its test, in `derived/`.

use super::report::TestReport;
use super::view::TrainingView;
use crate::report::{ConfusionMatrix, ConfusionPlot, CurveEpoch, LearningCurves, ReportError};
use crate::run::folder::RunReader;
use crate::run::words::plural;
use crate::train::{EpochRecord, Measured};

/// Draws the epochs of a training; one that diverged has another epoch without a loss.
pub(super) fn draw_curves(run: &RunReader, view: &TrainingView) -> Result<(), ReportError> {
    let (options, recipe) = (&view.options, &view.options.recipe);
    let broken = view.divergence.as_ref().map(|_| BROKEN);
    let curves = LearningCurves {
        title: format!("Training of {}", view.spec.name),
        subtitle: format!(
            "recipe {}, {} in batches of {} on {}; seed {}",
            options.recipe_name,
            plural(recipe.epochs as usize, "epoch"),
            recipe.batch,
            options.data,
            options.seed
        ),
        held_out: "validation".to_owned(),
        epochs: view.history.0.iter().map(curve_epoch).chain(broken).collect(),
    };
    curves.write(&run.derived("learning_curves")).map(drop)
}

/// The epoch in which a training diverged.
const BROKEN: CurveEpoch = CurveEpoch {
    train_loss: f64::NAN,
    validation_loss: None,
    accuracy: None,
    averaged_accuracy: None,
    learning_rate: None,
};

fn curve_epoch(record: &EpochRecord) -> CurveEpoch {
    let percent = |measured: Measured| 100.0 * measured.accuracy;
    // Where an average is kept, it is what was validated, and the weights themselves were scored beside it.
    let (own, averaged) = match record.without_average {
        None => (record.validation, None),
        own => (own, record.validation),
    };
    CurveEpoch {
        train_loss: record.train_loss,
        validation_loss: own.map(|own| own.loss),
        accuracy: own.map(percent),
        averaged_accuracy: averaged.map(percent),
        learning_rate: Some(record.learning_rate),
    }
}

/// Draws what a test took for what.
pub(super) fn draw_confusion(
    run: &RunReader,
    view: &TrainingView,
    report: &TestReport,
    matrix: ConfusionMatrix,
) -> Result<(), ReportError> {
    let options = &view.options;
    let plot = ConfusionPlot {
        title: format!("{}: {:.1} % of the test images are right", view.spec.name, 100.0 * report.accuracy),
        subtitle: format!(
            "{} images of {}, weights of epoch {}; seed {}",
            report.images, options.data, report.epoch, options.seed
        ),
        matrix,
    };
    plot.write(&run.derived("confusion")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_themselves_and_their_average_are_curves_of_their_own() {
        let measured = |loss, accuracy| Some(Measured { loss, accuracy });
        let record = EpochRecord {
            epoch: 1,
            learning_rate: 0.1,
            train_loss: 2.0,
            train_accuracy: 0.25,
            validation: measured(1.5, 0.75),
            without_average: measured(1.75, 0.5),
        };
        let drawn = curve_epoch(&record);
        let expected = CurveEpoch {
            train_loss: 2.0,
            validation_loss: Some(1.75),
            accuracy: Some(50.0),
            averaged_accuracy: Some(75.0),
            learning_rate: Some(0.1),
        };
        assert_eq!(drawn, expected);
        let drawn = curve_epoch(&EpochRecord { without_average: None, ..record });
        assert_eq!((drawn.validation_loss, drawn.accuracy), (Some(1.5), Some(75.0)));
        assert_eq!(drawn.averaged_accuracy, None);
    }
}
