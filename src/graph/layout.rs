//! How a tensor lies in memory here (NHWC) and in PyTorch and ONNX (NCHW).

/// The order of a tensor's dimensions on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The same on both sides: vectors, and the matrices of linear layers.
    Same,
    /// `[c_out, c_in]` here, the 1x1 convolution `[c_out, c_in, 1, 1]` there.
    Pointwise,
    /// `[c_out, k, k, c_in]` here, `[c_out, c_in, k, k]` there.
    Convolution,
    /// `[k, k, c]` here, `[c, 1, k, k]` there.
    Depthwise,
}

impl Layout {
    /// PyTorch's dimensions of a tensor with the dimensions `ours`.
    pub fn shape(self, ours: &[usize]) -> Vec<usize> {
        match (self, ours) {
            (Self::Pointwise, &[c_out, c_in]) => vec![c_out, c_in, 1, 1],
            (Self::Convolution, &[c_out, height, width, c_in]) => vec![c_out, c_in, height, width],
            (Self::Depthwise, &[height, width, channels]) => vec![channels, 1, height, width],
            _ => ours.to_vec(),
        }
    }

    /// The values of a tensor with the dimensions `ours`, in PyTorch's order.
    pub fn to_pytorch(self, ours: &[usize], values: &[f32]) -> Vec<f32> {
        match (self, ours) {
            (Self::Convolution, &[_, height, width, c_in]) => transposed(values, height * width, c_in),
            (Self::Depthwise, &[height, width, channels]) => transposed(values, height * width, channels),
            _ => values.to_vec(),
        }
    }

    /// The values of a tensor with the dimensions `ours`, from PyTorch's order.
    pub fn from_pytorch(self, ours: &[usize], values: &[f32]) -> Vec<f32> {
        match (self, ours) {
            (Self::Convolution, &[_, height, width, c_in]) => transposed(values, c_in, height * width),
            (Self::Depthwise, &[height, width, channels]) => transposed(values, channels, height * width),
            _ => values.to_vec(),
        }
    }
}

/// Each matrix of `rows` x `columns` transposed.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let matrices = values.chunks_exact((rows * columns).max(1));
    matrices
        .flat_map(|matrix| {
            (0..columns).flat_map(move |column| (0..rows).map(move |row| matrix[row * columns + column]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Layout::Same, &[3, 2], &[3, 2])]
    #[case(Layout::Pointwise, &[3, 2], &[3, 2, 1, 1])]
    #[case(Layout::Convolution, &[4, 3, 5, 2], &[4, 2, 3, 5])]
    #[case(Layout::Depthwise, &[3, 5, 4], &[4, 1, 3, 5])]
    fn there_and_back(#[case] layout: Layout, #[case] ours: &[usize], #[case] theirs: &[usize]) {
        let values: Vec<f32> = (0..ours.iter().product::<usize>()).map(|i| i as f32).collect();
        assert_eq!(layout.shape(ours), theirs);
        let there = layout.to_pytorch(ours, &values);
        assert_eq!(layout.from_pytorch(ours, &there), values);
    }

    #[test]
    fn every_value_goes_to_its_place() {
        let (c_out, k, c_in) = (2, 3, 4);
        let at = |o, y, x, i| (o * 1000 + y * 100 + x * 10 + i) as f32;
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for o in 0..c_out {
            ours.extend((0..k * k * c_in).map(|n| at(o, n / c_in / k, n / c_in % k, n % c_in)));
            theirs.extend((0..c_in * k * k).map(|n| at(o, n / k % k, n % k, n / k / k)));
        }
        assert_eq!(Layout::Convolution.to_pytorch(&[c_out, k, k, c_in], &ours), theirs);
        let ours: Vec<f32> = (0..k * k * c_in).map(|n| at(0, n / c_in / k, n / c_in % k, n % c_in)).collect();
        let theirs: Vec<f32> = (0..c_in * k * k).map(|n| at(0, n / k % k, n % k, n / k / k)).collect();
        assert_eq!(Layout::Depthwise.to_pytorch(&[k, k, c_in], &ours), theirs);
    }
}
