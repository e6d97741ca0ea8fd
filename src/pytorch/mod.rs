//! Networks and weights of PyTorch: torchvision's and timm's names, what builds a network there, and their files.
//!
//! Names follow from the structure of a network ([`TensorNames`]), so that wide, narrow and strided-down forms of a
//! network have them too. A [`Twin`] is the call that builds exactly a network in a package; [`module_text`] writes a
//! module for any network.

mod families;
mod import;
mod module;
mod names;
mod origin;
mod state_dict;
mod twin;
mod weights_file;

pub use import::{ImportError, Imported, import};
pub use module::{ModuleError, ModuleNotes, module_state, module_text};
pub use names::{BATCH_COUNT, Content, Module, NamedTensor, TensorNames, Unnamed};
pub use origin::{Origin, Package};
pub use state_dict::{StateDictError, state_dict};
pub use twin::{NoTwin, Twin};
pub use weights_file::{WeightsFile, WeightsFileError};

#[cfg(test)]
mod tests;
