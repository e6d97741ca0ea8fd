//! What operators and constants hold.

use super::message::{AttributeProto, DataType, NodeProto, TensorProto};

impl NodeProto {
    /// The integers of a setting; none if it is not there.
    pub fn ints(&self, name: &str) -> &[i64] {
        self.named(name).map_or(&[], |attribute| &attribute.ints)
    }

    /// The integer of a setting.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.named(name)?.i
    }

    fn named(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }
}

impl TensorProto {
    /// The shape; `None` if it has a negative size.
    pub fn shape(&self) -> Option<Vec<usize>> {
        self.dims.iter().map(|size| usize::try_from(*size).ok()).collect()
    }

    /// The values, if they are 32-bit floats.
    pub fn floats(&self) -> Option<Vec<f32>> {
        let data = self.raw_data.as_deref().filter(|_| self.data_type == Some(DataType::Float.into()))?;
        let (values, rest) = data.as_chunks::<4>();
        rest.is_empty().then(|| values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}
