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

/// A tensor of an operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Last part of the tensor's path: `weight`, `bias`, `running_mean` ...
    pub name: &'static str,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Start value.
    pub initial: Initial,
    /// False for running statistics, which are measured and not trained.
    pub trained: bool,
    /// Whether weight decay applies: not to batch norm nor to biases.
    pub decayed: bool,
}

impl Parameter {
    /// A weight: trained and decayed.
    pub fn weight(name: &'static str, shape: &[u32], initial: Initial) -> Self {
        Self { name, shape: dims(shape), initial, trained: true, decayed: true }
    }

    /// A bias or batch-norm parameter: trained, not decayed.
    pub fn bias(name: &'static str, channels: u32, value: f64) -> Self {
        Self {
            name,
            shape: dims(&[channels]),
            initial: Initial::Constant(value),
            trained: true,
            decayed: false,
        }
    }

    /// A running statistic: neither trained nor decayed.
    pub fn statistic(name: &'static str, channels: u32, value: f64) -> Self {
        Self { trained: false, ..Self::bias(name, channels, value) }
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.shape.iter().map(|&d| d as u64).product()
    }
}

fn dims(shape: &[u32]) -> Vec<usize> {
    shape.iter().map(|&d| d as usize).collect()
}
