//! Layout of drawings, without pixels.

use proptest::prelude::*;

use super::block::{activation_graph, activation_name};
use super::*;
use crate::report::palette::{BLUE, Colour, GREEN, GREY, WHITE, tint};
use crate::report::scene::Mark;

fn block(kernel: u32, expanded: u32, output: u32) -> DrawnLayer {
    DrawnLayer {
        name: "blocks.0".to_owned(),
        operation: Operation::Convolution { kernel },
        expanded: Some(expanded),
        output,
        squeeze_excite: false,
        nonlinearity: Some(Activation::Relu),
        map: [56, 56],
        madds: 1_000_000,
        latency: None,
    }
}

fn classifier(classes: u32) -> DrawnLayer {
    DrawnLayer {
        name: "classifier".to_owned(),
        operation: Operation::Linear,
        expanded: None,
        nonlinearity: None,
        map: [1, 1],
        ..block(1, 1, classes)
    }
}

fn timed(layer: DrawnLayer, ms: f64, stddev_ms: Option<f64>, basis: RowSource) -> DrawnLayer {
    DrawnLayer { latency: Some(DrawnLatency { ms, stddev_ms, basis }), ..layer }
}

fn drawing(layers: Vec<DrawnLayer>) -> NetworkDrawing {
    NetworkDrawing { title: "mobilenet".to_owned(), subtitle: "1000 classes\n18 ms".to_owned(), layers }
}

fn scene(layers: Vec<DrawnLayer>) -> Scene {
    drawing(layers).scene().unwrap()
}

/// A network of `count` blocks and a classifier, with all that a block may have.
fn network(count: u32) -> Vec<DrawnLayer> {
    let bases = [RowSource::Exact, RowSource::Interpolated, RowSource::Extrapolated];
    let layer = |index: u32| DrawnLayer {
        name: format!("blocks.{index}"),
        squeeze_excite: index.is_multiple_of(3),
        map: [224 >> (1 + 5 * index / count); 2],
        madds: 1_234_567 * u64::from(1 + index % 7),
        ..timed(
            block(3 + 2 * (index % 3), 96 + 24 * index, 16 + 4 * index),
            0.3 + 0.417 * f64::from(index % 11),
            index.is_multiple_of(2).then_some(0.0123),
            bases[index as usize % 3],
        )
    };
    let folded = timed(classifier(1000), 0.0, None, RowSource::Folded);
    (0..count).map(layer).chain([folded]).collect()
}

fn texts(scene: &Scene) -> Vec<&str> {
    scene.texts().iter().map(|text| text.text.as_str()).collect()
}

/// Where the rows start: below the headers.
fn top(scene: &Scene) -> f64 {
    scene.texts().iter().find(|text| text.text == "layer").unwrap().bounds().bottom
}

/// The areas of this colour below the headers.
fn areas(scene: &Scene, wanted: Colour) -> Vec<Rect> {
    let top = top(scene);
    let area = |mark: &Mark| match mark {
        Mark::Area { rect, colour, .. } if *colour == wanted && rect.top > top => Some(*rect),
        _ => None,
    };
    scene.marks.iter().filter_map(area).collect()
}

/// The polygons below the headers.
fn polygons(scene: &Scene) -> Vec<(&[(f64, f64)], Colour)> {
    let top = top(scene);
    let polygons = scene.marks.iter().filter_map(|mark| match mark {
        Mark::Polygon { points, colour } => Some((points.as_slice(), *colour)),
        _ => None,
    });
    polygons.filter(|(points, _)| points[0].1 > top).collect()
}

/// The points that bound a mark, texts aside.
fn corners(mark: &Mark) -> Vec<(f64, f64)> {
    match mark {
        Mark::Line { points, .. } | Mark::Polygon { points, .. } => points.clone(),
        Mark::Area { rect, .. } => vec![(rect.left, rect.top), (rect.right, rect.bottom)],
        Mark::Disc { centre: (x, y), radius, .. } => vec![(x - radius, y - radius), (x + radius, y + radius)],
        Mark::Text(_) => Vec::new(),
    }
}

/// Asserts that all is on the page, and that no text lies on another one, on a bar or on a sign.
fn assert_sound(scene: &Scene) {
    scene.assert_legible();
    let top = top(scene);
    let texts: Vec<_> = scene.texts().into_iter().map(|text| (&text.text, text.bounds())).collect();
    for mark in &scene.marks {
        let corners = corners(mark);
        let on_page = |&(x, y): &(f64, f64)| (0.0..=WIDTH).contains(&x) && (0.0..=scene.height).contains(&y);
        assert!(corners.iter().all(on_page), "{mark:?} leaves the page");
        let is_band = matches!(mark, Mark::Area { colour, .. } if *colour == SHADE);
        if corners.is_empty() || is_band || corners[0].1 < top {
            continue;
        }
        let hull = corners.iter().fold(
            Rect { left: WIDTH, top: scene.height, right: 0.0, bottom: 0.0 },
            |hull, &(x, y)| Rect {
                left: hull.left.min(x),
                top: hull.top.min(y),
                right: hull.right.max(x),
                bottom: hull.bottom.max(y),
            },
        );
        for (text, bounds) in &texts {
            assert!(!bounds.overlaps(&hull), "{text:?} lies on {mark:?}");
        }
    }
}

#[test]
fn channels_are_to_scale_and_the_expanded_ones_are_above_the_output() {
    let scene = scene(vec![block(3, 400, 100), block(3, 200, 300), classifier(10)]);
    let (expanded, output) = (areas(&scene, tint(BLUE, 0.38)), areas(&scene, BLUE));
    assert_eq!((expanded.len(), output.len()), (2, 2));
    let pixels_per_channel = expanded[0].width() / 400.0;
    for (bar, channels) in [(expanded[1], 200.0), (output[0], 100.0), (output[1], 300.0)] {
        assert!((bar.width() - channels * pixels_per_channel).abs() < 1e-9, "{channels}");
    }
    for (expanded, output) in expanded.iter().zip(&output) {
        assert_eq!(expanded.bottom, output.top);
        assert_eq!(expanded.left + expanded.right, output.left + output.right);
    }
    assert!(output[0].bottom < expanded[1].top);
    let texts = texts(&scene);
    assert!(texts.contains(&"400 \u{2192}") && texts.contains(&"300"), "{texts:?}");
}

#[test]
fn the_scale_below_is_as_long_as_it_says() {
    let scene = scene(vec![block(3, 400, 100), classifier(10)]);
    let pixels_per_channel = areas(&scene, BLUE)[0].width() / 100.0;
    let stated = |text: &Text| text.text.strip_suffix(" channels")?.parse::<f64>().ok();
    let texts = scene.texts();
    let (text, channels) = texts.into_iter().find_map(|text| Some((text, stated(text)?))).unwrap();
    let above = |points: &[(f64, f64)]| points[0].1 == points[1].1 && points[0].1 > text.bounds().top - 12.0;
    let is_scale = |mark: &Mark| match mark {
        Mark::Line { points, .. } if points.len() == 2 && above(points) => Some(points[1].0 - points[0].0),
        _ => None,
    };
    let length = scene.marks.iter().find_map(is_scale).unwrap();
    assert!((length - channels * pixels_per_channel).abs() < 1e-9, "{length} for {channels}");
}

#[test]
fn a_kernel_has_a_colour_and_the_legend_names_it_once() {
    let scene = scene(vec![block(5, 8, 8), block(3, 8, 8), block(3, 8, 8), classifier(8)]);
    assert_eq!((areas(&scene, BLUE).len(), areas(&scene, GREEN).len(), areas(&scene, GREY).len()), (2, 1, 1));
    let texts = texts(&scene);
    let at = |name: &str| texts.iter().position(|text| *text == name);
    let [three, five, linear] = ["kernel 3\u{d7}3", "5\u{d7}5", "linear"].map(|name| at(name).unwrap());
    assert!(three < five && five < linear);
    assert!(!texts.contains(&"pooling") && !texts.contains(&"squeeze-excite"));
}

#[test]
fn squeeze_excite_is_marked_beside_its_block() {
    let mut layers = vec![block(3, 400, 100), block(5, 100, 200), block(3, 50, 50), classifier(10)];
    layers[1].squeeze_excite = true;
    let scene = scene(layers);
    let [(sign, INK)] = polygons(&scene)[..] else { panic!("one sign expected") };
    let block = areas(&scene, GREEN)[0];
    let left = sign.iter().map(|point| point.0).fold(f64::INFINITY, f64::min);
    assert!(left > block.right && left < block.right + 10.0);
    assert!((block.top - 20.0..block.bottom).contains(&sign[1].1));
    assert!(texts(&scene).contains(&"squeeze-excite"));
}

#[test]
fn activations_have_names_and_graphs_of_their_own() {
    let kinds = [Activation::Relu, Activation::Relu6, Activation::Hswish];
    let with = |nonlinearity| DrawnLayer { nonlinearity: Some(nonlinearity), ..block(3, 8, 8) };
    let scene = scene(kinds.map(with).into_iter().chain([classifier(8)]).collect());
    for kind in kinds {
        assert_eq!(texts(&scene).iter().filter(|text| **text == activation_name(kind)).count(), 1);
        assert!(activation_graph(kind).iter().all(|(x, y)| x.abs() <= 1.0 && y.abs() <= 1.0));
    }
    assert!(
        activation_graph(kinds[0]) != activation_graph(kinds[1])
            && activation_graph(kinds[1]) != activation_graph(kinds[2])
    );
}

#[test]
fn each_stage_has_the_size_of_its_map_once_and_every_other_one_a_band() {
    let on = |side: u32, layer: DrawnLayer| DrawnLayer { map: [side, side], ..layer };
    let b = || block(3, 8, 8);
    let scene = scene(vec![on(112, b()), on(56, b()), on(56, b()), on(28, b()), classifier(10)]);
    for size in ["112\u{d7}112", "56\u{d7}56", "28\u{d7}28", "1\u{d7}1"] {
        assert_eq!(texts(&scene).iter().filter(|text| **text == size).count(), 1, "{size}");
    }
    let bands = areas(&scene, SHADE);
    assert_eq!(bands.len(), 2);
    assert!((bands[1].top - bands[0].bottom - 2.0 * bands[0].height()).abs() < 1e-9);
    let middle = scene.texts().into_iter().find(|text| text.text == "56\u{d7}56").unwrap().bounds();
    assert!(middle.top > bands[0].bottom && middle.bottom < bands[1].top);
}

/// The gaps of cut bars.
fn breaks(scene: &Scene) -> usize {
    let is_break = |mark: &&Mark| matches!(mark, Mark::Line { colour, .. } if *colour == WHITE);
    scene.marks.iter().filter(is_break).count()
}

#[test]
fn the_widest_layer_sets_the_scale_and_is_never_cut() {
    for width in 1..300 {
        assert_eq!(breaks(&scene(vec![block(3, width, width), classifier(width)])), 0, "{width}");
    }
}

#[test]
fn more_classes_than_channels_leave_the_scale_alone_and_are_cut() {
    let few = scene(vec![block(3, 400, 100), classifier(400)]);
    let many = scene(vec![block(3, 400, 100), classifier(999)]);
    assert_eq!(areas(&few, BLUE)[0].width(), areas(&many, BLUE)[0].width());
    assert_eq!(areas(&few, GREY)[0].width(), areas(&many, GREY)[0].width());
    assert_eq!((breaks(&few), breaks(&many)), (0, 2));
    assert!(texts(&many).contains(&"999"));
}

#[test]
fn costs_have_bars_as_long_as_they_are() {
    let mut layers = vec![block(3, 8, 8), block(3, 8, 8), classifier(10)];
    layers[1].madds = 4_000_000;
    layers[2].madds = 0;
    let bars = areas(&scene(layers), tint(GREY, 0.55));
    assert_eq!(bars.len(), 2);
    assert!((bars[1].width() - 4.0 * bars[0].width()).abs() < 1e-9);
    assert_eq!(bars[0].left, bars[1].left);
}

#[test]
fn an_estimate_has_a_sign_and_a_hollow_bar() {
    let latency = |basis| timed(block(3, 8, 8), 2.0, None, basis);
    let bases = [RowSource::Exact, RowSource::Interpolated, RowSource::Extrapolated];
    let folded = timed(classifier(10), 0.0, None, RowSource::Folded);
    let scene = scene(bases.map(latency).into_iter().chain([folded]).collect());
    assert_eq!(areas(&scene, WHITE).len(), 2);
    let rings =
        scene.marks.iter().filter(|mark| matches!(mark, Mark::Disc { centre, .. } if centre.1 > 120.0));
    assert_eq!(rings.count(), 2, "a ring is two discs");
    assert_eq!(polygons(&scene).len(), 2, "a hollow triangle is two polygons");
    let texts = texts(&scene);
    for text in ["interpolated latency", "extrapolated latency", "in other rows"] {
        assert_eq!(texts.iter().filter(|found| **found == text).count(), 1, "{text}");
    }
    assert_eq!(texts.iter().filter(|text| **text == "2.000").count(), 3);
}

#[test]
fn a_standard_deviation_is_written_and_drawn_where_there_is_one() {
    let known = timed(block(3, 8, 8), 2.0, Some(0.5), RowSource::Exact);
    let unknown = timed(block(3, 8, 8), 1.0, None, RowSource::Exact);
    let with = scene(vec![known, unknown.clone(), unknown.clone()]);
    let written = |scene: &Scene| texts(scene).iter().filter(|text| text.starts_with("\u{b1} 0.5")).count();
    assert_eq!((written(&with), written(&scene(vec![unknown.clone(), unknown]))), (1, 0));
    let bar = *areas(&with, tint(GREY, 0.55)).iter().max_by(|a, b| a.right.total_cmp(&b.right)).unwrap();
    let is_spread = |mark: &Mark| match mark {
        Mark::Line { points, colour: INK, .. } if points.len() == 2 && points[0].0 < bar.right => {
            let middle = (points[0].0 + points[1].0) / 2.0;
            ((middle - bar.right).abs() < 1e-6).then_some(points[1].0 - points[0].0)
        }
        _ => None,
    };
    let length = with.marks.iter().find_map(is_spread).unwrap();
    assert!((length - bar.width() / 2.0).abs() < 1e-6, "{length} at a bar of {}", bar.width());
}

#[test]
fn any_number_of_layers_is_sound_and_the_page_grows_with_them() {
    let mut last = 0.0;
    for count in [1, 2, 5, 16, 20, 45, 150] {
        let scene = scene(network(count));
        assert_sound(&scene);
        assert!(scene.height > last);
        last = scene.height;
        for index in 0..count {
            assert!(texts(&scene).contains(&format!("blocks.{index}").as_str()), "{index} of {count}");
        }
        for text in scene.texts() {
            assert!(text.size >= 9.0, "{:?} is too small to read", text.text);
        }
    }
}

#[test]
fn extreme_numbers_and_no_layers_are_sound() {
    let widest = DrawnLayer { madds: 70_000_000_000_000_000, ..block(15, 65_536, 65_536) };
    let thinnest = DrawnLayer { squeeze_excite: true, madds: 1, ..block(1, 1, 1) };
    let slow = timed(widest, 1e9, Some(1e9), RowSource::Extrapolated);
    let fast = timed(thinnest, 1e-9, Some(1e-12), RowSource::Interpolated);
    let folded = timed(classifier(1_000_000), 0.0, None, RowSource::Folded);
    assert_sound(&scene(vec![slow, fast, folded.clone()]));
    assert_sound(&scene(vec![folded]));
    assert_sound(&scene(Vec::new()));
}

#[test]
fn long_names_go_on_below_and_are_not_cut() {
    let device = "a handset with a big core and seven small ones, pinned, in aeroplane mode ".repeat(3);
    let long = NetworkDrawing {
        title: "mobilenet_v3_with_a_name_that_says_how_it_was_found_and_when_and_by_whom_and_why".to_owned(),
        subtitle: format!("1000 classes\n12 ms on {device}"),
        layers: network(12),
    };
    let scene = long.scene().unwrap();
    assert_sound(&scene);
    let mut renamed = long.clone();
    renamed.layers[3].name = "w".repeat(500);
    assert_sound(&renamed.scene().unwrap());
    let joined = texts(&scene).join(" ");
    assert!(joined.contains(device.trim()), "{joined}");
    assert!(joined.replace(' ', "").contains(&long.title), "{joined}");
    assert!(!joined.contains('\u{2026}'));
}

#[test]
fn what_cannot_be_drawn_is_refused_by_name() {
    let error = |layer: DrawnLayer| drawing(vec![layer, classifier(10)]).scene().unwrap_err().to_string();
    assert!(error(block(3, 8, 0)).starts_with("width of layer \"blocks.0\" is 0"));
    assert!(error(block(3, 0, 8)).starts_with("expanded width of layer \"blocks.0\" is 0"));
    let latency = |ms, stddev| error(timed(block(3, 8, 8), ms, Some(stddev), RowSource::Exact));
    assert!(latency(f64::NAN, 1.0).starts_with("latency of layer \"blocks.0\" is NaN"));
    assert!(latency(1.0, -1.0).starts_with("standard deviation of the latency of layer \"blocks.0\" is -1"));
}

fn any_layer() -> impl Strategy<Value = DrawnLayer> {
    let operation = prop_oneof![
        (0..8u32).prop_map(|half| Operation::Convolution { kernel: 2 * half + 1 }),
        Just(Operation::Linear),
        Just(Operation::Pooling),
    ];
    let nonlinearity = prop::sample::select(vec![Activation::Relu, Activation::Relu6, Activation::Hswish]);
    let basis = prop::sample::select(vec![
        RowSource::Exact,
        RowSource::Interpolated,
        RowSource::Extrapolated,
        RowSource::Folded,
    ]);
    let latency = (0.0..200.0f64, prop::option::of(0.0..200.0f64), basis)
        .prop_map(|(ms, stddev_ms, basis)| DrawnLatency { ms, stddev_ms, basis });
    let widths = (prop::option::of(1..4000u32), 1..4000u32);
    let extras = (any::<bool>(), prop::option::of(nonlinearity), 0..3u32, 0..1_000_000_000u64);
    (operation, widths, extras, prop::option::of(latency)).prop_map(
        |(operation, (expanded, output), (squeeze_excite, nonlinearity, shrunk, madds), latency)| {
            DrawnLayer {
                name: "blocks.12".to_owned(),
                operation,
                expanded,
                output,
                squeeze_excite,
                nonlinearity,
                map: [224 >> shrunk; 2],
                madds,
                latency,
            }
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_layers_nothing_overlaps_or_leaves_the_page(
        layers in prop::collection::vec(any_layer(), 1..60),
    ) {
        assert_sound(&scene(layers));
    }
}
