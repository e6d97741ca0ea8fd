//! Times steps of a network on demand: the peer of benches/compare_pytorch.py.
//!
//! Started with a case, it answers one JSON line that describes the workload, and then one for every line
//! `run K` on its input: the seconds of each of K steps, images per second, and memory. Whoever asks can thus
//! take turns with another program.

mod case;
mod memory;
mod workload;

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Instant;

use candle_core::Result;
use case::Case;
use clap::{Parser, ValueEnum};
use memory::{peak_mb, resident_mb};
use serde::Serialize;
use workload::Workload;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Times steps of a network; reads lines `run K`
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    case: Case,
    /// Threads that compute
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// What a step is
    #[arg(long, value_enum, default_value_t = Step::Train)]
    mode: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Step {
    /// Forward, cross-entropy, backward, SGD with momentum
    Train,
    /// Forward with running statistics
    Infer,
}

/// The first line.
#[derive(Serialize)]
struct Ready {
    case: String,
    parameters: u64,
    threads: usize,
    /// Resident before the network was made.
    base_mb: Option<f64>,
}

/// The answer to `run K`.
#[derive(Serialize)]
struct Answer {
    seconds: Vec<f64>,
    images_per_second: f64,
    /// Loss of the last step, or its largest logit.
    value: f64,
    peak_mb: Option<f64>,
}

fn main() -> ExitCode {
    // candle's own threads spin beside those of the kernels and halve the speed.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
    match serve(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "step_time: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build()?;
    let base_mb = resident_mb();
    let graph = arguments.case.graph()?;
    let parameters = graph.cost().params;
    let mut workload = Workload::new(&arguments.case, graph)?;
    say(&Ready { case: arguments.case.to_string(), parameters, threads: arguments.threads, base_mb })?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let count = line.strip_prefix("run ").and_then(|count| count.parse::<usize>().ok());
        let count =
            count.filter(|&count| count > 0).ok_or_else(|| format!("expected `run K`, got `{line}`"))?;
        say(&pool.install(|| run(&mut workload, arguments, count))?)?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "to time steps is what this program is for")]
fn run(workload: &mut Workload, arguments: &Arguments, count: usize) -> Result<Answer> {
    let mut seconds = Vec::with_capacity(count);
    let mut value = 0.0;
    for _ in 0..count {
        let start = Instant::now();
        value = match arguments.mode {
            Step::Train => workload.train()?,
            Step::Infer => workload.infer()?,
        };
        seconds.push(start.elapsed().as_secs_f64());
    }
    let images = count as f64 * f64::from(arguments.case.batch);
    let images_per_second = images / seconds.iter().sum::<f64>();
    Ok(Answer { seconds, images_per_second, value, peak_mb: peak_mb() })
}

fn say(line: &impl Serialize) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    writeln!(out)?;
    out.flush()
}
