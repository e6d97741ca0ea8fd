//! Tables carry over to devices that differ in speed, and in what is slow.

use std::collections::BTreeSet;

use super::*;
use crate::graph::LayerGraph;
use crate::latency::{load, with_entries};
use crate::spec::ArchId;
use crate::{seed, space};

/// Networks of the V3 space, measured on a device that is the Pixel but for `calibration`.
fn measured(
    table: &LatencyTable,
    calibration: &Calibration,
    count: usize,
) -> (BTreeSet<ArchId>, Vec<MeasuredNetwork>) {
    let space = space::load("mobilenet_v3").expect("shipped");
    let mut rng = seed::rng(3, "networks", 0);
    let mut ids = BTreeSet::new();
    let mut one = || {
        let network = space.decode(&space.sample(&mut rng));
        ids.insert(network.arch_id());
        let sums = table.term_sums(&LayerGraph::lower(&network)).expect("priced");
        MeasuredNetwork { measured_ms: calibration.predict_ms(&sums), sums, relative_noise: 0.0 }
    };
    let networks = (0..count).map(|_| one()).collect();
    (ids, networks)
}

fn slower_in_large_maps() -> Calibration {
    "constant_ms 2, all 0.5, inverted_residual@112 1.0, inverted_residual@56 0.75"
        .parse()
        .expect("a calibration")
}

#[test]
fn ten_networks_carry_a_table_over_better_than_one_factor() {
    let table = load("pixel-latency").expect("shipped");
    let (_, networks) = measured(&table, &slower_in_large_maps(), 40);
    let transfer = Transfer::fit(&table, &networks[..10]).expect("ten networks");
    let errors = |predict: &dyn Fn(&MeasuredNetwork) -> f64| {
        let fresh = &networks[10..];
        fresh.iter().map(|network| (predict(network) / network.measured_ms - 1.0).abs()).sum::<f64>()
            / fresh.len() as f64
    };
    let fitted = errors(&|network| transfer.calibration.predict_ms(&network.sums));
    let factors: Vec<f64> = networks[..10].iter().map(|n| n.measured_ms / n.sums.total_ms()).collect();
    let factor = median(&factors).expect("ten");
    let one_factor = errors(&|network| factor * network.sums.total_ms());
    assert!(fitted < 0.5 * one_factor && fitted < 0.03, "{fitted}, one factor {one_factor}");
    assert_eq!((transfer.left_out.len(), transfer.ratios().is_sorted()), (10, true));
}

#[test]
fn one_factor_is_the_median_of_the_others() {
    let table = load("pixel-latency").expect("shipped");
    let (_, mut networks) = measured(&table, &Calibration::IDENTITY, 3);
    networks[0].measured_ms *= 2.0;
    networks[2].measured_ms *= 4.0;
    let left_out = one_factor_left_out(&networks);
    for (index, factor) in [2.5, 3.0, 1.5].into_iter().enumerate() {
        let wanted = factor * networks[index].sums.total_ms();
        assert!((left_out[index].predicted_ms - wanted).abs() < 1e-9);
    }
}

#[test]
fn what_the_other_table_learned_is_kept() {
    let plain = load("pixel-latency").expect("shipped");
    let learned: Calibration =
        "constant_ms -0.5, all 1.2, conv 0.8, inverted_residual@14 1.5".parse().expect("one");
    let text =
        with_entries(crate::latency::LATENCY_TABLES[0].1, &[("calibration", Some(learned.to_string()))]);
    let calibrated = LatencyTable::parse("t.csv", &text).expect("a table");
    let (_, networks) = measured(&calibrated, &slower_in_large_maps(), 12);
    let transfer = Transfer::fit(&calibrated, &networks).expect("twelve networks");
    let (_, raw) = measured(&plain, &Calibration::IDENTITY, 12);
    for (network, raw) in networks.iter().zip(&raw) {
        let wanted = transfer.fitted.calibration.predict_ms(&network.sums);
        let found = transfer.calibration.predict_ms(&raw.sums);
        assert!((found / wanted - 1.0).abs() < 1e-4, "{found} {wanted}");
    }
}

#[test]
fn the_proposed_network_is_new_and_known_least_of() {
    let table = load("pixel-latency").expect("shipped");
    let space = space::load("mobilenet_v3").expect("shipped");
    let (mut ids, networks) = measured(&table, &slower_in_large_maps(), 5);
    let transfer = Transfer::fit(&table, &networks).expect("five networks");
    let propose = |ids: &BTreeSet<ArchId>, count| {
        propose(&table, &transfer.fitted, Candidates { space: &space, count, seed: 0, measured: ids })
    };
    let [one, many] = [1, 50].map(|count| propose(&ids, count).expect("a network"));
    assert!(many.relative_stddev > one.relative_stddev && many.candidates == 50);
    assert_eq!(propose(&ids, 50).expect("a network"), many);
    ids.insert(many.network.arch_id());
    assert_ne!(propose(&ids, 50).expect("another").network.arch_id(), many.network.arch_id());
}

#[test]
fn no_proposal_without_candidates() {
    let table = load("pixel-latency").expect("shipped");
    let (ids, networks) = measured(&table, &Calibration::IDENTITY, 3);
    let fitted = Transfer::fit(&table, &networks).expect("three networks").fitted;
    let small = space::load("mobilenet_v3_small_images").expect("shipped");
    let error = propose(&table, &fitted, Candidates { space: &small, count: 3, seed: 0, measured: &ids });
    assert!(matches!(error, Err(ProposalError::Missing(_))), "{error:?}");
    let error = propose(&table, &fitted, Candidates { space: &small, count: 0, seed: 0, measured: &ids });
    assert!(matches!(error, Err(ProposalError::Exhausted)), "{error:?}");
    assert!(matches!(Transfer::fit(&table, &networks[..2]), Err(TransferError::TooFew { found: 2 })));
}
