//! What is exported: the result of a run, or a network with a file of weights.

use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::graph::{LayerGraph, Values};
use crate::nn::{WeightsError, load_values};
use crate::pytorch::Imported;
use crate::run::{FolderError, MODEL_CARD, ModelCard};
use crate::spec::{self, NetworkSpec};
use crate::text_file::ReadError;

/// A network with its weights.
#[derive(Debug, Clone)]
pub struct Source {
    /// The network that the weights belong to.
    pub spec: NetworkSpec,
    /// The weights.
    pub values: Values,
    /// What a run says of it.
    pub card: Option<ModelCard>,
    /// Where the run keeps it.
    pub folder: Option<PathBuf>,
    /// What the user should know about the choice.
    pub notes: Vec<String>,
}

/// There is no network to export.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[expect(missing_docs, reason = "the sources say it")]
pub enum SourceError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A card that names a file somewhere else.
    #[error("{} names the file {name:?}, which does not lie beside it", path.display())]
    #[diagnostic(help("a run writes plain names; call its command again to have the card written anew"))]
    Elsewhere { path: PathBuf, name: String },
    /// A card of another network.
    #[error("{} names {named} classes, and {network} has {classes}", path.display())]
    #[diagnostic(help("call the command of the run again to have the card written anew"))]
    OtherClasses { path: PathBuf, named: usize, network: String, classes: u32 },
    /// A folder without a trained network.
    #[error("{} holds no trained network", path.display())]
    #[diagnostic(help(
        "give the folder of a finished run of mbn-search, mbn-train or mbn-netadapt (call its command again if it was \
         interrupted, or was made by an older version), or a network file with --weights"
    ))]
    NothingTrained { path: PathBuf },
}

impl Source {
    /// The trained network in a folder: of a training, of an adaptation, of a network of a search, or the most accurate
    /// one of a whole search.
    ///
    /// # Errors
    /// If there is none, or its files cannot be read.
    pub fn of_run(given: &Path) -> Result<Self, SourceError> {
        if let Some(card) = ModelCard::read(given)? {
            return Self::of_card(given, card, Vec::new());
        }
        let mut trained = networks_of_search(given)?;
        trained.sort_by(|(_, a), (_, b)| validated(b).total_cmp(&validated(a)));
        let count = trained.len();
        let Some((folder, card)) = trained.into_iter().next() else {
            return Err(SourceError::NothingTrained { path: given.to_owned() });
        };
        let notes = match count {
            1 => Vec::new(),
            _ => vec![format!(
                "{} is the most accurate of {count} trained networks on held-out images; give the folder of another to \
                 export that",
                folder.display()
            )],
        };
        Self::of_card(&folder, card, notes)
    }

    /// A network with the weights of a file.
    pub fn of_weights(imported: Imported) -> Self {
        let Imported { network, values, notes, .. } = imported;
        Self { spec: network, values, card: None, folder: None, notes }
    }

    fn of_card(folder: &Path, card: ModelCard, mut notes: Vec<String>) -> Result<Self, SourceError> {
        let path = folder.join(MODEL_CARD);
        let is_plain = |name: &str| Path::new(name).file_name() == Some(name.as_ref());
        if let Some(name) = [&card.network, &card.weights].into_iter().find(|name| !is_plain(name)) {
            return Err(SourceError::Elsewhere { path, name: name.clone() });
        }
        let spec = spec::load(&folder.join(&card.network).to_string_lossy())?;
        let (named, classes) = (card.classes.len(), spec.classes);
        if named != classes as usize {
            return Err(SourceError::OtherClasses { path, named, network: spec.name, classes });
        }
        let values = load_values(LayerGraph::lower(&spec), &folder.join(&card.weights))?;
        notes.extend(card.proxy_of.as_ref().map(|timed| {
            format!(
                "{} ({}, {r}x{r} images, {classes} classes) is the proxy of {} ({}, {t}x{t} images, {} classes), whose \
                 latency is not its own",
                spec.name,
                spec.arch_id(),
                timed.name,
                timed.arch_id,
                timed.classes,
                r = spec.resolution,
                t = timed.resolution,
            )
        }));
        Ok(Self { spec, values, card: Some(card), folder: Some(folder.to_owned()), notes })
    }

    /// A name for files.
    pub fn file_stem(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
        let stem: String = self.spec.name.chars().map(plain).collect();
        match stem.trim_start_matches('.') {
            "" => "network".to_owned(),
            stem => stem.to_owned(),
        }
    }
}

fn validated(card: &ModelCard) -> f64 {
    card.validation_accuracy.unwrap_or(f64::NEG_INFINITY)
}

/// The networks that a search has trained to the end, in the order of their names.
fn networks_of_search(run: &Path) -> Result<Vec<(PathBuf, ModelCard)>, SourceError> {
    let networks = run.join("networks");
    let Ok(entries) = std::fs::read_dir(&networks) else { return Ok(Vec::new()) };
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| folder.join(MODEL_CARD).is_file());
    folders.sort();
    let mut found = Vec::with_capacity(folders.len());
    for folder in folders {
        if let Some(card) = ModelCard::read(&folder)? {
            found.push((folder, card));
        }
    }
    Ok(found)
}
