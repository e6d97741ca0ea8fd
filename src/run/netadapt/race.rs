//! Evaluates the proposals of an iteration against each other.
//!
//! All proposals see the same batches and are scored on the same held-out
//! images, in heats: after each heat, those that are certainly worse than the
//! winners are out, and the rest are trained for more steps and scored on more
//! images.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use crate::data::{DataError, Loader};
use crate::graph::{ChannelGroups, LayerGraph, Values};
use crate::netadapt::{
    Channels, Contestant, Importance, NetworkProblem, Problem, Proposal, Reference, Round, Surgery,
    channel_scores, losers, most_important,
};
use crate::nn::Network;
use crate::run::execute::run_in_order;
use crate::run::images::Images;
use crate::train::{Control, Recipe, TrainError, Trainer, TrainingState, mean_gradients};

/// Shares of the steps and of the held-out images after each heat.
const HEATS: [f64; 3] = [0.25, 0.5, 1.0];

/// Batches whose gradients score channels, where gradients do.
const GRADIENT_BATCHES: u64 = 16;

/// A network of the loop with its weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trained {
    /// Which channels of the original it has.
    pub(super) channels: Channels,
    /// Weights, batch-norm statistics and moments.
    pub(super) state: TrainingState,
    /// Steps that it was trained for since the original.
    pub(super) steps: u64,
    /// Whether it gets each held-out image right.
    pub(super) right: Vec<bool>,
}

impl Trained {
    pub(super) fn accuracy(&self) -> f64 {
        self.right.iter().filter(|&&right| right).count() as f64 / self.right.len().max(1) as f64
    }
}

/// The network that everything is narrowed from.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) trained: Trained,
    /// Scores of its channels, by group.
    pub(super) scores: Vec<Vec<f64>>,
}

/// How far a proposal came.
#[derive(Debug)]
pub(super) struct Entry {
    /// None once training failed.
    pub(super) trained: Option<Trained>,
    /// Steps of this contest.
    pub(super) steps: u64,
    /// Whether it was in the race to the end.
    pub(super) finished: bool,
    /// Why training failed.
    pub(super) failure: Option<String>,
}

/// What a contest needs.
pub(super) struct Arena<'a> {
    pub(super) problem: &'a NetworkProblem<'a>,
    pub(super) images: Loader,
    /// The held-out images of each heat.
    pub(super) held_out: Vec<Loader>,
    pub(super) recipe: &'a Recipe,
    pub(super) importance: Importance,
    pub(super) seed: u64,
    pub(super) jobs: usize,
    pub(super) stop: &'a AtomicBool,
}

/// One entry's part in a heat.
struct Part<'a> {
    entry: usize,
    widths: &'a [u32],
    start: Start<'a>,
    /// Steps of this heat, counted from the original.
    steps: std::ops::Range<u64>,
}

/// Where a heat begins.
enum Start<'a> {
    /// From a parent, by surgery.
    Parent { trained: &'a Trained, scores: &'a [Vec<f64>] },
    /// From where the heat before ended.
    Heat(Trained),
}

impl<'a> Arena<'a> {
    pub(super) fn new(
        problem: &'a NetworkProblem<'a>,
        images: &Images,
        recipe: &'a Recipe,
        importance: Importance,
        seed: u64,
        jobs: usize,
        stop: &'a AtomicBool,
    ) -> Result<Self, DataError> {
        Ok(Self {
            problem,
            images: images.training(recipe.batch)?,
            held_out: images.validation_prefixes(recipe.batch, &HEATS, seed)?,
            recipe,
            importance,
            seed,
            jobs,
            stop,
        })
    }

    fn groups(&self) -> &ChannelGroups {
        self.problem.channels()
    }

    pub(super) fn surgery(&self) -> Surgery<'_> {
        Surgery { graph: self.problem.trained_graph(), groups: self.groups() }
    }

    /// The original with its weights, scored on all held-out images.
    pub(super) fn original(&self, values: Values) -> Result<Original, TrainError> {
        let network = Network::with_values(self.problem.trained_graph().clone(), &values)?;
        let right = self.right(&network, self.held_out.len() - 1)?;
        let channels = Channels::all(self.groups());
        let trained = Trained { channels, state: TrainingState::of_network(values), steps: 0, right };
        let scores = self.scores(&self.problem.seed(), &trained)?;
        Ok(Original { trained, scores })
    }

    fn right(&self, network: &Network, heat: usize) -> Result<Vec<bool>, TrainError> {
        let images = &self.held_out[heat];
        let evaluation = crate::train::evaluate(network, images, &Control::new(self.stop))?;
        Ok(images
            .labels()
            .zip(&evaluation.predictions)
            .map(|(label, &predicted)| label == predicted)
            .collect())
    }

    /// Scores of a network's channels, by group.
    pub(super) fn scores(&self, widths: &[u32], trained: &Trained) -> Result<Vec<Vec<f64>>, TrainError> {
        let graph = self.graph(widths)?;
        let values = trained.state.network();
        let gradients = match self.importance {
            Importance::Taylor => {
                let network = Network::with_values(graph.clone(), values)?;
                let control = Control::new(self.stop);
                mean_gradients(&network, &self.images, self.recipe, GRADIENT_BATCHES, &control)?
            }
            _ => Values::new(),
        };
        Ok(channel_scores(&graph, &graph.channel_groups(), values, self.importance, &gradients))
    }

    fn graph(&self, widths: &[u32]) -> Result<LayerGraph, TrainError> {
        let missing = || candle_core::Error::Msg(format!("no network has the widths {widths:?}"));
        let (_, trained) = self.problem.networks(widths).ok_or_else(missing)?;
        Ok(LayerGraph::lower(&trained))
    }

    /// The channels of a network of other widths made from `parent`: of groups that shrink the most important, of
    /// groups that grow all that it has, and of those that it lacks the ones most important to the original.
    fn channels(
        &self,
        widths: &[u32],
        parent: &Trained,
        scores: &[Vec<f64>],
        original: &Original,
    ) -> Channels {
        let counts = self.problem.channel_counts(widths);
        let mut channels = parent.channels.clone();
        for (id, _) in self.groups().iter() {
            let (had, wanted) = (parent.channels.of(id), counts[id.index()] as usize);
            let kept: Vec<u32> = if wanted <= had.len() {
                most_important(&scores[id.index()], wanted).into_iter().map(|at| had[at]).collect()
            } else {
                let mut worth = original.scores[id.index()].clone();
                had.iter().for_each(|&channel| worth[channel as usize] = f64::INFINITY);
                most_important(&worth, wanted).into_iter().map(|channel| channel as u32).collect()
            };
            channels.set(id, kept);
        }
        channels
    }

    /// The network of other widths made from `parent`, before any training. Moments pass down like weights; channels
    /// that come back have their old weights, and of each moment the mean of its tensor.
    pub(super) fn cut(
        &self,
        widths: &[u32],
        parent: &Trained,
        scores: &[Vec<f64>],
        original: &Original,
    ) -> Trained {
        let channels = self.channels(widths, parent, scores, original);
        let surgery = self.surgery();
        let grows = !channels.are_within(&parent.channels);
        let cut = |(part, values): (&String, &Values)| {
            let lacking = match part.as_str() {
                _ if !grows => return (part.clone(), surgery.shrink(values, &parent.channels, &channels)),
                TrainingState::NETWORK => Cow::Borrowed(original.trained.state.network()),
                _ => Cow::Owned(means(values, original.trained.state.network())),
            };
            (part.clone(), surgery.regrow(&lacking, values, &parent.channels, &channels))
        };
        let state = TrainingState { parts: parent.state.parts.iter().map(cut).collect() };
        Trained { channels, state, steps: parent.steps, right: Vec::new() }
    }

    /// Trains and scores the proposals of a round; `steps` is what each is trained for if it stays in the race.
    pub(super) fn race(
        &self,
        round: &Round,
        members: &BTreeMap<u64, Trained>,
        widths_of: &BTreeMap<u64, Vec<u32>>,
        original: &Original,
        steps: u64,
        on_heat: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vec<Entry>, TrainError> {
        let mut scores = BTreeMap::new();
        for key in round.proposals.iter().map(|proposal| proposal.parent) {
            if let (false, Some(trained), Some(widths)) =
                (scores.contains_key(&key), members.get(&key), widths_of.get(&key))
            {
                scores.insert(key, self.scores(widths, trained)?);
            }
        }
        let new_entry = |_: &Proposal| Entry { trained: None, steps: 0, finished: false, failure: None };
        let mut entries: Vec<Entry> = round.proposals.iter().map(new_entry).collect();
        let mut racing: Vec<usize> = (0..entries.len()).collect();
        for (heat, share) in HEATS.iter().enumerate() {
            let upto = ((share * steps as f64).round() as u64).max(1);
            let parts: Vec<Part<'_>> = racing
                .iter()
                .filter_map(|&at| {
                    let proposal = &round.proposals[at];
                    let trained = members.get(&proposal.parent)?;
                    let scores = scores.get(&proposal.parent)?;
                    let (begin, entry) = (trained.steps, at);
                    let steps = begin + entries[at].steps..begin + upto.max(entries[at].steps);
                    let start = match entries[at].trained.take() {
                        Some(trained) => Start::Heat(trained),
                        None => Start::Parent { trained, scores },
                    };
                    Some(Part { entry, widths: &proposal.widths, start, steps })
                })
                .collect();
            on_heat(heat, parts.len());
            let results = self.run_heat(heat, &parts, original)?;
            for (part, result) in parts.iter().zip(results) {
                let entry = &mut entries[part.entry];
                entry.steps = upto;
                match result {
                    Ok(trained) => entry.trained = Some(trained),
                    Err(error) => entry.failure = Some(error.to_string()),
                }
            }
            racing.retain(|&at| entries[at].trained.is_some());
            let out = self.out(round, &racing, &entries, members);
            racing.retain(|at| !out.contains(at));
        }
        for at in racing {
            entries[at].finished = true;
        }
        Ok(entries)
    }

    /// Entries that are out of the race.
    fn out(
        &self,
        round: &Round,
        racing: &[usize],
        entries: &[Entry],
        members: &BTreeMap<u64, Trained>,
    ) -> Vec<usize> {
        // A pacer runs to the end, but not for the win.
        let in_race: Vec<usize> =
            racing.iter().copied().filter(|&at| !round.proposals[at].is_pacer).collect();
        let contestants: Vec<Contestant<'_>> = in_race
            .iter()
            .filter_map(|&at| {
                let proposal = &round.proposals[at];
                let reference = match proposal.reference {
                    Reference::None => None,
                    Reference::Member { key, .. } => members.get(&key),
                    // One that failed leaves the accuracies of its parent, as the loop does.
                    Reference::Pacer(pacer) => {
                        entries[pacer].trained.as_ref().or_else(|| members.get(&proposal.parent))
                    }
                };
                Some(Contestant {
                    right: &entries[at].trained.as_ref()?.right,
                    reference: reference.map(|trained| trained.right.as_slice()),
                    weight: proposal.weight,
                })
            })
            .collect();
        losers(&contestants, round.winners).into_iter().map(|position| in_race[position]).collect()
    }

    fn run_heat(
        &self,
        heat: usize,
        parts: &[Part<'_>],
        original: &Original,
    ) -> Result<Vec<Result<Trained, TrainError>>, TrainError> {
        let mut results = Vec::with_capacity(parts.len());
        let mut ended = None;
        let work = |_: usize, part: &Part<'_>| self.run_part(heat, part, original);
        let deliver = |_: usize, result: Result<Result<Trained, TrainError>, String>| match result {
            Ok(Err(error)) if error.ends_the_run() => {
                ended = Some(error);
                ControlFlow::Break(())
            }
            result => {
                results.push(result.unwrap_or_else(|panic| Err(candle_core::Error::Msg(panic).into())));
                ControlFlow::Continue(())
            }
        };
        run_in_order(self.jobs, parts, work, deliver)
            .map_err(|error| TrainError::from(candle_core::Error::wrap(error)))?;
        ended.map_or(Ok(results), Err)
    }

    fn run_part(&self, heat: usize, part: &Part<'_>, original: &Original) -> Result<Trained, TrainError> {
        let cut;
        let before = match &part.start {
            Start::Heat(trained) => trained,
            Start::Parent { trained, scores } => {
                cut = self.cut(part.widths, trained, scores, original);
                &cut
            }
        };
        self.train_on(part.widths, before, part.steps.clone(), heat)
    }

    /// Trains a network on and scores it on the images of a heat.
    pub(super) fn train_on(
        &self,
        widths: &[u32],
        before: &Trained,
        steps: std::ops::Range<u64>,
        heat: usize,
    ) -> Result<Trained, TrainError> {
        let control = Control::new(self.stop);
        let network = Network::with_values(self.graph(widths)?, before.state.network())?;
        let mut trainer = Trainer::new(&network, &self.images, self.recipe, self.seed, None)?;
        trainer.restore(&before.state)?;
        let end = steps.end;
        trainer.train_steps(steps, &control)?;
        trainer.recalibrate(&control)?;
        let right = self.right(&network, heat)?;
        Ok(Trained { channels: before.channels.clone(), state: trainer.state()?, steps: end, right })
    }

    /// The last heat: all held-out images.
    pub(super) fn last_heat(&self) -> usize {
        self.held_out.len() - 1
    }
}

/// Tensors of the sizes of `original`, each filled with the mean of that in `values`.
fn means(values: &Values, original: &Values) -> Values {
    let filled = |(path, tensor): (&String, &Vec<f32>)| {
        let sum: f64 = tensor.iter().map(|&value| f64::from(value)).sum();
        let mean = (sum / tensor.len().max(1) as f64) as f32;
        (path.clone(), vec![mean; original[path].len()])
    };
    values.iter().map(filled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_that_come_back_have_the_mean_of_a_moment() {
        let values = Values::from([("a".to_owned(), vec![1.0, 2.0, 6.0])]);
        let original = Values::from([("a".to_owned(), vec![0.0; 5]), ("b".to_owned(), vec![0.0; 2])]);
        assert_eq!(means(&values, &original), Values::from([("a".to_owned(), vec![3.0; 5])]));
    }
}
