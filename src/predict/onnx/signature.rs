//! What a model takes and gives: as its file says, and as whoever loads it expects. The same for both backends.

use crate::predict::onnx::model::RunError;
use std::io;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Extent;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{ModelProto, ValueInfoProto};
use tract_onnx::prelude::Framework;

/// The name of the one input: rows × features, 32-bit floats.
pub const INPUT: &str = "features";

/// One output: rows × width, 32-bit floats.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Values of a row.
    pub width: usize,
}

/// What a model takes and gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    features: usize,
    outputs: Vec<Output>,
}

/// Why a model is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// Over [`MODEL_BYTES_MAX`](super::MODEL_BYTES_MAX).
    #[error(
        "has more than {} bytes; a network that must answer in a millisecond has far fewer",
        super::MODEL_BYTES_MAX
    )]
    TooLarge,
    /// No model, or none that this backend can run.
    #[error("is no ONNX model that {by} can run ({error}); copy it anew, or export it with operator set 17 or 18")]
    Broken {
        /// Who says so.
        by: &'static str,
        /// What it says.
        error: String,
    },
    /// Its one input is another.
    #[error("takes {found} where \"{INPUT}\" of rows × {expected} floats is given; export it for the features of this version")]
    Input {
        /// What it takes.
        found: String,
        /// Features of a row.
        expected: usize,
    },
    /// It has an input or output whose first dimension is a number.
    #[error("\"{0}\" has a fixed number of rows; export it with a dynamic first dimension")]
    FixedRows(String),
    /// An output is missing, or another.
    #[error("gives {found} where \"{name}\" of rows × {width} floats is expected; load it as what it was trained for")]
    Output {
        /// What it gives.
        found: String,
        /// The output expected.
        name: String,
        /// Its width.
        width: usize,
    },
    /// Zeros, with which it was warmed up, were too much for it.
    #[error("does not answer rows of zeros ({0}); train or export it again")]
    WarmUp(#[from] RunError),
}

impl Signature {
    /// So many features of a row, and these outputs by name and width.
    ///
    /// # Panics
    /// Where there is no feature, or no output: nothing could come of such a model.
    pub fn new(features: usize, outputs: &[(&str, usize)]) -> Signature {
        assert!(features > 0 && !outputs.is_empty(), "a model takes something and gives something");
        let output = |&(name, width): &(&str, usize)| Output {
            name: name.to_owned(),
            width,
        };
        Signature {
            features,
            outputs: outputs.iter().map(output).collect(),
        }
    }

    /// What a file says of itself.
    ///
    /// # Errors
    /// It is no model, or none with one input `features` and outputs of rows × a number.
    pub fn read(bytes: &[u8]) -> Result<Signature, Refusal> {
        Signature::of(&decode(bytes)?)
    }

    /// Features of a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The outputs, in the order in which answers have them.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    pub(super) fn of(model: &ModelProto) -> Result<Signature, Refusal> {
        let graph = model.graph.as_ref().ok_or_else(|| broken("it has no graph"))?;
        // Old files list weights among the inputs.
        let is_weight = |input: &ValueInfoProto| graph.initializer.iter().any(|weight| weight.name == input.name);
        let inputs: Vec<&ValueInfoProto> = graph.input.iter().filter(|input| !is_weight(input)).collect();
        let [input] = inputs[..] else {
            return Err(broken(&format!("it has {} inputs instead of one", inputs.len())));
        };
        if input.name != INPUT {
            return Err(broken(&format!("its input is called {:?} instead of {INPUT:?}", input.name)));
        }
        let outputs = graph.output.iter().map(|output| {
            Ok(Output {
                name: output.name.clone(),
                width: width(output)?,
            })
        });
        Ok(Signature {
            features: width(input)?,
            outputs: outputs.collect::<Result<_, Refusal>>()?,
        })
    }

    /// Where the outputs of this one stand among those that a file says it has; it may have more.
    pub(super) fn places(&self, found: &Signature) -> Result<Vec<usize>, Refusal> {
        if found.features != self.features {
            return Err(Refusal::Input {
                found: format!("{} features", found.features),
                expected: self.features,
            });
        }
        let place = |output: &Output| {
            found
                .outputs
                .iter()
                .position(|other| other == output)
                .ok_or_else(|| Refusal::Output {
                    found: found.listed(),
                    name: output.name.clone(),
                    width: output.width,
                })
        };
        self.outputs.iter().map(place).collect()
    }

    fn listed(&self) -> String {
        let one = |output: &Output| format!("\"{}\" of rows × {}", output.name, output.width);
        self.outputs.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Reads the file's structure; nothing of it is believed yet.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, Refusal> {
    tract_onnx::onnx()
        .proto_model_for_read(&mut &*bytes)
        .map_err(|error| broken(&format!("{error:#}")))
}

fn broken(error: &str) -> Refusal {
    Refusal::Broken {
        by: "anybody",
        error: error.to_owned(),
    }
}

/// Values of a row, where it is rows × a number of floats.
fn width(value: &ValueInfoProto) -> Result<usize, Refusal> {
    let wrong = || broken(&format!("\"{}\" is not rows × a number of 32-bit floats", value.name));
    let Some(Type::TensorType(tensor)) = value.r#type.as_ref().and_then(|of| of.value.as_ref()) else {
        return Err(wrong());
    };
    let extents: Vec<Option<&Extent>> = tensor
        .shape
        .as_ref()
        .map(|shape| shape.dim.iter().map(|dim| dim.value.as_ref()).collect())
        .unwrap_or_default();
    let [rows, Some(Extent::DimValue(width))] = extents[..] else {
        return Err(wrong());
    };
    if matches!(rows, Some(Extent::DimValue(_))) {
        return Err(Refusal::FixedRows(value.name.clone()));
    }
    match usize::try_from(*width) {
        Ok(width) if width > 0 && tensor.elem_type == DataType::Float as i32 => Ok(width),
        _ => Err(wrong()),
    }
}
