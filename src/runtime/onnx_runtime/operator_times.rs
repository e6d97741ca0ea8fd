//! Times of operators from the trace that ONNX Runtime writes when it profiles a session.
//!
//! The trace is a JSON list of events. The time of an operator is an event of the category `Node` whose name is that of
//! the operator with `_kernel_time` behind it; passes follow one another in order.

use std::time::Duration;

use serde::Deserialize;

use crate::runtime::{Passes, Profile};

/// The trace has whole microseconds.
pub const TICK: Duration = Duration::from_micros(1);

#[derive(Debug, Deserialize)]
struct Event {
    cat: String,
    name: String,
    /// Microseconds.
    dur: f64,
}

/// The operators of the timed passes.
///
/// # Errors
/// If the trace is not a list of events, or has other operators in some passes.
pub fn read(trace: &str, passes: Passes) -> Result<Profile, String> {
    let events: Vec<Event> =
        serde_json::from_str(trace).map_err(|e| format!("its profile is not a list of events: {e}"))?;
    let operators: Vec<(&str, Duration)> = events
        .iter()
        .filter(|event| event.cat == "Node")
        .filter_map(|event| Some((event.name.strip_suffix("_kernel_time")?, microseconds(event.dur))))
        .collect();
    let all = passes.warm_up + passes.timed;
    if operators.is_empty() || !operators.len().is_multiple_of(all) {
        let events = operators.len();
        return Err(format!(
            "its profile has {events} operator times, which is not a multiple of {all} passes"
        ));
    }
    let by_pass: Vec<_> = operators.chunks_exact(operators.len() / all).skip(passes.warm_up).collect();
    Ok(Profile {
        operators: by_pass
            .first()
            .into_iter()
            .flat_map(|pass| pass.iter())
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        passes: by_pass.iter().map(|pass| pass.iter().map(|(_, time)| *time).collect()).collect(),
        unwatched: Vec::new(),
    })
}

fn microseconds(us: f64) -> Duration {
    Duration::from_secs_f64(us.max(0.0) * 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"[
        {"cat": "Session", "name": "model_loading", "dur": 900, "ts": 1},
        {"cat": "Node", "name": "a_kernel_time", "dur": 50, "args": {"op_name": "Conv"}},
        {"cat": "Node", "name": "b_kernel_time", "dur": 9},
        {"cat": "Session", "name": "model_run", "dur": 70},
        {"cat": "Node", "name": "a_kernel_time", "dur": 5},
        {"cat": "Node", "name": "b_kernel_time", "dur": 7},
        {"cat": "Node", "name": "a_kernel_time", "dur": 6},
        {"cat": "Node", "name": "b_kernel_time", "dur": 8}
    ]"#;

    #[test]
    fn passes_that_nobody_times_are_left_out() {
        let profile = read(TRACE, Passes { warm_up: 1, timed: 2 }).unwrap();
        assert_eq!(profile.operators, ["a", "b"]);
        let us = |n| Duration::from_micros(n);
        assert_eq!(profile.passes, [[us(5), us(7)], [us(6), us(8)]]);
    }

    #[test]
    fn a_trace_that_is_none_or_lacks_events_is_refused() {
        let passes = Passes { warm_up: 0, timed: 4 };
        assert!(read(TRACE, passes).unwrap_err().contains("not a multiple of 4"));
        assert!(read("[]", passes).unwrap_err().contains("has 0 operator times"));
        assert!(read("{", passes).unwrap_err().contains("not a list of events"));
    }
}
