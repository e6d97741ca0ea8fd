//! Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use miette::{IntoDiagnostic, Report, WrapErr};

/// A flag that the first Ctrl-C sets; the second ends the process at once.
pub(super) fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, Report> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .into_diagnostic()
    .wrap_err("cannot listen for Ctrl-C")?;
    Ok(stop)
}
