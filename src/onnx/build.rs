//! Nodes, attributes, constants and values in a line each.

use super::message::{
    AttributeProto, AttributeType, DataType, DimensionProto, DimensionValue, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// An operator named after its output.
pub fn node(op_type: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: Some(output.to_owned()),
        op_type: Some(op_type.to_owned()),
        attribute,
    }
}

/// Attributes by the type of their value.
pub mod attribute {
    use super::{AttributeProto, AttributeType};

    /// An integer.
    pub fn int(name: &str, value: i64) -> AttributeProto {
        AttributeProto { i: Some(value), ..of(name, AttributeType::Int) }
    }

    /// A number.
    pub fn float(name: &str, value: f32) -> AttributeProto {
        AttributeProto { f: Some(value), ..of(name, AttributeType::Float) }
    }

    /// Integers.
    pub fn ints(name: &str, values: impl IntoIterator<Item = i64>) -> AttributeProto {
        AttributeProto { ints: values.into_iter().collect(), ..of(name, AttributeType::Ints) }
    }

    fn of(name: &str, kind: AttributeType) -> AttributeProto {
        AttributeProto { name: Some(name.to_owned()), r#type: Some(kind.into()), ..Default::default() }
    }
}

/// Constants by the type of their values; the shape of a single value is empty.
pub mod tensor {
    use super::{DataType, TensorProto};

    /// 32-bit floats.
    pub fn floats(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
        of(name, shape, DataType::Float, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// 8-bit integers.
    pub fn int8s(name: &str, shape: &[usize], values: &[i8]) -> TensorProto {
        of(name, shape, DataType::Int8, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// 32-bit integers.
    pub fn int32s(name: &str, shape: &[usize], values: &[i32]) -> TensorProto {
        of(name, shape, DataType::Int32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn of(name: &str, shape: &[usize], data_type: DataType, raw_data: Vec<u8>) -> TensorProto {
        TensorProto {
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: Some(data_type.into()),
            name: Some(name.to_owned()),
            raw_data: Some(raw_data),
        }
    }
}

/// A dimension of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Always of this size.
    Fixed(u64),
    /// Of any size, the same wherever the name stands.
    Any(&'static str),
}

/// A tensor of 32-bit floats that goes in, comes out or lies between.
pub fn value(name: &str, shape: &[Dimension]) -> ValueInfoProto {
    let dimension = |&dimension: &Dimension| DimensionProto {
        value: Some(match dimension {
            Dimension::Fixed(size) => DimensionValue::Size(size as i64),
            Dimension::Any(name) => DimensionValue::Name(name.to_owned()),
        }),
    };
    let shape = TensorShapeProto { dim: shape.iter().map(dimension).collect() };
    let tensor = TensorTypeProto { elem_type: Some(DataType::Float.into()), shape: Some(shape) };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}
