//! Layout of adaptations, without pixels.

use proptest::prelude::*;

use super::*;
use crate::report::palette::Colour;
use crate::report::scene::{At, Mark};

/// A path of `kept` networks from 92 % at 60 ms down to 88 % at 40 ms.
fn path(kept: usize) -> Vec<CostPoint> {
    let step = |index: usize| {
        let progress = index as f64 / (kept.max(2) - 1) as f64;
        CostPoint { cost: 60.0 - 20.0 * progress, accuracy: 92.0 - 4.0 * progress }
    };
    (0..kept).map(step).collect()
}

/// `count` proposals along the path, each a little worse than it.
fn near_path(count: usize) -> Vec<CostPoint> {
    let worse = |(index, point): (usize, CostPoint)| CostPoint {
        accuracy: point.accuracy - 0.1 * (index % 9) as f64,
        ..point
    };
    path(count).into_iter().enumerate().map(worse).collect()
}

fn results(count: usize) -> Vec<AdaptedNetwork> {
    let network = |index: usize| {
        let accuracy = 91.4 - 0.5 * index as f64;
        AdaptedNetwork {
            name: format!("width multiplier {index}"),
            cost: 40.0 + index as f64 / 10.0,
            accuracy,
            low: accuracy - 0.6,
            high: accuracy + 0.4,
            highlighted: index == 0,
        }
    };
    (0..count).map(network).collect()
}

fn plot(tried: usize, kept: usize, networks: usize) -> AdaptationPlot {
    AdaptationPlot {
        title: "Adapting mobilenet_v3".into(),
        subtitle: "to 42 ms, seed 7".into(),
        cost_label: "predicted latency on Google Pixel 1, ms".into(),
        accuracy_label: "accuracy on held-out images, %".into(),
        limit: Some(42.0),
        tried: near_path(tried),
        path: path(kept),
        result_label: "test accuracy and its 95 % interval, %".into(),
        results: results(networks),
    }
}

/// `plot` with these accuracies of further proposals.
fn with_proposals(mut plot: AdaptationPlot, accuracies: &[f64]) -> AdaptationPlot {
    let proposal = |(index, &accuracy): (usize, &f64)| CostPoint { cost: 45.0 + index as f64, accuracy };
    plot.tried.extend(accuracies.iter().enumerate().map(proposal));
    plot
}

fn texts(scene: &Scene) -> Vec<&str> {
    scene.texts().iter().map(|text| text.text.as_str()).collect()
}

/// Ends of all lines of this colour and width below the legend.
fn lines(scene: &Scene, colour: Colour, width: f64) -> Vec<Vec<At>> {
    let line = |mark: &Mark| match mark {
        Mark::Line { points, colour: c, width: w, .. } if (*c, *w) == (colour, width) => Some(points.clone()),
        _ => None,
    };
    scene.marks.iter().filter_map(line).filter(|points| points[0].1 > 70.0).collect()
}

fn path_line(scene: &Scene) -> Vec<At> {
    lines(scene, VERMILLION, 2.0).remove(0)
}

/// Centres of the proposals' dots below the legend.
fn dots(scene: &Scene) -> Vec<At> {
    let dot = |mark: &Mark| match mark {
        Mark::Disc { centre, colour, .. } if *colour == BLUE && centre.1 > 70.0 => Some(*centre),
        _ => None,
    };
    scene.marks.iter().filter_map(dot).collect()
}

/// Corners of the arrow heads below the legend, the tip last.
fn arrows(scene: &Scene) -> Vec<Vec<At>> {
    let arrow = |mark: &Mark| match mark {
        Mark::Polygon { points, .. } if points[0].1 > 70.0 => Some(points.clone()),
        _ => None,
    };
    scene.marks.iter().filter_map(arrow).collect()
}

fn height(line: &[At]) -> f64 {
    let (highest, lowest) = Range::around(line.iter().map(|&(_, y)| y)).unwrap();
    lowest - highest
}

#[test]
fn few_many_and_no_data_are_legible() {
    for tried in [0, 1, 2, 20, 2000] {
        for kept in [0, 1, 2, 12, 45, 46, 200] {
            for networks in [0, 1, 4, 9, 10, 40] {
                plot(tried, kept, networks).scene().unwrap().assert_legible();
            }
        }
    }
    let default = AdaptationPlot::default().scene().unwrap();
    default.assert_legible();
    assert!(texts(&default).contains(&"no network was tried"));
}

#[test]
fn extreme_data_are_legible() {
    let point = |cost, accuracy| CostPoint { cost, accuracy };
    let corners = vec![point(0.0, 0.0), point(0.0, 100.0), point(1e12, 0.0), point(1e12, 100.0)];
    let equal = vec![point(50.0, 90.0); 30];
    let network = |cost, accuracy, low, high| AdaptedNetwork {
        name: "a very long name of a network ".repeat(9),
        cost,
        accuracy,
        low,
        high,
        highlighted: true,
    };
    let cases = [
        AdaptationPlot { tried: corners.clone(), path: corners, limit: Some(1e12), ..plot(0, 0, 4) },
        AdaptationPlot { tried: equal.clone(), path: equal, limit: Some(50.0), ..plot(0, 0, 4) },
        AdaptationPlot { limit: Some(0.0), ..plot(20, 10, 4) },
        AdaptationPlot { limit: Some(1e12), cost_label: "cost, units".repeat(40), ..plot(20, 10, 4) },
        AdaptationPlot {
            results: vec![network(0.0, 0.0, 0.0, 0.0), network(1e12, 100.0, 0.0, 100.0)],
            ..plot(20, 10, 0)
        },
        AdaptationPlot {
            title: "Long ".repeat(99),
            accuracy_label: "long ".repeat(99),
            result_label: "long ".repeat(99),
            ..plot(20, 10, 40)
        },
    ];
    for case in cases {
        case.scene().unwrap().assert_legible();
    }
}

#[test]
fn the_path_runs_through_the_kept_networks_in_their_order() {
    let scene = plot(0, 5, 0).scene().unwrap();
    let line = path_line(&scene);
    assert_eq!(line.len(), 5);
    assert!(line.windows(2).all(|pair| pair[1].0 < pair[0].0 && pair[1].1 > pair[0].1));
    let even = |pair: &[At]| (pair[0].0 - pair[1].0) - (line[0].0 - line[1].0);
    assert!(line.windows(2).all(|pair| even(pair).abs() < 1e-9));
    let ring = |mark: &&Mark| match mark {
        Mark::Disc { centre, colour, .. } => *colour == VERMILLION && line.contains(centre),
        _ => false,
    };
    assert_eq!(scene.marks.iter().filter(ring).count(), 5);
    assert!(texts(&scene).contains(&"kept network, from 92.0 % to 88.0 %"));
}

#[test]
fn a_path_of_one_network_is_a_marker_without_a_line() {
    let scene = plot(3, 1, 0).scene().unwrap();
    assert!(lines(&scene, VERMILLION, 2.0).is_empty());
    let ring = |mark: &&Mark| match mark {
        Mark::Disc { centre, colour, .. } => *colour == VERMILLION && centre.1 > 70.0,
        _ => false,
    };
    assert_eq!(scene.marks.iter().filter(ring).count(), 1);
    assert!(texts(&scene).contains(&"kept network"));
}

#[test]
fn proposals_lie_where_the_path_would() {
    let plot = AdaptationPlot { tried: path(5), ..plot(0, 5, 0) };
    let scene = plot.scene().unwrap();
    assert_eq!(dots(&scene), path_line(&scene));
    assert!(arrows(&scene).is_empty());
}

#[test]
fn the_budget_is_a_line_between_the_costs_around_it() {
    let scene = plot(0, 3, 0).scene().unwrap();
    let budget = lines(&scene, INK, 1.25).remove(0);
    let line = path_line(&scene);
    // Networks at 60, 50 and 40 ms around a budget of 42 ms.
    let expected = line[2].0 + 0.1 * (line[1].0 - line[2].0) * 2.0;
    assert!((budget[0].0 - expected).abs() < 1e-6 && budget[0].0 == budget[1].0);
    assert!(texts(&scene).contains(&"budget 42 ms"));
    let without = AdaptationPlot { limit: None, ..plot(0, 3, 0) }.scene().unwrap();
    assert!(lines(&without, INK, 1.25).is_empty());
    assert!(!texts(&without).iter().any(|text| text.starts_with("budget")));
}

#[test]
fn a_few_ruined_proposals_are_arrows_and_leave_the_path_as_it_is() {
    let calm = plot(20, 8, 0).scene().unwrap();
    let scene = with_proposals(plot(20, 8, 0), &[10.0, 10.0, 35.0]).scene().unwrap();
    scene.assert_legible();
    assert_eq!(dots(&scene).len(), 20);
    assert!(height(&path_line(&scene)) > 0.9 * height(&path_line(&calm)));
    let arrows = arrows(&scene);
    assert_eq!(arrows.len(), 3);
    for arrow in &arrows {
        assert!(arrow[2].1 > arrow[0].1, "{arrow:?} points upwards");
        assert!(dots(&scene).iter().all(|dot| dot.1 < arrow[0].1));
    }
    assert!(texts(&scene).contains(&"3 proposals below the scale"));
    assert!(!texts(&calm).iter().any(|text| text.ends_with("the scale")));
}

#[test]
fn arrows_have_a_strip_of_their_own_in_a_low_panel_too() {
    let scene = with_proposals(plot(20, 8, 9), &[10.0]).scene().unwrap();
    let arrow = &arrows(&scene)[0];
    let middle = (arrow[0].1 + arrow[2].1) / 2.0;
    assert!(dots(&scene).iter().all(|dot| dot.1 <= middle - ARROW_ROOM / 2.0));
}

#[test]
fn a_proposal_far_above_the_path_is_an_arrow_upwards() {
    let mut flat = plot(0, 4, 0);
    flat.path.iter_mut().for_each(|point| point.accuracy = 50.0);
    flat.tried = flat.path.clone();
    let scene = with_proposals(flat, &[99.0]).scene().unwrap();
    scene.assert_legible();
    let arrows = arrows(&scene);
    assert_eq!(arrows.len(), 1);
    assert!(arrows[0][2].1 < arrows[0][0].1 && arrows[0][0].1 < path_line(&scene)[0].1);
    assert!(texts(&scene).contains(&"1 proposal above the scale"));
}

#[test]
fn what_most_proposals_reach_is_on_the_scale() {
    let plot = with_proposals(plot(10, 8, 0), &[12.0; 20]);
    let scene = plot.scene().unwrap();
    assert_eq!(dots(&scene).len(), 30);
    assert!(arrows(&scene).is_empty());
}

#[test]
fn arrows_keep_apart_and_the_legend_counts_all() {
    let mut plot = plot(2000, 8, 0);
    plot.tried.iter_mut().step_by(10).for_each(|point| point.accuracy = 10.0);
    let scene = plot.scene().unwrap();
    let tips: Vec<f64> = arrows(&scene).iter().map(|corners| corners[2].0).collect();
    assert!(tips.len() > 20 && tips.windows(2).all(|pair| pair[1] - pair[0] >= ARROW_STEP));
    assert!(texts(&scene).contains(&"200 proposals below the scale"));
    assert_eq!(dots(&scene).len(), 1800);
}

#[test]
fn a_result_is_a_row_with_its_interval_and_numbers() {
    let scene = plot(0, 0, 2).scene().unwrap();
    let highlighted = lines(&scene, VERMILLION, 2.0);
    let other = lines(&scene, GREY, 1.5);
    // Two ends and the line between them.
    assert_eq!((highlighted.len(), other.len()), (3, 3));
    let (first, second) = (&highlighted[2], &other[2]);
    assert!(first[0].1 < second[0].1);
    // 90.8 to 91.8 % and 90.3 to 91.3 %.
    let unit = first[1].0 - first[0].0;
    assert!((second[1].0 - second[0].0 - unit).abs() < 1e-6);
    assert!((first[0].0 - second[0].0 - 0.5 * unit).abs() < 1e-6);
    let value = |mark: &Mark| match mark {
        Mark::Disc { centre, colour, .. } if *colour == GREY => Some(centre.0),
        _ => None,
    };
    let value = scene.marks.iter().find_map(value).unwrap();
    assert!((value - second[0].0 - 0.6 * unit).abs() < 1e-6);
    for (name, accuracy, cost) in
        [("width multiplier 0", "91.4 %", "40.0 ms"), ("width multiplier 1", "90.9 %", "40.1 ms")]
    {
        let row = |wanted: &str| scene.texts().into_iter().find(|text| text.text == wanted).unwrap().at;
        assert!(row(name).1 == row(accuracy).1 && row(name).1 == row(cost).1);
    }
}

#[test]
fn only_the_highlighted_result_is_bold_on_a_band() {
    let scene = plot(0, 0, 5).scene().unwrap();
    let bold = |text: &&Text| text.weight == crate::report::font::Weight::Bold;
    let bold: Vec<&str> =
        scene.texts().into_iter().filter(|text| bold(text)).map(|text| text.text.as_str()).collect();
    assert_eq!(bold, ["Adapting mobilenet_v3", "width multiplier 0", "91.4 %"]);
    let band = |mark: &Mark| match mark {
        Mark::Area { rect, colour, .. } if *colour == SHADE => Some(*rect),
        _ => None,
    };
    let bands: Vec<Rect> = scene.marks.iter().filter_map(band).collect();
    assert_eq!(bands.len(), 1);
    for text in scene.texts().iter().filter(|text| text.text.starts_with("width multiplier")) {
        assert_eq!(bands[0].encloses(&text.bounds()), text.text.ends_with('0'), "{}", text.text);
        assert_eq!(bands[0].overlaps(&text.bounds()), text.text.ends_with('0'), "{}", text.text);
    }
}

#[test]
fn without_results_the_path_takes_the_whole_height() {
    let (with, without) = (plot(0, 5, 4).scene().unwrap(), plot(0, 5, 0).scene().unwrap());
    assert!(height(&path_line(&without)) > 1.4 * height(&path_line(&with)));
    assert!(!texts(&without).contains(&"test accuracy and its 95 % interval, %"));
    assert!(texts(&with).contains(&"test accuracy and its 95 % interval, %"));
}

#[test]
fn more_results_than_rows_are_counted_and_the_highlighted_one_stays() {
    let mut many = plot(0, 0, 20);
    many.results[0].highlighted = false;
    many.results[17].highlighted = true;
    let scene = many.scene().unwrap();
    let texts = texts(&scene);
    assert!(texts.contains(&"width multiplier 17") && texts.contains(&"and 12 more"));
    assert_eq!(texts.iter().filter(|text| text.starts_with("width multiplier")).count(), 8);
}

#[test]
fn costs_have_the_unit_of_their_axis_if_it_names_one() {
    for (cost_label, budget, cost) in [
        ("latency, ms", "budget 42 ms", "40.0 ms"),
        ("latency, on a phone, ms", "budget 42 ms", "40.0 ms"),
        ("latency, in milliseconds", "budget 42", "40.0"),
        ("latency", "budget 42", "40.0"),
        ("", "budget 42", "40.0"),
    ] {
        let plot = AdaptationPlot { cost_label: cost_label.into(), ..plot(0, 0, 1) };
        let scene = plot.scene().unwrap();
        assert!(texts(&scene).contains(&budget) && texts(&scene).contains(&cost), "{cost_label:?}");
    }
}

#[test]
fn values_that_have_no_place_are_refused_by_name() {
    let refused = |change: &dyn Fn(&mut AdaptationPlot)| {
        let mut plot = plot(3, 3, 2);
        change(&mut plot);
        plot.scene().unwrap_err().to_string()
    };
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        let starts = |error: String, start: &str| assert!(error.starts_with(start), "{error}");
        starts(refused(&|plot| plot.tried[1].cost = bad), "cost of proposal 2 is ");
        starts(refused(&|plot| plot.tried[2].accuracy = bad), "accuracy of proposal 3 is ");
        starts(refused(&|plot| plot.path[0].cost = bad), "cost of kept network 1 is ");
        starts(refused(&|plot| plot.path[1].accuracy = bad), "accuracy of kept network 2 is ");
        starts(refused(&|plot| plot.results[1].cost = bad), "cost of \"width multiplier 1\" is ");
        starts(refused(&|plot| plot.results[0].accuracy = bad), "accuracy of \"width multiplier 0\" is ");
        starts(refused(&|plot| plot.results[0].low = bad), "lower end of the interval of ");
        starts(refused(&|plot| plot.results[0].high = bad), "upper end of the interval of ");
        starts(refused(&|plot| plot.limit = Some(bad)), "budget is ");
    }
    // The accuracy is 91.4 %.
    assert!(refused(&|plot| plot.results[0].low = 91.5).starts_with("lower end of the interval of "));
    assert!(refused(&|plot| plot.results[0].high = 91.3).starts_with("upper end of the interval of "));
}

#[test]
fn the_same_plot_gives_the_same_bytes_also_where_points_coincide() {
    let folder = tempfile::tempdir().unwrap();
    let mut same = with_proposals(plot(6, 3, 2), &[5.0]);
    same.path.push(same.path[2]);
    same.results[1].low = same.results[1].accuracy;
    same.results[1].high = same.results[1].accuracy;
    let write = |name: &str| {
        let files = same.write(&folder.path().join(name)).unwrap();
        (std::fs::read(files.svg).unwrap(), std::fs::read(files.png).unwrap())
    };
    assert_eq!(write("a"), write("b"));
}

fn points(most: usize) -> impl Strategy<Value = Vec<CostPoint>> {
    let point = (0.0..300.0f64, 0.0..=100.0f64).prop_map(|(cost, accuracy)| CostPoint { cost, accuracy });
    prop::collection::vec(point, 0..most)
}

proptest! {
    #[test]
    fn any_adaptation_is_legible_and_every_proposal_is_shown(
        tried in points(80),
        path in points(60),
        limit in prop::option::of(0.0..400.0f64),
        networks in prop::collection::vec((0.0..=100.0f64, 0.0..=1.0f64, 0.0..=1.0f64), 0..14),
    ) {
        let network = |(accuracy, below, above): (f64, f64, f64)| AdaptedNetwork {
            name: format!("{accuracy}"),
            cost: accuracy,
            accuracy,
            low: accuracy * below,
            high: accuracy + (100.0 - accuracy) * above,
            highlighted: below > 0.7,
        };
        let results = networks.into_iter().map(network).collect();
        let plot = AdaptationPlot { tried, path, limit, results, ..plot(0, 0, 0) };
        let scene = plot.scene().unwrap();
        scene.assert_legible();
        let (below, above) = plot.off_scale(plot.accuracy_range());
        prop_assert_eq!(dots(&scene).len() + below + above, plot.tried.len());
        prop_assert_eq!(below + above == 0, arrows(&scene).is_empty());
        for mark in &scene.marks {
            if let Mark::Line { points, .. } = mark {
                prop_assert!(points.iter().all(|&(x, y)| (0.0..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y)));
            }
        }
    }
}
