//! Layout of predicted against measured latencies, without pixels.

use proptest::prelude::*;

use super::*;
use crate::report::scene::Mark;

/// Networks of `(measured, predicted)` ms.
fn networks(pairs: &[(f64, f64)]) -> Vec<Comparison> {
    pairs.iter().map(|&(measured_ms, predicted_ms)| Comparison { predicted_ms, measured_ms }).collect()
}

fn plot(held_out: &[(f64, f64)], fitted: &[(f64, f64)]) -> ScatterPlot {
    ScatterPlot {
        title: "Predicted and measured latency".into(),
        subtitle: "x86-64 server core, one thread".into(),
        networks: networks(held_out),
        fitted: networks(fitted),
    }
}

/// `count` networks from `least` to `most` ms, with errors up to 8 %.
fn spread(count: u32, least: f64, most: f64) -> Vec<(f64, f64)> {
    let share = |index: u32| f64::from(index) / f64::from(count.max(2) - 1);
    let error = |index: u32| 0.08 * f64::from(index * 37 % 100) / 100.0 - 0.04;
    let measured = |index: u32| least + (most - least) * share(index);
    (0..count).map(|index| (measured(index), measured(index) * (1.0 + error(index)))).collect()
}

fn has_text(scene: &Scene, wanted: &str) -> bool {
    scene.texts().iter().any(|text| text.text == wanted)
}

/// Dots below the legend, in painting order.
fn dots(scene: &Scene) -> Vec<(At, f64)> {
    let (frame, _) = geometry(scene);
    let dot = |mark: &Mark| match mark {
        Mark::Disc { centre, radius, .. } if centre.1 > frame.top => Some((*centre, *radius)),
        _ => None,
    };
    scene.marks.iter().filter_map(dot).collect()
}

/// The square around the bands, and the corners of these.
fn geometry(scene: &Scene) -> (Rect, Vec<Vec<At>>) {
    let band = |mark: &Mark| match mark {
        Mark::Polygon { points, .. } => Some(points.clone()),
        _ => None,
    };
    let bands: Vec<Vec<At>> = scene.marks.iter().filter_map(band).collect();
    let ((left, bottom), (right, top)) = (bands[0][0], bands[0][3]);
    (Rect { left, top, right, bottom }, bands)
}

/// Distance of `at` from the line through `a` and `b`, times the distance of these two.
fn off_line(at: At, a: At, b: At) -> f64 {
    ((b.0 - a.0) * (at.1 - a.1) - (b.1 - a.1) * (at.0 - a.0)).abs()
}

#[test]
fn dots_lie_on_the_diagonal_and_on_the_bands_of_their_errors() {
    let scene =
        plot(&[(30.0, 30.0), (40.0, 44.0), (50.0, 45.0), (60.0, 63.0), (70.0, 66.5)], &[]).scene().unwrap();
    let (frame, bands) = geometry(&scene);
    let at: Vec<At> = dots(&scene).into_iter().map(|(at, _)| at).collect();
    assert!((frame.width() - frame.height()).abs() < 1e-9, "{frame:?}");
    let (wide, narrow) = (&bands[0], &bands[1]);
    let lines = [
        (wide[0], wide[3]),
        (wide[1], wide[2]),
        (wide[4], wide[5]),
        (narrow[1], narrow[2]),
        (narrow[4], narrow[5]),
    ];
    for (at, (a, b)) in at.into_iter().zip(lines) {
        assert!(off_line(at, a, b) < 1e-6, "{at:?} is not on {a:?} to {b:?}");
    }
}

#[test]
fn networks_of_the_fit_are_smaller_and_lie_below() {
    let scene = plot(&spread(30, 20.0, 40.0), &spread(20, 20.0, 60.0)).scene().unwrap();
    let radii: Vec<f64> = dots(&scene).into_iter().map(|(_, radius)| radius).collect();
    assert_eq!(radii.len(), 50);
    assert!(radii[..20].iter().all(|radius| *radius < radii[20]), "{radii:?}");
    assert!(has_text(&scene, "network of the fit"));
    assert!(!has_text(&plot(&spread(3, 20.0, 40.0), &[]).scene().unwrap(), "network of the fit"));
}

#[test]
fn figures_are_those_of_held_out_networks() {
    // Errors of 0, -8 % and +2 %.
    let scene = plot(&[(10.0, 10.0), (50.0, 46.0), (20.0, 20.4)], &[(10.0, 90.0)]).scene().unwrap();
    let wanted = ["3 held-out networks", "66.7 %", "100.0 %", "\u{2212}2.00 %", "3.33 %", "2.32 ms", "1.000"];
    for text in wanted {
        assert!(has_text(&scene, text), "{text}");
    }
    let one = plot(&[(10.0, 10.5)], &[]).scene().unwrap();
    assert!(has_text(&one, "1 held-out network") && has_text(&one, "+5.00 %") && has_text(&one, "none"));
}

#[test]
fn values_that_have_no_place_are_refused_by_name() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, 5e-324, 2e9] {
        let error = |plot: ScatterPlot| plot.scene().unwrap_err().to_string();
        let found = error(plot(&[(40.0, 40.0), (bad, 40.0)], &[]));
        assert!(found.starts_with("measured latency of network 2 is "), "{found}");
        let found = error(plot(&[], &[(40.0, bad)]));
        assert!(found.starts_with("predicted latency of fitted network 1 is "), "{found}");
    }
}

#[test]
fn any_number_of_networks_is_legible_at_any_latency() {
    for (least, most) in
        [(0.1, 0.1), (0.08, 0.12), (0.1, 500.0), (500.0, 500.0), (20.0, 60.0), (1e-6, 1e-6), (1e9, 1e9)]
    {
        for count in [1, 2, 30, 100, 3000] {
            let networks: Vec<_> =
                spread(count, least, most).into_iter().map(|(m, p)| (m, p.clamp(1e-6, 1e9))).collect();
            let scene = plot(&networks, &networks[..networks.len() / 2]).scene().unwrap();
            scene.assert_legible();
            for text in ["+5 %", "+10 %", "\u{2212}5 %", "\u{2212}10 %"] {
                assert!(has_text(&scene, text), "{text} from {least} to {most} ms");
            }
        }
    }
}

#[test]
fn edge_cases_are_legible() {
    let long =
        ScatterPlot { title: "Long ".repeat(99), subtitle: "x ".repeat(999), ..plot(&[(40.0, 42.0)], &[]) };
    for case in [long, ScatterPlot::default(), plot(&[], &[(1.0, 2.0)])] {
        case.scene().unwrap().assert_legible();
    }
    assert!(has_text(&plot(&[], &[]).scene().unwrap(), "no network was measured"));
    assert!(!has_text(&plot(&[], &[(1.0, 2.0)]).scene().unwrap(), "no network was measured"));
}

#[test]
fn the_same_plot_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let files = plot(&spread(9, 20.0, 60.0), &[]).write(&folder.path().join(name)).unwrap();
        (std::fs::read(files.svg).unwrap(), std::fs::read(files.png).unwrap())
    };
    assert_eq!(write("a"), write("b"));
}

proptest! {
    #[test]
    fn any_networks_are_legible_and_inside_the_panel(
        held_out in prop::collection::vec((-6.0..9.0f64, -6.0..9.0f64), 0..60),
        fitted in prop::collection::vec((0.0..3.0f64, 0.0..3.0f64), 0..20),
    ) {
        let powers = |pairs: &[(f64, f64)]| -> Vec<_> {
            pairs.iter().map(|&(x, y)| (10f64.powf(x), 10f64.powf(y))).collect()
        };
        let scene = plot(&powers(&held_out), &powers(&fitted)).scene().unwrap();
        scene.assert_legible();
        let (frame, _) = geometry(&scene);
        let inside = frame.grown(1e-6);
        let dots = dots(&scene);
        prop_assert_eq!(dots.len(), held_out.len() + fitted.len());
        prop_assert!(dots.iter().all(|&(at, _)| inside.contains(at)));
    }
}
