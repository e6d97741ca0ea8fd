//! What an adaptation says before and after it.

use std::path::Path;

use crate::cli::weights_args::Start;
use crate::cost::Meter;
use crate::graph::LayerGraph;
use crate::netadapt::{CONFIDENCE, NetworkProblem, Problem};
use crate::run::netadapt::{NetadaptOptions, NetadaptRunError, NetadaptView};
use crate::run::{Images, describe_proxy};

pub(super) fn warnings(problem: &NetworkProblem<'_>, options: &NetadaptOptions) -> Vec<String> {
    let unmeasured = problem.unmeasured_levels();
    let mut warnings = Vec::new();
    if unmeasured > 0 {
        warnings.push(format!(
            "{unmeasured} widths are left out: {} has no rows to estimate them from",
            options.target.join(" or ")
        ));
    }
    if options.weights.is_some() {
        warnings.push(
            "if the weights were trained on the held-out images too, the accuracies of the iterations are too high; those on test images are not"
                .to_owned(),
        );
    }
    warnings
}

pub(super) fn summary(
    options: &NetadaptOptions,
    problem: &NetworkProblem<'_>,
    start: Option<&Start>,
    images: &Images,
) -> Vec<String> {
    let (trained_on, held_out, tested) = images.counts();
    let cost = LayerGraph::lower(problem.costed()).cost();
    let from = match start {
        Some(start) => [vec![format!("weights {}", start.file)], start.imported.notes.clone()].concat(),
        None => {
            let epochs = options.seed_recipe.epochs;
            vec![format!("no weights were given: it is trained first, for {epochs} epochs")]
        }
    };
    let network = vec![
        format!(
            "{}: {}, {:.2} M parameters, {:.1} M multiply-adds; budget {}; {} groups of channels",
            problem.costed().name,
            problem.resource().show(problem.cost(&problem.seed()).unwrap_or(f64::NAN)),
            cost.params as f64 / 1e6,
            cost.madds as f64 / 1e6,
            problem.meters().iter().map(Meter::budget_text).collect::<Vec<_>>().join(" and "),
            problem.groups().len()
        ),
        format!("it is {}", describe_proxy(problem.costed(), problem.trained())),
    ];
    let run = vec![
        format!(
            "rule {}, step {}, {} steps for a proposal on {trained_on} images, scored on {held_out} held out; out of the race at {:.0} % confidence; seed {}",
            format!("{:?}", options.rule).to_lowercase(),
            options.step,
            options.short_steps,
            100.0 * CONFIDENCE,
            options.seed
        ),
        format!(
            "{} test images are seen once by each network that is trained to the end{}",
            tested,
            if options.controls {
                ": the result and three controls with as many training images"
            } else {
                ""
            }
        ),
    ];
    [network, from, run].concat()
}

/// What a narrowing has found, for people.
pub(in crate::cli) fn result_text(view: &NetadaptView, folder: &Path) -> Result<String, NetadaptRunError> {
    let network = folder.join("network.toml");
    Ok(format!(
        "{}\nin {}:\n  \
           {:<54}the network, and the form of it that was trained\n  \
           {:<54}weights of the latter\n  \
           {:<54}every proposal\n  \
           {:<54}plots and tables\n\
         next: mbn-inspect {} --target {}\n",
        view.summary()?.text(),
        folder.display(),
        "network.toml, trained.toml",
        "weights.safetensors",
        "iterations.jsonl, derived/proposals.csv",
        "derived/adaptation.svg, widths.svg, summary.json ...",
        network.display(),
        view.options.target.first().map_or("", String::as_str)
    ))
}
