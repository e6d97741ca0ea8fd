//! What all operations have in common, and how they are drawn.

use proptest::prelude::*;

use super::*;

fn shape(height: usize, width: usize, channels: usize) -> Shape {
    Shape { height, width, channels }
}

fn applied(operation: Operation, strength: f32, image: &[u8], shape: Shape) -> Vec<u8> {
    let mut workspace = Workspace { image: image.to_vec(), next: Vec::new() };
    let fill = vec![77; shape.channels];
    operation.apply(strength, shape, &fill, &mut workspace);
    workspace.image
}

/// An image with values all over the range.
fn image(shape: Shape) -> Vec<u8> {
    (0..shape.height * shape.width * shape.channels).map(|i| (i * 37 % 251) as u8).collect()
}

/// A table that maps bytes to themselves less `mean`.
fn table(mean: f32, channels: usize) -> Vec<[f32; 256]> {
    vec![std::array::from_fn(|byte| byte as f32 - mean); channels]
}

#[test]
fn operations_do_nothing_at_strength_zero_and_something_at_full() {
    let shape = shape(9, 8, 3);
    let image = image(shape);
    for operation in Operation::ALL {
        let same = |strength| applied(operation, strength, &image, shape) == image;
        let without_strength = matches!(operation, Operation::AutoContrast | Operation::Equalise);
        assert!(same(0.0) && same(-0.0) || without_strength, "{operation:?} at 0");
        assert_eq!(
            same(1.0),
            operation == Operation::Identity || operation == Operation::Equalise,
            "{operation:?}"
        );
    }
}

#[test]
fn signs_turn_what_has_two_directions() {
    let shape = shape(9, 8, 1);
    let image = image(shape);
    use Operation::*;
    for operation in Operation::ALL {
        let turns = applied(operation, 0.7, &image, shape) != applied(operation, -0.7, &image, shape);
        let expected = matches!(
            operation,
            Rotate | ShearX | ShearY | TranslateX | TranslateY | Brightness | Contrast | Sharpness
        );
        assert_eq!(turns, expected, "{operation:?}");
    }
}

proptest! {
    #[test]
    fn any_operation_takes_any_image_and_keeps_its_shape(
        (h, w, c) in (1usize..9, 1usize..9, 1usize..5),
        operation in 0..Operation::ALL.len(),
        strength in -1.0f32..=1.0,
        seed in any::<u8>(),
    ) {
        let image: Vec<u8> = (0..h * w * c).map(|i| (i as u8).wrapping_mul(97).wrapping_add(seed)).collect();
        let changed = applied(Operation::ALL[operation], strength, &image, shape(h, w, c));
        prop_assert_eq!(changed.len(), image.len());
    }
}

#[test]
fn draws_follow_seed_epoch_and_image_and_not_what_came_before() {
    let (size, table) = (ImageSize::new(8, 8).unwrap(), table(100.0, 3));
    let image = image(shape(8, 8, 3));
    let policy = RandAugment::new(2, 20).unwrap();
    let drawn = |seed, epoch, indices: &[usize]| -> Vec<Vec<u8>> {
        let (policies, mut workspace) = (Policies::new(policy, &table, seed, epoch), Workspace::default());
        indices.iter().map(|&index| policies.apply(&image, size, index, &mut workspace).to_vec()).collect()
    };
    let first = drawn(1, 1, &[0, 1, 2, 3]);
    let backwards: Vec<Vec<u8>> = drawn(1, 1, &[3, 2, 1, 0]).into_iter().rev().collect();
    assert_eq!(backwards, first);
    assert_ne!(drawn(2, 1, &[0, 1, 2, 3]), first);
    assert_ne!(drawn(1, 2, &[0, 1, 2, 3]), first);
}

#[test]
fn every_operation_is_drawn_and_images_differ() {
    let (size, table) = (ImageSize::new(16, 20).unwrap(), table(100.0, 1));
    let shape = shape(16, 20, 1);
    let image = image(shape);
    let policy = RandAugment::new(1, 30).unwrap();
    let (policies, mut workspace) = (Policies::new(policy, &table, 1, 1), Workspace::default());
    let mut expected: Vec<Vec<u8>> = Operation::ALL
        .iter()
        .flat_map(|&operation| {
            [1.0, -1.0].map(|strength| {
                let mut workspace = Workspace { image: image.clone(), next: Vec::new() };
                operation.apply(strength, shape, &[100], &mut workspace);
                workspace.image
            })
        })
        .collect();
    expected.sort();
    expected.dedup();
    let mut drawn: Vec<Vec<u8>> =
        (0..2000).map(|index| policies.apply(&image, size, index, &mut workspace).to_vec()).collect();
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn, expected, "exactly the operations at full strength, in both directions");
}

#[test]
fn the_fill_is_the_mean_colour() {
    assert_eq!(mean_byte(&table(100.4, 1)[0]), 100);
    assert_eq!(mean_byte(&table(-3.0, 1)[0]), 0);
    assert_eq!(mean_byte(&table(300.0, 1)[0]), 255);
}
