//! Layout of learning curves, without pixels.

use proptest::prelude::*;

use super::*;
use crate::report::palette::{BLUE, INK};
use crate::report::scene::Mark;

/// The curves of an ordinary training.
fn curves(epochs: usize) -> LearningCurves {
    let epoch = |number: usize| {
        let progress = number as f64 / epochs as f64;
        CurveEpoch {
            train_loss: 0.2 + 2.1 * (-4.0 * progress).exp(),
            validation_loss: Some(0.35 + 1.9 * (-4.0 * progress).exp()),
            accuracy: Some(92.0 - 40.0 * (-4.0 * progress).exp()),
            averaged_accuracy: Some(93.0 - 60.0 * (-4.0 * progress).exp()),
            learning_rate: Some(0.004 * (1.0 - progress)),
        }
    };
    LearningCurves {
        title: "Training of mobilenet_v3".into(),
        subtitle: "60,000 images of 28x28, seed 7".into(),
        held_out: "validation".into(),
        epochs: (1..=epochs).map(epoch).collect(),
    }
}

fn with_losses(losses: &[f64]) -> LearningCurves {
    let mut curves = curves(losses.len());
    for (epoch, &train_loss) in curves.epochs.iter_mut().zip(losses) {
        *epoch = CurveEpoch { train_loss, validation_loss: None, ..*epoch };
    }
    curves
}

/// The training curve's pieces below the legend.
fn training_lines(scene: &Scene) -> Vec<Vec<At>> {
    let line = |mark: &Mark| match mark {
        Mark::Line { points, colour, .. } if *colour == BLUE && points[0].1 > 80.0 => Some(points.clone()),
        _ => None,
    };
    scene.marks.iter().filter_map(line).collect()
}

/// Places of the crosses below the legend.
fn crosses(scene: &Scene) -> Vec<At> {
    let stroke = |mark: &Mark| match mark {
        Mark::Line { points, width, colour, .. } if *width == 1.25 && *colour == INK => Some(points.clone()),
        _ => None,
    };
    let strokes: Vec<Vec<At>> = scene.marks.iter().filter_map(stroke).collect();
    let centres = strokes.chunks(2).map(|pair| {
        let (from, to) = (pair[0][0], pair[0][1]);
        ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0)
    });
    centres.filter(|&(_, y)| y > 80.0).collect()
}

fn texts(scene: &Scene) -> Vec<&str> {
    scene.texts().iter().map(|text| text.text.as_str()).collect()
}

#[test]
fn all_lengths_are_legible_and_name_their_axes() {
    for epochs in [1, 2, 3, 20, 21, 60, 1000] {
        let scene = curves(epochs).scene().unwrap();
        scene.assert_legible();
        for label in ["loss", "validation accuracy, %", "learning rate", "epoch"] {
            assert!(texts(&scene).contains(&label), "{label:?} at {epochs} epochs");
        }
    }
}

#[test]
fn losses_fall_on_the_page_and_every_epoch_has_its_place() {
    let lines = training_lines(&curves(60).scene().unwrap());
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].len(), 60);
    assert!(lines[0].windows(2).all(|pair| pair[1].0 > pair[0].0 && pair[1].1 > pair[0].1));
}

#[test]
fn one_epoch_is_a_dot_for_each_value() {
    let scene = curves(1).scene().unwrap();
    assert!(training_lines(&scene).is_empty());
    let dots = scene.marks.iter().filter(|mark| match mark {
        Mark::Disc { centre, colour, .. } => *colour == BLUE && centre.1 > 80.0,
        _ => false,
    });
    assert_eq!(dots.count(), 1);
}

#[test]
fn panels_without_a_value_are_left_out() {
    let mut bare = curves(5);
    for epoch in &mut bare.epochs {
        let train_loss = epoch.train_loss;
        *epoch = CurveEpoch {
            train_loss,
            validation_loss: None,
            accuracy: None,
            averaged_accuracy: None,
            learning_rate: None,
        };
    }
    let scene = bare.scene().unwrap();
    scene.assert_legible();
    let lowest = |scene: &Scene| training_lines(scene)[0].last().map(|at| at.1);
    assert!(lowest(&scene) > lowest(&curves(5).scene().unwrap()));
    assert!(!texts(&scene).iter().any(|text| text.contains("accuracy") || text.contains("rate")));
}

#[test]
fn a_diverged_epoch_interrupts_the_curve_and_is_a_cross_above_it() {
    let scene = with_losses(&[2.0, 1.5, f64::NAN, 1.0, 0.9, f64::INFINITY]).scene().unwrap();
    scene.assert_legible();
    let lines = training_lines(&scene);
    assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    let crosses = crosses(&scene);
    assert_eq!(crosses.len(), 2);
    let highest = lines[0][0].1;
    assert!(crosses.iter().all(|cross| cross.1 < highest));
    assert!(lines[0][1].0 < crosses[0].0 && crosses[0].0 < lines[1][0].0 && lines[1][1].0 < crosses[1].0);
    assert!(texts(&scene).contains(&"loss is not a number"));
}

#[test]
fn a_training_that_diverged_at_once_is_drawn() {
    let scene = with_losses(&[f64::NAN]).scene().unwrap();
    scene.assert_legible();
    assert_eq!(crosses(&scene).len(), 1);
}

#[test]
fn exploding_losses_leave_the_rest_of_the_curve_readable() {
    let calm = training_lines(&with_losses(&[2.0, 1.5, 1.0, 1.9]).scene().unwrap());
    let scene = with_losses(&[2.0, 1.5, 1.0, 1e30]).scene().unwrap();
    scene.assert_legible();
    let exploding = training_lines(&scene);
    let drop = |line: &[At]| line[2].1 - line[0].1;
    assert!(drop(&exploding[0]) > 0.8 * drop(&calm[0]));
    assert!(texts(&scene).contains(&"loss above the scale"));
    assert!(!texts(&scene).contains(&"loss is not a number"));
}

#[test]
fn an_epoch_has_one_sign_at_most() {
    let mut curves = with_losses(&[1.0, 1e30, 0.5]);
    curves.epochs[1].validation_loss = Some(f64::NAN);
    let scene = curves.scene().unwrap();
    assert_eq!(crosses(&scene).len(), 1);
    let arrow = |mark: &&Mark| matches!(mark, Mark::Polygon { colour, .. } if *colour == INK);
    assert_eq!(scene.marks.iter().filter(arrow).count(), 0);
}

#[test]
fn rates_of_zero_are_drawn_on_an_axis_from_zero() {
    let mut still = curves(2);
    still.epochs.iter_mut().for_each(|epoch| epoch.learning_rate = Some(0.0));
    let scene = still.scene().unwrap();
    scene.assert_legible();
    assert!(texts(&scene).contains(&"0.0005"));
    assert!(!texts(&scene).iter().any(|text| text.starts_with('\u{2212}')));
}

#[test]
fn values_that_have_no_place_are_refused_by_name() {
    let error = with_losses(&[1.0, -0.5]).scene().unwrap_err().to_string();
    assert!(error.starts_with("training loss of epoch 2 is -0.5"), "{error}");
    let mut wrong = curves(3);
    wrong.epochs[2].accuracy = Some(f64::NAN);
    let error = wrong.scene().unwrap_err().to_string();
    assert!(error.starts_with("accuracy of epoch 3 is NaN"), "{error}");
}

#[test]
fn without_epochs_it_says_so() {
    let scene = curves(0).scene().unwrap();
    scene.assert_legible();
    assert!(texts(&scene).contains(&"no epoch was finished"));
}

#[test]
fn the_same_curves_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let files = curves(3).write(&folder.path().join(name)).unwrap();
        (std::fs::read(files.svg).unwrap(), std::fs::read(files.png).unwrap())
    };
    assert_eq!(write("a"), write("b"));
}

fn loss() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 0.0..5.0f64, 1 => Just(f64::NAN), 1 => 0.0..1e30f64]
}

proptest! {
    #[test]
    fn any_course_is_legible_and_stays_in_its_panels(
        epochs in prop::collection::vec(
            (
                loss(),
                prop::option::of(loss()),
                prop::option::of(0.0..=100.0f64),
                prop::option::of(0.0..=100.0f64),
                prop::option::of(0.0..1.0f64),
            ),
            0..80,
        ),
    ) {
        let epochs = epochs.into_iter().map(
            |(train_loss, validation_loss, accuracy, averaged_accuracy, learning_rate)| CurveEpoch {
                train_loss, validation_loss, accuracy, averaged_accuracy, learning_rate,
            },
        );
        let scene = LearningCurves { epochs: epochs.collect(), ..curves(0) }.scene().unwrap();
        scene.assert_legible();
        for mark in &scene.marks {
            if let Mark::Line { points, .. } = mark {
                prop_assert!(points.iter().all(|&(x, y)| (0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y)));
            }
        }
    }
}
