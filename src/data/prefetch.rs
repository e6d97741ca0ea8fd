//! Loading beside training: one thread that stays up to two batches ahead.
//!
//! The thread fills batches by itself instead of in the rayon pool: it takes no worker from the
//! training, and a trial that runs inside the pool can wait for its batches without a deadlock.
//! Batches are the same, bit for bit, as without prefetching.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use super::batch::{Batch, Batches, Fill};
use super::error::DataError;

/// Batches that may wait to be taken.
const AHEAD: usize = 2;

/// The batches of one epoch, made on a thread of their own.
///
/// Dropping it before the end stops the thread, after the batch that it is filling, and waits for
/// it.
#[derive(Debug)]
pub struct Prefetch {
    receiver: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
    left: usize,
}

impl Prefetch {
    pub(super) fn start(batches: Batches) -> Result<Self, DataError> {
        let left = batches.len();
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = thread::Builder::new()
            .name("batches".to_owned())
            .spawn(move || {
                // Sending fails once the receiver is dropped: nobody wants the rest.
                for batch in batches.filled(Fill::Serial) {
                    if sender.send(batch).is_err() {
                        break;
                    }
                }
            })
            .map_err(|source| DataError::Thread { source })?;
        Ok(Self { receiver: Some(receiver), thread: Some(thread), left })
    }
}

impl Iterator for Prefetch {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let batch = self.receiver.as_ref()?.recv().ok();
        if batch.is_some() {
            self.left -= 1;
        } else if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            // An epoch cut short must not pass for a complete one.
            std::panic::resume_unwind(panic);
        }
        batch
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Prefetch {}

impl Drop for Prefetch {
    fn drop(&mut self) {
        // The receiver goes first: it frees a thread that waits for room in the channel.
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported on its own; dropping must not panic.
            let _ = thread.join();
        }
    }
}
