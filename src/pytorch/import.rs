//! From the tensors of a file to the values of a network, whoever wrote the file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use miette::Diagnostic;

use super::names::{Content, NamedTensor, Unnamed};
use super::origin::Origin;
use super::weights_file::WeightsFile;
use crate::graph::{LayerGraph, Layout, Values};
use crate::nn::{FileTensor, Parameters};
use crate::spec::{NetworkSpec, Padding, Place};

/// The first convolution's weights, whose path only networks of this program have.
const STEM_WEIGHT: &str = "stem.conv.weight";
/// Names of a file that a message shows where none is known.
const NAMES_SHOWN: usize = 4;

/// Weights in a network that fits them.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The network with the padding, batch norm and activations that the weights were trained with.
    pub network: NetworkSpec,
    /// The values of all its tensors.
    pub values: Values,
    /// Whose weights they are.
    pub origin: Origin,
    /// Whether the classifier has other outputs than in the file and was drawn anew.
    pub has_new_classifier: bool,
    /// What people should know, one sentence each.
    pub notes: Vec<String>,
}

/// A file's weights are not those of a network.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ImportError {
    /// Nobody's names.
    #[error("the tensors of {} have names of none that is known: {names}", path.display())]
    #[diagnostic(help(
        "give weights of this program, of torchvision's MobileNetV2 or V3, or of timm's MobileNets or MnasNet"
    ))]
    UnknownNames {
        /// The file.
        path: PathBuf,
        /// Some of its names.
        names: String,
    },
    /// Somebody else's names.
    #[error("the tensors of {} have the names of {found}, not of {wanted}", path.display())]
    #[diagnostic(help("leave out --weights-of, or say --weights-of {found}"))]
    OtherNames {
        /// The file.
        path: PathBuf,
        /// Whose names they are.
        found: Origin,
        /// Whose they should be.
        wanted: Origin,
    },
    /// The network has a part that no network with such names has.
    #[error("{} has the names of {origin}: {unnamed}", path.display())]
    #[diagnostic(help("give the network that the weights are of"))]
    Unnamed {
        /// The file.
        path: PathBuf,
        /// Whose names they are.
        origin: Origin,
        /// The part.
        unnamed: Unnamed,
    },
    /// The first convolution takes other images.
    #[error("{} is for images of {found} channels, the network for {wanted}", path.display())]
    #[diagnostic(help(
        "use images of {found} channels and --channels {found}: grey images can be saved as colour ones, with three equal channels"
    ))]
    ImageChannels {
        /// The file.
        path: PathBuf,
        /// Channels that its first convolution takes.
        found: usize,
        /// Channels of the network's images.
        wanted: u32,
    },
    /// Names or shapes differ.
    #[error("{} holds weights of another network: {differences}", path.display())]
    #[diagnostic(help(
        "give the network that the weights are of, with --width where they have one; for networks of torchvision add --width-rule torchvision"
    ))]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// Missing, surplus and differently shaped tensors, by the names of the file.
        differences: String,
    },
    /// There is no memory for the network.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// The weights of a file in a network of these blocks.
///
/// Whose weights they are is known by the names of the tensors unless `origin` says so. timm's networks of PyTorch and
/// of TensorFlow have the same names; they are taken for the former. A classifier with other outputs than the network's
/// is drawn anew with `seed`.
///
/// # Errors
/// If they are not weights of such a network; see [`ImportError`].
pub fn import(
    spec: &NetworkSpec,
    file: WeightsFile,
    origin: Option<Origin>,
    seed: u64,
) -> Result<Imported, ImportError> {
    let WeightsFile { path, tensors, mut notes } = file;
    let found = recognised(&tensors);
    let origin = match (origin, found) {
        (Some(wanted), Some(found)) if !wanted.has_names_of(found) => {
            return Err(ImportError::OtherNames { path, found, wanted });
        }
        (Some(wanted), _) => wanted,
        (None, Some(found)) => found,
        (None, None) => return Err(ImportError::UnknownNames { path, names: some_names(&tensors) }),
    };
    let network = origin.conventions(spec);
    let graph = LayerGraph::lower(&network);
    let names = match origin.names(&graph) {
        Ok(names) => names,
        Err(unnamed) => return Err(ImportError::Unnamed { path, origin, unnamed }),
    };
    let mut matching = Matching { tensors, ..Matching::default() };
    names.iter().for_each(|tensor| matching.take(tensor));
    let (mut values, outputs) = matching.finish(path, spec.input_channels)?;
    notes.extend(conventions_note(spec, &network, origin));
    if let Some(outputs) = outputs {
        values.extend(fresh_classifier(&graph, seed)?);
        notes.push(format!(
            "the classifier has {outputs} outputs there and {} here: drawn anew with seed {seed}",
            spec.classes
        ));
    }
    Ok(Imported { network, values, origin, has_new_classifier: outputs.is_some(), notes })
}

/// The values that a new network starts with.
fn fresh_classifier(graph: &LayerGraph, seed: u64) -> Result<Values, candle_core::Error> {
    let fresh = Parameters::initial(graph, seed)?.values()?;
    Ok(fresh.into_iter().filter(|(path, _)| stands_in(path, Place::Classifier)).collect())
}

/// What of the network the origin of its weights decides, in words; nothing for weights of this program.
fn conventions_note(asked: &NetworkSpec, network: &NetworkSpec, origin: Origin) -> Option<String> {
    if matches!(origin, Origin::Own | Origin::Module) {
        return None;
    }
    let padding = match network.padding {
        Padding::Same => "padding as in TensorFlow",
        Padding::Symmetric => "symmetric padding",
    };
    let constants = network.batch_norm;
    let mut note = format!(
        "weights of {origin}: {padding}, batch norm with eps {} and momentum {}",
        constants.eps, constants.momentum
    );
    if network.stem != asked.stem || network.blocks != asked.blocks || network.head != asked.head {
        note += ", ReLU6 activations";
    }
    if origin == Origin::Timm {
        note += "; those of a tf_ network need --weights-of timm-tf";
    }
    Some(note)
}

impl Origin {
    /// Whether tensors of the two have the same names.
    fn has_names_of(self, other: Self) -> bool {
        let package = |origin| if origin == Self::TimmTf { Self::Timm } else { origin };
        package(self) == package(other)
    }
}

/// Whose names the tensors have, by names that only theirs are.
fn recognised(tensors: &BTreeMap<String, FileTensor>) -> Option<Origin> {
    let has_features = tensors.range("features.".to_owned()..).next();
    if tensors.contains_key(STEM_WEIGHT) {
        // Depthwise kernels have a dimension less here than in PyTorch; a single wrong one decides nothing.
        let depthwise = tensors.iter().filter(|(name, _)| name.ends_with(".depthwise.weight"));
        let (of_pytorch, own): (Vec<_>, Vec<_>) = depthwise.partition(|(_, t)| t.shape.len() >= 4);
        Some(if of_pytorch.len() > own.len() { Origin::Module } else { Origin::Own })
    } else if tensors.contains_key("conv_stem.weight") {
        Some(Origin::Timm)
    } else if has_features.is_some_and(|(name, _)| name.starts_with("features.")) {
        Some(Origin::Torchvision)
    } else {
        None
    }
}

fn some_names(tensors: &BTreeMap<String, FileTensor>) -> String {
    let shown: Vec<_> = tensors.keys().take(NAMES_SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if tensors.len() > NAMES_SHOWN { " ..." } else { "" };
    if shown.is_empty() { "there are no tensors".to_owned() } else { shown.join(", ") + more }
}

/// Whether a tensor's path is that of an operator at this place.
fn stands_in(path: &str, place: Place) -> bool {
    path.strip_prefix(&place.to_string()).is_some_and(|rest| rest.starts_with('.'))
}

/// The tensors of a file while those of a network are looked up among them.
#[derive(Default)]
struct Matching {
    /// Those that no tensor of the network has taken yet.
    tensors: BTreeMap<String, FileTensor>,
    values: Values,
    differences: Vec<String>,
    /// Outputs of the file's classifier, where the network's has others.
    outputs: Option<usize>,
    /// Channels of the file's images, where the network's have others.
    image_channels: Option<usize>,
}

impl Matching {
    fn take(&mut self, tensor: &NamedTensor) {
        let Content::Values { path, shape, layout } = &tensor.content else { return };
        let (name, expected) = (&tensor.name, &tensor.shape);
        let Some(found) = self.tensors.remove(name) else {
            self.differences.push(format!("{name} {expected:?} is missing"));
            return;
        };
        if &found.shape == expected {
            self.values.insert(path.clone(), layout.from_pytorch(shape, &found.values));
            return;
        }
        let differs_in = only_difference(&found.shape, expected);
        if differs_in == Some(0) && stands_in(path, Place::Classifier) {
            self.outputs = Some(found.shape[0]);
            return;
        }
        let input = if *layout == Layout::Same { expected.len() - 1 } else { 1 };
        if differs_in == Some(input) && path == STEM_WEIGHT {
            self.image_channels = Some(found.shape[input]);
        }
        self.differences.push(format!("{name} is {:?}, not {expected:?}", found.shape));
    }

    /// The values, and the outputs of the file's classifier if the network's has others.
    fn finish(self, path: PathBuf, wanted: u32) -> Result<(Values, Option<usize>), ImportError> {
        let surplus = self.tensors.iter();
        let surplus = surplus.map(|(name, t)| format!("{name} {:?} is not in the network", t.shape));
        let differences: Vec<_> = self.differences.into_iter().chain(surplus).collect();
        match (self.image_channels, differences.len()) {
            (_, 0) => Ok((self.values, self.outputs)),
            (Some(found), 1) => Err(ImportError::ImageChannels { path, found, wanted }),
            _ => Err(ImportError::OtherNetwork { path, differences: differences.join("; ") }),
        }
    }
}

/// The only dimension in which two shapes differ.
fn only_difference(a: &[usize], b: &[usize]) -> Option<usize> {
    let differs = |&at: &usize| a[at] != b[at];
    let mut places = (0..a.len().min(b.len())).filter(differs);
    let place = places.next().filter(|_| a.len() == b.len())?;
    places.next().is_none().then_some(place)
}
