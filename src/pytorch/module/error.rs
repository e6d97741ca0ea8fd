//! Why a network was not written as a module.

use miette::Diagnostic;

/// A network could not be written as a PyTorch module.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ModuleError {
    /// The names are those of other classes.
    #[error("there are {names} class names for {classes} classes")]
    #[diagnostic(help("give one name for each output of the classifier, or none at all"))]
    ClassNames {
        /// Names given.
        names: usize,
        /// Outputs of the classifier.
        classes: u32,
    },
    /// The normalisation is that of other images.
    #[error("the normalisation is of {channels} channels, the network takes images of {expected}")]
    #[diagnostic(help("give the normalisation of the images that the network was trained on, or none"))]
    Normalisation {
        /// Channels of the normalisation.
        channels: usize,
        /// Input channels of the network.
        expected: u32,
    },
    /// The template and its data disagree.
    #[error("cannot write the module: {0}")]
    Template(#[from] minijinja::Error),
}
