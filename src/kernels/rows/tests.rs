use rstest::rstest;

use super::*;
use crate::kernels::activation::{self, Activation};
use crate::kernels::testing::{assert_close, dot, numeric_gradient, values, wide};

/// Rows of a batch norm with its constants; channels on both sides of whole vectors.
struct Case {
    z: Vec<f32>,
    d: Vec<f32>,
    centre: Vec<f32>,
    scale: Vec<f32>,
    offset: Vec<f32>,
    gate: Vec<f32>,
    extra: Vec<f32>,
}

impl Case {
    fn new(rows: usize, c: usize) -> Self {
        let spread = |values: Vec<f32>| values.iter().map(|v| 4.0 * v).collect();
        Self {
            z: spread(values(rows * c, 1)),
            d: values(rows * c, 2),
            centre: values(c, 3),
            scale: values(c, 4).iter().map(|v| 1.5 + v).collect(),
            offset: values(c, 5),
            gate: values(c, 6).iter().map(|v| v.abs()).collect(),
            extra: values(c, 7),
        }
    }

    fn channels(&self) -> usize {
        self.centre.len()
    }

    fn affine(&self) -> Affine<'_> {
        Affine { centre: &self.centre, scale: &self.scale, offset: &self.offset }
    }

    /// The argument of the activation, in double precision.
    fn arguments(&self, z: &[f64]) -> Vec<f64> {
        let c = self.channels();
        let constants = |i: usize| [self.centre[i % c], self.scale[i % c], self.offset[i % c]].map(f64::from);
        z.iter().enumerate().map(|(i, z)| (z - constants(i)[0]) * constants(i)[1] + constants(i)[2]).collect()
    }

    fn activated(&self, activation: Activation) -> Vec<f64> {
        let arguments = self.arguments(&wide(&self.z));
        arguments.into_iter().map(|u| activation::in_double(activation, u)).collect()
    }

    fn of_channel<'a>(&self, values: &'a [f32]) -> impl Fn(usize) -> f64 + 'a {
        let c = self.channels();
        move |i| f64::from(values[i % c])
    }
}

#[rstest]
fn normalising_and_adding_follow_the_definition(#[values(1, 3, 16, 24, 40, 72, 129)] c: usize) {
    let case = Case::new(5, c);
    for activation in activation::ALL {
        let expected = case.activated(activation);
        let mut a = vec![f32::NAN; case.z.len()];
        normalise(&case.z, case.affine(), activation, None, &mut a);
        assert_close(&a, &expected, 1e-6);

        normalise(&case.z, case.affine(), activation, Some(&case.gate), &mut a);
        let gate = case.of_channel(&case.gate);
        let gated: Vec<f64> = expected.iter().enumerate().map(|(i, a)| a * gate(i)).collect();
        assert_close(&a, &gated, 1e-6);

        let mut y = case.d.clone();
        add_normalised(&case.z, case.affine(), activation, &mut y);
        let sum: Vec<f64> = expected.iter().zip(&case.d).map(|(a, &d)| a + f64::from(d)).collect();
        assert_close(&y, &sum, 1e-6);

        let mut means = vec![f32::NAN; c];
        mean(&case.z, Some(case.affine()), activation, &mut means);
        let column = |j: usize| expected.iter().skip(j).step_by(c).sum::<f64>() / 5.0;
        assert_close(&means, &(0..c).map(column).collect::<Vec<_>>(), 1e-6);
    }
}

#[rstest]
fn finishing_gives_the_gradient_of_the_argument_and_its_sums(
    #[values(1, 7, 16, 24, 40, 144)] c: usize,
    #[values(0, 1, 2)] mode: usize,
) {
    let case = Case::new(6, c);
    let (gate, extra) = (case.of_channel(&case.gate), case.of_channel(&case.extra));
    let incoming = match mode {
        0 => Incoming::Plain,
        1 => Incoming::Gated { gate: &case.gate, extra: &case.extra },
        _ => Incoming::Constant { extra: &case.extra },
    };
    let arriving: Vec<f64> = (0..case.d.len())
        .map(|i| match mode {
            0 => f64::from(case.d[i]),
            1 => f64::from(case.d[i]) * gate(i) + extra(i),
            _ => extra(i),
        })
        .collect();
    for activation in activation::ALL {
        let arguments = case.arguments(&wide(&case.z));
        let loss = |u: &[f64]| {
            let a: Vec<f64> = u.iter().map(|&u| activation::in_double(activation, u)).collect();
            dot(&a, &arriving)
        };
        let expected = numeric_gradient(&arguments, loss);
        let mut d = case.d.clone();
        let (mut sums, mut products) = (vec![1.0; c], vec![2.0; c]);
        let into = Sums { sums: &mut sums, products: &mut products };
        finish(&mut d, &case.z, case.affine(), activation, incoming, into);
        assert_close(&d, &expected, 1e-4);
        let centre = case.of_channel(&case.centre);
        let column = |j: usize, of: &dyn Fn(usize) -> f64| (j..d.len()).step_by(c).map(of).sum::<f64>();
        let sum = |j| 1.0 + column(j, &|i| expected[i]);
        let product = |j| 2.0 + column(j, &|i| expected[i] * (f64::from(case.z[i]) - centre(i)));
        assert_close(&sums, &(0..c).map(sum).collect::<Vec<_>>(), 1e-4);
        assert_close(&products, &(0..c).map(product).collect::<Vec<_>>(), 1e-4);
    }
}

#[rstest]
fn gradients_behind_a_batch_norm_and_column_products(#[values(1, 16, 24, 200)] c: usize) {
    let case = Case::new(4, c);
    let slopes = Slopes { centre: &case.centre, scale: &case.scale, slope: &case.offset, shift: &case.extra };
    let mut dz = vec![f32::NAN; case.z.len()];
    norm_gradient(&case.d, &case.z, slopes, &mut dz);
    let [centre, scale, slope, shift] =
        [&case.centre, &case.scale, &case.offset, &case.extra].map(|values| case.of_channel(values));
    let expected: Vec<f64> = (0..dz.len())
        .map(|i| {
            let (d, z) = (f64::from(case.d[i]), f64::from(case.z[i]));
            scale(i) * d + slope(i) * (z - centre(i)) + shift(i)
        })
        .collect();
    assert_close(&dz, &expected, 1e-6);

    let mut sums = vec![0.5; c];
    column_products(&case.d, &case.z, &mut sums);
    let product = |i: usize| f64::from(case.d[i]) * f64::from(case.z[i]);
    let column = |j: usize| 0.5 + (j..case.z.len()).step_by(c).map(product).sum::<f64>();
    assert_close(&sums, &(0..c).map(column).collect::<Vec<_>>(), 1e-5);

    let mut y = case.d.clone();
    add(&case.z, &mut y);
    assert!(y.iter().zip(&case.d).zip(&case.z).all(|((y, d), z)| *y == d + z));
}

#[test]
fn nan_shows() {
    let case = Case::new(2, 24);
    let z = vec![f32::NAN; 48];
    let mut a = vec![0.0; 48];
    for activation in activation::ALL {
        normalise(&z, case.affine(), activation, None, &mut a);
        assert!(a.iter().all(|a| a.is_nan()), "{activation:?}");
    }
}
