//! The loop: proposals trained, journalled and told, from the seed to the budget.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::NetadaptRunError;
use super::progress::NetadaptEvent;
use super::race::{Arena, Entry, Original, Trained};
use super::record::{IterationRecord, Line, ProposalRecord, ProposalState, SeedRecord};
use super::run::{NetadaptRun, WAY};
use super::state;
use crate::journal::Journal;
use crate::netadapt::{Adaptation, AdaptationOptions, Problem, Round};
use crate::run::events::Events;
use crate::run::folder::RunFolder;

/// The journal of a narrowing.
pub(super) const JOURNAL: &str = "iterations.jsonl";

/// The loop and what it leaves.
pub(super) struct Loop<'a> {
    pub(super) run: &'a NetadaptRun<'a>,
    pub(super) folder: &'a RunFolder,
    pub(super) events: &'a Events<'a, NetadaptEvent>,
    pub(super) arena: &'a Arena<'a>,
    pub(super) original: &'a Original,
}

/// What the loop found.
pub(super) struct Narrowed {
    pub(super) iterations: Vec<IterationRecord>,
    pub(super) widths: Vec<u32>,
    pub(super) trained: Trained,
}

impl Loop<'_> {
    pub(super) fn run(&self) -> Result<Narrowed, NetadaptRunError> {
        let run = self.run;
        let path = self.folder.file(JOURNAL);
        let opened = Journal::open::<Line>(&path)?;
        let mut journal = opened.journal;
        if opened.dropped_bytes > 0 {
            let message = format!(
                "the journal ended in the middle of a line; its last {} bytes were dropped and that iteration is run again",
                opened.dropped_bytes
            );
            self.events.tell(NetadaptEvent::Warning { message });
        }
        let seed = self.seed_record();
        let mut known = opened.records.into_iter();
        match known.next() {
            None => {
                self.save(0, &BTreeMap::from([(0, self.original.trained.clone())]))?;
                journal.append(&Line::Seed(seed.clone()))?;
            }
            Some(Line::Seed(before)) if before == seed => {}
            Some(_) => return Err(self.other_journal("it starts from another network")),
        }
        self.events.tell(NetadaptEvent::Seed(seed.clone()));
        let options = self.options();
        let mut adaptation =
            Adaptation::new(run.problem, options, seed.accuracy).ok_or_else(|| self.stuck(&seed, 0))?;
        let iterations = self.replay(&mut adaptation, known)?;
        let (iterations, mut members) = self.go_on(&mut adaptation, iterations, &mut journal)?;
        let failed = iterations.last().filter(|iteration| iteration.winner().is_none());
        if let (None, Some(iteration)) = (adaptation.best(), failed) {
            let reason = iteration.proposals.iter().rev().find_map(|proposal| match &proposal.state {
                ProposalState::Failed { reason } => Some(reason.clone()),
                _ => None,
            });
            return Err(NetadaptRunError::AllFailed {
                iteration: iteration.iteration,
                reason: reason.unwrap_or_else(|| "all were out of the race".to_owned()),
            });
        }
        let best = adaptation.best().ok_or_else(|| self.stuck(&seed, iterations.len() as u32))?;
        let trained =
            members.remove(&best.key).ok_or_else(|| self.other_journal("its weights are missing"))?;
        Ok(Narrowed { iterations, widths: best.widths.clone(), trained })
    }

    fn options(&self) -> AdaptationOptions {
        let options = self.run.options;
        AdaptationOptions {
            limit: self.run.limit(),
            rule: options.rule,
            step: options.step,
            beam: options.beam,
            exchanges: options.regrow,
            fill: true,
            inherits: true,
            kept: options.beam.max(if options.regrow > 0 { 4 } else { 1 }),
            seed: options.seed,
        }
    }

    fn seed_record(&self) -> SeedRecord {
        let problem = self.run.problem;
        let widths = problem.seed();
        SeedRecord {
            arch_id: problem.costed().arch_id(),
            cost: problem.cost(&widths).expect("a problem is made of a network that it can price"),
            accuracy: self.original.trained.accuracy(),
            images: self.original.trained.right.len(),
            groups: problem.groups().iter().map(|group| group.name.clone()).collect(),
            widths,
        }
    }

    /// Brings the loop to where the journal ends.
    fn replay(
        &self,
        adaptation: &mut Adaptation<'_>,
        known: impl Iterator<Item = Line>,
    ) -> Result<Vec<IterationRecord>, NetadaptRunError> {
        let mut iterations: Vec<IterationRecord> = Vec::new();
        for line in known {
            let Line::Iteration(record) = line else {
                return Err(self.other_journal("it starts twice"));
            };
            let round = adaptation.ask().filter(|round| {
                let proposed = round.proposals.iter().map(|proposal| &proposal.widths);
                proposed.eq(record.proposals.iter().map(|proposal| &proposal.widths))
            });
            let Some(round) = round else {
                let reason = format!("iteration {} is not what this run proposes", record.iteration);
                return Err(self.other_journal(&reason));
            };
            let outcomes: Vec<_> = record.proposals.iter().map(ProposalRecord::outcome).collect();
            adaptation.tell(&round, &outcomes);
            iterations.push(record);
        }
        if let Some(last) = iterations.last() {
            let cost = last.winner().map_or(self.run.start_cost(), |winner| winner.cost);
            self.on_the_way(cost);
            self.events.tell(NetadaptEvent::Resumed { iterations: iterations.len(), cost });
        }
        Ok(iterations)
    }

    fn go_on(
        &self,
        adaptation: &mut Adaptation<'_>,
        mut iterations: Vec<IterationRecord>,
        journal: &mut Journal,
    ) -> Result<(Vec<IterationRecord>, BTreeMap<u64, Trained>), NetadaptRunError> {
        let mut members = state::read(&self.state_file(iterations.len()), self.arena.surgery())?;
        let mut next_key =
            1 + iterations.iter().map(|iteration| iteration.proposals.len() as u64).sum::<u64>();
        while let Some(round) = adaptation.ask() {
            let widths_of = adaptation.members().chain([adaptation.seed()]);
            let widths_of = widths_of.map(|member| (member.key, member.widths.clone())).collect();
            let on_heat = |heat: usize, proposals: usize| {
                let message = format!("iteration {}, heat {}: {proposals} proposals", round.number, heat + 1);
                self.events.glance(0, message);
            };
            let steps = self.run.options.short_steps;
            let entries = self.arena.race(&round, &members, &widths_of, self.original, steps, &on_heat)?;
            let mut record = self.record(&round, &entries)?;
            let outcomes: Vec<_> = record.proposals.iter().map(ProposalRecord::outcome).collect();
            for at in adaptation.tell(&round, &outcomes) {
                record.proposals[at].chosen = true;
            }
            for (key, entry) in (next_key..).zip(entries) {
                members.extend(entry.trained.map(|trained| (key, trained)));
            }
            next_key += round.proposals.len() as u64;
            // Slopes of a beam refer to the seed.
            let compared_with_seed = self.run.options.beam > 1;
            members.retain(|key, _| {
                (*key == 0 && compared_with_seed) || adaptation.members().any(|member| member.key == *key)
            });
            self.save(iterations.len() + 1, &members)?;
            journal.append(&Line::Iteration(record.clone()))?;
            // Until the line is written, a killed run still needs the state before.
            let _ = std::fs::remove_file(self.state_file(iterations.len()));
            if let Some(winner) = record.winner() {
                self.on_the_way(winner.cost);
            }
            self.events.tell(NetadaptEvent::Iteration(record.clone()));
            iterations.push(record);
        }
        Ok((iterations, members))
    }

    /// Notes how much of the way to the budget a network of this cost has behind it.
    fn on_the_way(&self, cost: f64) {
        let (from, to) = (self.run.start_cost(), self.run.limit());
        let share = ((from - cost) / (from - to)).clamp(0.0, 1.0);
        let behind = self.run.epochs_before() + (share * WAY as f64) as u64;
        self.events.set(behind, self.events.progress().1);
    }

    fn record(&self, round: &Round, entries: &[Entry]) -> Result<IterationRecord, NetadaptRunError> {
        let groups = self.run.problem.groups();
        let mut proposals = Vec::with_capacity(entries.len());
        for (proposal, entry) in round.proposals.iter().zip(entries) {
            let (costed, _) = self.run.networks(&proposal.widths)?;
            let scored = entry.trained.as_ref();
            let state = match (&entry.failure, entry.finished) {
                (Some(reason), _) => ProposalState::Failed { reason: reason.clone() },
                (None, _) if proposal.is_pacer => ProposalState::Pacer,
                (None, true) => ProposalState::Scored,
                (None, false) => ProposalState::Lost,
            };
            let to = proposal.group.map(|group| proposal.widths[group]);
            proposals.push(ProposalRecord {
                parent: proposal.parent,
                group: proposal.group.map(|group| groups[group].name.clone()),
                from: proposal.from,
                to,
                widths: proposal.widths.clone(),
                arch_id: costed.arch_id(),
                cost: proposal.cost,
                accuracy: scored.map(Trained::accuracy),
                images: scored.map_or(0, |trained| trained.right.len()),
                steps: entry.steps,
                chosen: false,
                state,
            });
        }
        let steps: u64 = entries.iter().map(|entry| entry.steps).sum();
        Ok(IterationRecord {
            iteration: round.number,
            phase: round.phase,
            target: round.target,
            trained_images: steps * self.arena.recipe.batch.get() as u64,
            proposals,
        })
    }

    fn state_file(&self, iterations: usize) -> PathBuf {
        self.folder.file(&format!("state/{iterations:04}.safetensors"))
    }

    fn save(&self, iterations: usize, members: &BTreeMap<u64, Trained>) -> Result<(), NetadaptRunError> {
        Ok(state::write(&self.state_file(iterations), members)?)
    }

    fn stuck(&self, seed: &SeedRecord, iterations: u32) -> NetadaptRunError {
        NetadaptRunError::Stuck { from: self.run.problem.resource().show(seed.cost), iterations }
    }

    fn other_journal(&self, reason: &str) -> NetadaptRunError {
        NetadaptRunError::OtherJournal { path: self.folder.file(JOURNAL), reason: reason.to_owned() }
    }
}
