//! Numbers in words that several rooms tell.

#[cfg(feature = "train")]
use std::time::Duration;

/// `1 row`, `2 rows`.
pub fn plural(count: usize, name: &str) -> String {
    if count == 1 { format!("1 {name}") } else { format!("{count} {name}s") }
}

/// A time for people: seconds, or minutes where it is long.
pub fn minutes(seconds: f64) -> String {
    if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.1} min", seconds / 60.0) }
}

/// A duration for people, roughly.
#[cfg(feature = "train")]
pub(super) fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 100 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}
