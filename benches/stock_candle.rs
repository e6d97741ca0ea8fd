//! Times training steps of a network made of candle_nn's own layers, with candle's own backward pass and SGD.
//!
//! It starts from the same weights as mbn's engine, and refuses to time a network with other logits.

mod case;
mod memory;
mod stock_network;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use candle_core::{Device, Tensor};
use candle_nn::{Optimizer, SGD};
use case::Case;
use clap::Parser;
use mbn::nn::{Engine, Mode, Network};
use memory::{peak_mb, resident_mb};
use serde::Serialize;
use stock_network::StockNetwork;

/// Times training steps of stock candle; prints a JSON line
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    case: Case,
    /// Threads that compute
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Steps that are timed, after one that is not
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    steps: u64,
}

#[derive(Serialize)]
struct Report {
    case: String,
    threads: usize,
    /// The median step.
    seconds: f64,
    images_per_second: f64,
    /// Mean loss of the last step.
    loss: f32,
    /// Resident before the network was made, and the most so far.
    base_mb: Option<f64>,
    peak_mb: Option<f64>,
}

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    for name in ["CANDLE_NUM_THREADS", "RAYON_NUM_THREADS"] {
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var(name, arguments.threads.to_string()) };
    }
    let result = time(&arguments)
        .and_then(|report| Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "stock_candle: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "to time steps is what this program is for")]
fn time(arguments: &Arguments) -> Result<Report, Error> {
    let base_mb = resident_mb();
    let case = &arguments.case;
    let graph = case.graph()?;
    let shape = graph.image();
    let [h, w, c] = [shape.height, shape.width, shape.channels].map(|d| d as usize);
    let images = case.images(&graph);
    let nhwc = Tensor::from_slice(&images, (images.len() / (h * w * c), h, w, c), &Device::Cpu)?;
    let nchw = nhwc.permute((0, 3, 1, 2))?.contiguous()?;
    let labels = Tensor::new(case.labels(), &Device::Cpu)?;

    let network = Network::new(graph, 0)?;
    let stock = StockNetwork::new(&network)?;
    same_logits(&network, case, &images, &stock.forward(&nchw, true)?)?;
    let mut optimizer = SGD::new(stock.vars(), 1e-3)?;
    let mut seconds = Vec::new();
    let mut last_loss = 0.0;
    for step in 0..=arguments.steps {
        let start = Instant::now();
        let loss = candle_nn::loss::cross_entropy(&stock.forward(&nchw, true)?, &labels)?;
        optimizer.backward_step(&loss)?;
        last_loss = loss.to_scalar()?;
        if step > 0 {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    Ok(Report {
        case: case.to_string(),
        threads: arguments.threads,
        seconds: median,
        images_per_second: f64::from(case.batch) / median,
        loss: last_loss,
        base_mb,
        peak_mb: peak_mb(),
    })
}

/// Both sides compute the same network: the logits in training mode agree.
fn same_logits(network: &Network, case: &Case, images: &[f32], stock: &Tensor) -> Result<(), Error> {
    let stock: Vec<f32> = stock.flatten_all()?.to_vec1()?;
    let mut engine = Engine::new(network, case.batch as usize)?;
    let ours = engine.forward(images, engine.shape(case.batch as usize), Mode::Train { seed: 0, step: 0 })?;
    let largest = ours.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let difference = ours.iter().zip(&stock).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
    if ours.len() == stock.len() && difference <= 1e-2 * largest {
        return Ok(());
    }
    Err(format!("the logits differ by {difference} of {largest}: this is another network").into())
}
