use rstest::rstest;

use super::*;
use crate::kernels::simd::dispatch;
use crate::kernels::testing::{assert_close, values, wide};

/// `[rows, columns]` in double precision.
fn naive(left: &[f32], right: &[f32], [rows, depth, columns]: [usize; 3]) -> Vec<f64> {
    let (left, right) = (wide(left), wide(right));
    let mut product = Vec::new();
    for i in 0..rows {
        for j in 0..columns {
            product.push((0..depth).map(|t| left[i * depth + t] * right[t * columns + j]).sum());
        }
    }
    product
}

#[rstest]
#[case([1, 1, 1])]
#[case([7, 5, 33])]
#[case([64, 27, 16])]
#[case([131, 40, 72])]
#[case([15, 16, 65])]
fn a_product_adds_to_what_is_there_and_takes_moments(#[case] sizes: [usize; 3]) {
    let [rows, depth, columns] = sizes;
    let (left, right) = (values(rows * depth, 1), values(depth * columns, 2));
    let before = values(rows * columns, 3);
    let mut packed = Packed::default();
    packed.rows(&right, depth, columns);

    let mut product = before.clone();
    dispatch(Product { left: &left, right: &packed, product: &mut product, accumulate: true, moments: None });
    let bare = naive(&left, &right, sizes);
    let expected: Vec<f64> = bare.iter().zip(wide(&before)).map(|(p, b)| p + b).collect();
    assert_close(&product, &expected, 1e-5);

    let shift = values(columns, 4);
    let (mut sums, mut squares) = (vec![1.0; columns], vec![2.0; columns]);
    let moments = Moments { shift: &shift, sums: &mut sums, squares: &mut squares };
    let mut product = vec![f32::NAN; rows * columns];
    dispatch(Product {
        left: &left,
        right: &packed,
        product: &mut product,
        accumulate: false,
        moments: Some(moments),
    });
    assert_close(&product, &bare, 1e-5);
    let shift = &shift;
    let column = |j: usize| bare.iter().skip(j).step_by(columns).map(move |v| v - f64::from(shift[j]));
    let expected: Vec<f64> = (0..columns).map(|j| 1.0 + column(j).sum::<f64>()).collect();
    assert_close(&sums, &expected, 1e-5);
    let expected: Vec<f64> = (0..columns).map(|j| 2.0 + column(j).map(|d| d * d).sum::<f64>()).collect();
    assert_close(&squares, &expected, 1e-5);
}

#[rstest]
#[case(1, 1, 1)]
#[case(9, 7, 33)]
#[case(64, 24, 16)]
#[case(100, 40, 70)]
fn a_transposed_product_takes_some_columns_of_the_left(
    #[case] rows: usize,
    #[case] p: usize,
    #[case] q: usize,
) {
    let stride = p + 3;
    let (left, right) = (values(rows * stride, 1), values(rows * q, 2));
    let mut product = vec![0.25; p * q];
    let (left_part, product_part) = (&left[2..], &mut product);
    dispatch(TransposedProduct { left: left_part, right: &right, p, q, stride, product: product_part });
    let mut expected = Vec::new();
    for i in 0..p {
        for j in 0..q {
            let term = |t: usize| f64::from(left[t * stride + 2 + i]) * f64::from(right[t * q + j]);
            expected.push(0.25 + (0..rows).map(term).sum::<f64>());
        }
    }
    assert_close(&product, &expected, 1e-5);
}
