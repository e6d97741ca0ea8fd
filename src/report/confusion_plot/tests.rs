//! Layout of confusion matrices, without pixels.

use proptest::prelude::*;

use super::*;
use crate::report::palette::Colour;
use crate::report::scene::Mark;

/// A matrix of `classes` classes with names of this length, most images right and neighbours confused.
fn plot(classes: usize, name_length: usize) -> ConfusionPlot {
    let name = |class: usize| format!("{class} {}", "class ".repeat(name_length)).trim().to_owned();
    let mut matrix = ConfusionMatrix::new((0..classes).map(name));
    for label in 0..classes as u32 {
        matrix.add(label, label, 900 - u64::from(label)).unwrap();
        matrix.add(label, (label + 1) % classes as u32, u64::from(label % 7 * 10)).unwrap();
        matrix.add(label, (label * 7 + 3) % classes as u32, 3).unwrap();
    }
    ConfusionPlot { title: "Test images".into(), subtitle: "mobilenet_v3, seed 7".into(), matrix }
}

fn of(matrix: ConfusionMatrix) -> ConfusionPlot {
    ConfusionPlot { matrix, ..plot(1, 0) }
}

fn cells(scene: &Scene) -> Vec<(Rect, Colour)> {
    let cell = |mark: &Mark| match mark {
        // The legend's bars are 10 high and lie above.
        Mark::Area { rect, colour, .. } if rect.top > 70.0 => Some((*rect, *colour)),
        _ => None,
    };
    scene.marks.iter().filter_map(cell).collect()
}

fn has_text(scene: &Scene, wanted: &str) -> bool {
    scene.texts().iter().any(|text| text.text == wanted)
}

#[test]
fn any_number_of_classes_with_any_names_is_legible() {
    for classes in [0, 1, 2, 3, 10, 20, 21, 35, 100, 300] {
        for length in [0, 1, 20] {
            plot(classes, length).scene().assert_legible();
        }
    }
}

#[test]
fn up_to_twenty_classes_every_filled_cell_has_its_number() {
    for (classes, shown) in [(2, true), (10, true), (20, true), (21, false), (100, false)] {
        let plot = plot(classes, 1);
        let scene = plot.scene();
        assert_eq!(cells(&scene).len(), plot.matrix.pairs().count());
        for class in 0..classes {
            assert_eq!(has_text(&scene, &plot.matrix.count(class, class).to_string()), shown, "{classes}");
        }
    }
}

#[test]
fn numbers_stay_inside_their_cells() {
    let scene = plot(20, 1).scene();
    let cells = cells(&scene);
    let numbers = scene
        .texts()
        .into_iter()
        .filter(|text| text.text.parse::<u64>().is_ok() && text.anchor == Anchor::Middle);
    for text in numbers {
        assert!(cells.iter().any(|(rect, _)| rect.encloses(&text.bounds())), "{:?}", text.text);
    }
}

#[test]
fn rows_are_labels_and_columns_predictions() {
    let mut matrix = ConfusionMatrix::new(["a", "b"]);
    matrix.add(0, 1, 3).unwrap();
    matrix.add(0, 0, 9).unwrap();
    let cells = cells(&of(matrix).scene());
    let [(right, _), (wrong, colour)] = cells[..] else { panic!("two cells") };
    assert_eq!((wrong.top, wrong.left), (right.top, right.right), "beside, in the row of its label");
    assert_eq!(colour, VERMILLION, "the largest confusion has the full colour");
}

#[test]
fn shares_count_and_not_numbers() {
    let mut matrix = ConfusionMatrix::new(["rare", "frequent"]);
    for (label, predicted, images) in [(0, 0, 5), (0, 1, 5), (1, 1, 900), (1, 0, 100)] {
        matrix.add(label, predicted, images).unwrap();
    }
    let scene = of(matrix).scene();
    let colours: Vec<Colour> = cells(&scene).into_iter().map(|(_, colour)| colour).collect();
    assert_eq!(colours[1], VERMILLION, "half of the rare class");
    assert_eq!(
        colours[2],
        tint(VERMILLION, LEAST_SHADE + (1.0 - LEAST_SHADE) * 0.2),
        "a tenth of the frequent one"
    );
    assert!(has_text(&scene, "confused, 0 to 50.0 %"));
}

#[test]
fn the_list_starts_with_the_most_frequent_confusion() {
    let scene = plot(10, 0).scene();
    let texts: Vec<&str> = scene.texts().iter().map(|text| text.text.as_str()).collect();
    let heading = texts.iter().position(|text| *text == "most frequent confusions").unwrap();
    assert_eq!(texts[heading + 1..][..2], ["6 \u{2192} 7", "60"]);
}

#[test]
fn a_perfect_network_and_one_without_images_are_drawn() {
    let mut plot = plot(3, 1);
    plot.matrix = ConfusionMatrix::new(["a", "b", "c"]);
    let scene = plot.scene();
    scene.assert_legible();
    assert!(has_text(&scene, "no image was classified"));
    plot.matrix.record([(0, 0), (1, 1)]).unwrap();
    let scene = plot.scene();
    scene.assert_legible();
    assert!(!has_text(&scene, "most frequent confusions") && !has_text(&scene, "no image was classified"));
}

#[test]
fn long_pairs_are_cut_where_they_are_long() {
    let long = "a very long name of a class";
    let cut = pair(long, "b", 120.0);
    assert!(cut.starts_with("a very") && cut.ends_with("\u{2026} \u{2192} b"), "{cut}");
    for (label, predicted) in [(long, long), (long, "b"), ("b", long)] {
        assert!(font::width(&pair(label, predicted, 120.0), LIST_SIZE, Weight::Regular) <= 120.0);
    }
}

#[test]
fn the_same_plot_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        let files = plot(10, 1).write(&folder.path().join(name)).unwrap();
        (std::fs::read(files.svg).unwrap(), std::fs::read(files.png).unwrap())
    };
    assert_eq!(write("a"), write("b"));
}

proptest! {
    #[test]
    fn any_counts_are_legible(
        classes in 1u32..30,
        pairs in prop::collection::vec((0u32..30, 0u32..30, 1u64..2_000_000), 0..60),
        length in 0usize..6,
    ) {
        let mut plot = plot(classes as usize, length);
        for (label, predicted, images) in pairs {
            plot.matrix.add(label % classes, predicted % classes, images).unwrap();
        }
        plot.scene().assert_legible();
    }
}
