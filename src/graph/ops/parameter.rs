//! What an operator owns: tensors with a name, a shape and a start value.

/// How a tensor starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Initial {
    /// Normal with this standard deviation.
    Normal(f64),
    /// The same value everywhere.
    Constant(f64),
}

impl Initial {
    /// Normal with variance `2 / fan`, which keeps the scale of activations
    /// through layers followed by a rectifier (He et al. 2015, equation 10).
    pub fn kaiming(fan: u32) -> Self {
        Self::Normal((2.0 / f64::from(fan)).sqrt())
    }
}

/// What a dimension of a tensor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Channels of the operator's input.
    Input,
    /// Channels of the operator's output.
    Output,
    /// Channels inside the operator, see [`super::Operation::inner_channels`].
    Inner,
    /// Positions of a kernel.
    Kernel,
}

/// A tensor of an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Last part of the tensor's path: `weight`, `bias`, `running_mean` ...
    pub name: &'static str,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// What each dimension counts.
    pub axes: Vec<Axis>,
    /// Start value.
    pub initial: Initial,
    /// False for running statistics, which are measured and not trained.
    pub trained: bool,
    /// Whether weight decay applies: not to batch norm nor to biases.
    pub decayed: bool,
}

impl Parameter {
    /// A weight: trained and decayed.
    pub fn weight(name: &'static str, dims: &[(u32, Axis)], initial: Initial) -> Self {
        Self {
            name,
            shape: dims.iter().map(|&(size, _)| size as usize).collect(),
            axes: dims.iter().map(|&(_, axis)| axis).collect(),
            initial,
            trained: true,
            decayed: true,
        }
    }

    /// A bias or batch-norm parameter: trained, not decayed.
    pub fn bias(name: &'static str, dim: (u32, Axis), value: f64) -> Self {
        Self { decayed: false, ..Self::weight(name, &[dim], Initial::Constant(value)) }
    }

    /// A running statistic: neither trained nor decayed.
    pub fn statistic(name: &'static str, dim: (u32, Axis), value: f64) -> Self {
        Self { trained: false, ..Self::bias(name, dim, value) }
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.shape.iter().map(|&d| d as u64).product()
    }
}
