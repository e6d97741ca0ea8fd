//! Numbers in words that several rooms tell.

use std::time::Duration;

/// `1 epoch`, `2 epochs`.
pub(super) fn epochs(count: u32) -> String {
    format!("{count} epoch{}", if count == 1 { "" } else { "s" })
}

/// A duration for people, roughly.
pub(super) fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 100 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}
