//! Layout of widths, without pixels.

use proptest::prelude::*;

use super::*;
use crate::report::palette::{BLUE, Colour, GREY, tint};
use crate::report::scene::Mark;

fn plot(layers: impl IntoIterator<Item = (String, u32, u32)>) -> WidthsPlot {
    let layer = |(name, before, after)| LayerWidths { name, before, after };
    WidthsPlot {
        title: "Widths of mobilenet_v3".into(),
        subtitle: "adapted to 42 ms".into(),
        label: "channels".into(),
        layers: layers.into_iter().map(layer).collect(),
    }
}

/// Layers with these widths, called by their number.
fn of(widths: &[(u32, u32)]) -> WidthsPlot {
    plot(
        (0..)
            .zip(widths)
            .map(|(index, &(before, after)): (u32, _)| (format!("layer {index}"), before, after)),
    )
}

/// `count` layers that widen from 16 to 500 channels, of which all but every seventh lose a quarter to a half.
fn network(count: u32) -> WidthsPlot {
    let layer = |index: u32| {
        let before = 16 + 484 * index / count.max(2);
        let kept = if index.is_multiple_of(7) { 100 } else { 50 + index % 26 };
        (format!("blocks.{index}.hidden"), before, before * kept / 100)
    };
    plot((0..count).map(layer))
}

fn texts(scene: &Scene) -> Vec<&str> {
    scene.texts().iter().map(|text| text.text.as_str()).collect()
}

/// The bars of this colour below the legend.
fn bars(scene: &Scene, wanted: Colour) -> Vec<Rect> {
    let bar = |mark: &Mark| match mark {
        Mark::Area { rect, colour, .. } if *colour == wanted && rect.bottom > 80.0 => Some(*rect),
        _ => None,
    };
    scene.marks.iter().filter_map(bar).collect()
}

fn before(scene: &Scene) -> Vec<Rect> {
    bars(scene, tint(BLUE, 0.15))
}

fn after(scene: &Scene) -> Vec<Rect> {
    bars(scene, BLUE)
}

fn unchanged(scene: &Scene) -> Vec<Rect> {
    bars(scene, tint(GREY, 0.6))
}

fn ratio(bar: &Rect, to: &Rect) -> f64 {
    bar.height() / to.height()
}

#[test]
fn any_number_of_layers_with_any_names_is_legible() {
    for count in [0, 1, 2, 3, 7, 15, 30, 60, 61, 150, 1000] {
        let plot = network(count);
        plot.scene().unwrap().assert_legible();
        for name in ["", "x", "a very long name of a layer that does not fit anywhere at all"] {
            let mut renamed = plot.clone();
            renamed.layers.iter_mut().for_each(|layer| layer.name = name.into());
            renamed.scene().unwrap().assert_legible();
        }
    }
}

#[test]
fn extreme_widths_are_legible() {
    for widths in [
        &[(1, 1)][..],
        &[(u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX)],
        &[(3, 2), (2048, 2047), (2048, 2048)],
        &[(1, 2048); 60],
    ] {
        of(widths).scene().unwrap().assert_legible();
    }
    WidthsPlot::default().scene().unwrap().assert_legible();
    let long = WidthsPlot { title: "Long ".repeat(99), label: "long ".repeat(99), ..network(5) };
    long.scene().unwrap().assert_legible();
}

#[test]
fn without_layers_it_says_so() {
    assert!(texts(&of(&[]).scene().unwrap()).contains(&"no layer was given"));
}

#[test]
fn bars_stand_side_by_side_on_the_axis_and_are_as_high_as_wide_layers_are() {
    let scene = of(&[(100, 25), (200, 180), (50, 10)]).scene().unwrap();
    let (before, after) = (before(&scene), after(&scene));
    assert_eq!((before.len(), after.len()), (3, 3));
    for (index, share) in [0.25, 0.9, 0.2].into_iter().enumerate() {
        let (before, after) = (&before[index], &after[index]);
        assert!((ratio(after, before) - share).abs() < 1e-9);
        assert_eq!((after.left, after.right, after.bottom), (before.left, before.right, before.bottom));
    }
    assert!((ratio(&before[0], &before[1]) - 0.5).abs() < 1e-9);
    assert!(before.windows(2).all(|pair| pair[0].right < pair[1].left && pair[0].bottom == pair[1].bottom));
    assert!(texts(&scene).contains(&"channels"));
}

#[test]
fn narrow_layers_get_an_axis_of_square_roots_that_says_so() {
    let scene = of(&[(2048, 512), (3, 2)]).scene().unwrap();
    let (before, after) = (before(&scene), after(&scene));
    assert!((ratio(&after[0], &before[0]) - 0.5).abs() < 1e-9);
    assert!((ratio(&before[1], &before[0]) - (3.0f64 / 2048.0).sqrt()).abs() < 1e-9);
    assert!(before[1].height() > 10.0);
    assert!(texts(&scene).contains(&"channels (square-root scale)") && texts(&scene).contains(&"1000"));
}

#[test]
fn a_number_of_the_axis_stands_at_the_bar_of_that_width() {
    for widths in [[(1000, 999), (400, 399)], [(1000, 999), (400, 1)]] {
        let scene = of(&widths).scene().unwrap();
        for (width, bar) in [("1000", before(&scene)[0]), ("400", before(&scene)[1])] {
            let number = scene.texts().into_iter().find(|text| text.text == width).unwrap().bounds();
            assert!((number.top..number.bottom).contains(&bar.top), "{width} of {widths:?}");
        }
    }
}

#[test]
fn an_unchanged_layer_is_one_plain_bar_without_a_number() {
    let scene = of(&[(100, 100), (100, 75)]).scene().unwrap();
    assert_eq!((before(&scene).len(), after(&scene).len(), unchanged(&scene).len()), (1, 1, 1));
    assert_eq!(unchanged(&scene)[0].top, before(&scene)[0].top);
    assert!(unchanged(&scene)[0].right < before(&scene)[0].left);
    let is_share = |text: &&str| text.ends_with(" %") && text.starts_with(char::is_numeric);
    let shares: Vec<&str> = texts(&scene).into_iter().filter(is_share).collect();
    assert_eq!(shares, ["75 %"]);
    let still = of(&[(100, 100)]).scene().unwrap();
    assert!(texts(&still).contains(&"unchanged"));
    assert!(
        !texts(&still).contains(&"before") && !texts(&still).iter().any(|text| text.starts_with("after"))
    );
}

#[test]
fn the_lower_of_two_bars_is_in_front() {
    for (widths, share) in [((100, 150), "150 %"), ((150, 100), "67 %")] {
        let scene = of(&[widths]).scene().unwrap();
        let bars: Vec<f64> = scene
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Area { rect, colour, .. } if rect.bottom > 80.0 && *colour != WHITE => Some(rect.top),
                _ => None,
            })
            .collect();
        assert!(bars.len() == 2 && bars[0] < bars[1], "{bars:?}");
        assert!(texts(&scene).contains(&share));
    }
}

#[test]
fn kept_shares_are_whole_and_never_round_a_change_away() {
    let kept = |before, after| kept(&LayerWidths { name: String::new(), before, after });
    for (before, after, text) in [
        (64, 40, "63"),
        (64, 41, "64"),
        (1000, 999, ">99"),
        (1000, 1, "<1"),
        (1000, 1001, ">100"),
        (8, 12, "150"),
    ] {
        assert_eq!(kept(before, after).as_deref(), Some(text), "{before} to {after}");
    }
    assert_eq!(kept(64, 64), None);
}

#[test]
fn from_three_to_sixty_layers_every_name_and_every_share_is_written() {
    for count in [3, 12, 25, 40, 60] {
        let plot = network(count);
        let scene = plot.scene().unwrap();
        let texts = texts(&scene);
        for layer in &plot.layers {
            assert!(texts.contains(&layer.name.as_str()), "{} of {count}", layer.name);
        }
        let mut shares: Vec<String> = plot.layers.iter().filter_map(kept).collect();
        let numbers = texts.iter().map(|text| text.trim_end_matches(" %"));
        for number in numbers {
            if let Some(found) = shares.iter().position(|share| share == number) {
                shares.swap_remove(found);
            }
        }
        assert!(shares.is_empty(), "{shares:?} of {count}");
    }
}

#[test]
fn a_layer_without_channels_is_refused_by_name() {
    let error = of(&[(8, 8), (0, 8)]).scene().unwrap_err().to_string();
    assert!(error.starts_with("width of layer \"layer 1\" before is 0"), "{error}");
    let error = of(&[(8, 0), (8, 8)]).scene().unwrap_err().to_string();
    assert!(error.starts_with("width of layer \"layer 0\" after is 0"), "{error}");
}

#[test]
fn the_same_plot_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let files = network(20).write(&folder.path().join(name)).unwrap();
        (std::fs::read(files.svg).unwrap(), std::fs::read(files.png).unwrap())
    };
    assert_eq!(write("a"), write("b"));
}

proptest! {
    #[test]
    fn texts_keep_off_each_other_and_off_all_bars(
        widths in prop::collection::vec((1..3000u32, 1..3000u32), 0..90),
        name in "[a-z.0-9]{0,30}",
    ) {
        let mut plot = of(&widths);
        plot.layers.iter_mut().for_each(|layer| layer.name = name.clone());
        let scene = plot.scene().unwrap();
        scene.assert_legible();
        let bars = [before(&scene), after(&scene), unchanged(&scene)].concat();
        for bar in &bars {
            prop_assert!(bar.left > 0.0 && bar.right < WIDTH && bar.top > 70.0 && bar.height() > 0.0);
            for text in scene.texts() {
                prop_assert!(!text.bounds().overlaps(bar), "{:?} lies on a bar", text.text);
            }
        }
    }
}
