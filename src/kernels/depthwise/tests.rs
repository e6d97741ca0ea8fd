use rstest::rstest;

use super::*;
use crate::kernels::testing::{
    assert_close, assert_same_for_any_thread_count, dot, numeric_gradient, values, wide,
};

fn naive(x: &[f64], [n, h, w, c]: [usize; 4], weights: &[f64], window: Window) -> Vec<f64> {
    let Window { kernel, stride, pad_top, pad_left, out_h, out_w } = window;
    let mut y = vec![0.0; n * out_h * out_w * c];
    for (at, y) in y.iter_mut().enumerate() {
        let (pixel, channel) = (at / c, at % c);
        let (row, ox) = (pixel / out_w, pixel % out_w);
        let (image, oy) = (row / out_h, row % out_h);
        for i in 0..kernel {
            for j in 0..kernel {
                let iy = (oy * stride + i).wrapping_sub(pad_top);
                let ix = (ox * stride + j).wrapping_sub(pad_left);
                if iy < h && ix < w {
                    *y += x[((image * h + iy) * w + ix) * c + channel]
                        * weights[(i * kernel + j) * c + channel];
                }
            }
        }
    }
    y
}

fn window(kernel: usize, stride: usize, pad: [usize; 2], out: [usize; 2]) -> Window {
    let ([pad_top, pad_left], [out_h, out_w]) = (pad, out);
    Window { kernel, stride, pad_top, pad_left, out_h, out_w }
}

#[rstest]
#[case::three_by_three([2, 7, 9, 17], window(3, 1, [1, 1], [7, 9]))]
#[case::strided_same([2, 8, 6, 24], window(3, 2, [0, 0], [4, 3]))]
#[case::asymmetric([1, 5, 8, 3], window(3, 2, [1, 0], [3, 4]))]
#[case::five_by_five([2, 6, 11, 20], window(5, 1, [2, 2], [6, 11]))]
#[case::five_strided([3, 9, 5, 33], window(5, 2, [1, 2], [4, 3]))]
#[case::seven_by_seven([1, 9, 12, 5], window(7, 1, [3, 3], [9, 12]))]
#[case::seven_strided([1, 12, 9, 16], window(7, 2, [2, 3], [6, 5]))]
#[case::nine_by_nine([1, 5, 4, 2], window(9, 1, [4, 4], [5, 4]))]
#[case::one_channel([2, 5, 19, 1], window(3, 1, [1, 1], [5, 19]))]
#[case::one_tap([1, 3, 4, 6], window(1, 2, [0, 0], [2, 2]))]
#[case::valid_padding([1, 6, 7, 8], window(3, 1, [0, 0], [4, 5]))]
#[case::stride_three([1, 10, 11, 4], window(3, 3, [1, 1], [4, 4]))]
#[case::image_smaller_than_kernel([2, 2, 1, 9], window(5, 1, [2, 2], [2, 1]))]
#[case::outputs_in_the_padding([1, 2, 3, 4], window(3, 2, [4, 5], [4, 5]))]
fn agrees_with_the_definition(#[case] shape: [usize; 4], #[case] window: Window) {
    let [n, h, w, c] = shape;
    let x = values(n * h * w * c, 1);
    let weights = values(window.area() * c, 2);
    let mut y = vec![f32::NAN; n * window.out_h * window.out_w * c];
    forward(&x, shape, &weights, window, &mut y);
    let (x64, w64) = (wide(&x), wide(&weights));
    assert_close(&y, &naive(&x64, shape, &w64, window), 1e-5);

    let dy = values(y.len(), 3);
    let dy64 = wide(&dy);
    let mut dx = vec![f32::NAN; x.len()];
    input_gradient(&dy, shape, &weights, window, &mut dx);
    let of_x = numeric_gradient(&x64, |x| dot(&naive(x, shape, &w64, window), &dy64));
    assert_close(&dx, &of_x, 1e-5);

    let mut dw = vec![f32::NAN; weights.len()];
    weight_gradient(&x, shape, &dy, window, &mut dw);
    let of_w = numeric_gradient(&w64, |w| dot(&naive(&x64, shape, w, window), &dy64));
    assert_close(&dw, &of_w, 1e-5);
}

#[test]
fn threads_change_nothing() {
    let (shape, window) = ([37, 13, 11, 40], window(5, 2, [1, 2], [7, 6]));
    let x = values(shape.iter().product(), 1);
    let weights = values(window.area() * 40, 2);
    let dy = values(37 * 7 * 6 * 40, 3);
    assert_same_for_any_thread_count(|| {
        let mut y = vec![0.0; dy.len()];
        forward(&x, shape, &weights, window, &mut y);
        let mut dx = vec![0.0; x.len()];
        input_gradient(&dy, shape, &weights, window, &mut dx);
        let mut dw = vec![0.0; weights.len()];
        weight_gradient(&x, shape, &dy, window, &mut dw);
        [y, dx, dw].concat()
    });
}

#[test]
fn an_empty_batch_has_no_weight_gradient() {
    let mut dw = vec![f32::NAN; 9 * 4];
    weight_gradient(&[], [0, 5, 5, 4], &[], window(3, 1, [1, 1], [5, 5]), &mut dw);
    assert_eq!(dw, vec![0.0; 9 * 4]);
}
