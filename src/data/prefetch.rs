//! Loading beside training: one thread that stays up to two batches ahead.
//!
//! The thread fills batches by itself instead of in the rayon pool: it takes no worker from the
//! training, and a trial that runs inside the pool can wait for its batches without a deadlock.
//! Where images must be decoded, it has a few threads of its own to share that out. Batches are the same, bit for bit,
//! as without prefetching.

use std::num::NonZeroUsize;
use std::ops::AddAssign;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use serde::Serialize;

use super::batch::{Batch, Batches};
use super::error::DataError;

/// Batches that may wait to be taken.
const AHEAD: usize = 2;

/// The batches of one epoch, made on a thread of their own.
///
/// Dropping it before the end stops the thread, after the batch that it is filling, and waits for
/// it.
#[derive(Debug)]
pub struct Prefetch {
    receiver: Option<Receiver<Result<Batch, DataError>>>,
    thread: Option<JoinHandle<()>>,
    left: usize,
    /// None before the first batch.
    waits: Option<Waits>,
}

/// Whether training had to wait for its batches. It differs from run to run and never enters a result.
///
/// The first batch of an epoch is left out: it is made when the epoch begins, and nearly always waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Waits {
    /// Batches taken after the first.
    pub batches: usize,
    /// Batches of these that were not ready when they were asked for.
    pub waited: usize,
}

impl AddAssign for Waits {
    fn add_assign(&mut self, other: Self) {
        self.batches += other.batches;
        self.waited += other.waited;
    }
}

impl Prefetch {
    /// How many of the batches taken so far were waited for.
    #[must_use]
    pub fn waits(&self) -> Waits {
        self.waits.unwrap_or_default()
    }

    pub(super) fn start(batches: Batches) -> Result<Self, DataError> {
        let left = batches.len();
        let (sender, receiver) = sync_channel(AHEAD);
        let decoders = if batches.are_brought() { Some(decoders()?) } else { None };
        let thread = thread::Builder::new()
            .name("batches".to_owned())
            .spawn(move || {
                let mut batches = if decoders.is_some() { batches } else { batches.filled_alone() };
                let mut next = || match &decoders {
                    Some(pool) => pool.install(|| batches.next()),
                    None => batches.next(),
                };
                // Sending fails once the receiver is dropped: nobody wants the rest.
                while let Some(batch) = next() {
                    if sender.send(batch).is_err() {
                        break;
                    }
                }
            })
            .map_err(|source| DataError::Thread { source })?;
        Ok(Self { receiver: Some(receiver), thread: Some(thread), left, waits: None })
    }
}

/// Threads to decode with: one for two cores. Training computes on all of them, and decoding a picture takes less time
/// than a step takes with it; the threads wait as soon as they are ahead.
fn decoders() -> Result<rayon::ThreadPool, DataError> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    rayon::ThreadPoolBuilder::new()
        .num_threads(cores.div_ceil(2))
        .thread_name(|index| format!("decoder {index}"))
        .build()
        .map_err(|error| DataError::Thread { source: std::io::Error::other(error) })
}

impl Iterator for Prefetch {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let receiver = self.receiver.as_ref()?;
        let ready = receiver.try_recv();
        let waited = matches!(ready, Err(TryRecvError::Empty));
        let batch = if waited { receiver.recv().ok() } else { ready.ok() };
        if batch.is_some() {
            // An error ends the epoch before all its batches were made.
            self.left = self.left.saturating_sub(1);
            self.waits = Some(match self.waits {
                None => Waits::default(),
                Some(Waits { batches, waited: before }) => {
                    Waits { batches: batches + 1, waited: before + usize::from(waited) }
                }
            });
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A prefetch of `left` batches out of `receiver`.
    fn prefetch(receiver: Receiver<Result<Batch, DataError>>, left: usize) -> Prefetch {
        Prefetch { receiver: Some(receiver), thread: None, left, waits: None }
    }

    #[test]
    fn batches_that_lie_ready_and_the_end_are_not_waited_for() {
        let (sender, receiver) = sync_channel(2);
        sender.send(Ok(Batch::default())).unwrap();
        sender.send(Ok(Batch::default())).unwrap();
        drop(sender);
        let mut prefetch = prefetch(receiver, 2);
        assert_eq!(prefetch.by_ref().count(), 2);
        assert_eq!(prefetch.waits(), Waits { batches: 1, waited: 0 });
    }

    #[test]
    fn a_batch_that_comes_late_is_waited_for_and_the_first_is_not_counted() {
        // However busy the machine, in one of many attempts both batches come after they were asked for.
        let waited = (0..100).any(|_| {
            let (sender, receiver) = sync_channel(2);
            let mut prefetch = prefetch(receiver, 2);
            let sending = thread::spawn(move || {
                for _ in 0..2 {
                    thread::sleep(Duration::from_millis(20));
                    sender.send(Ok(Batch::default())).unwrap();
                }
            });
            assert!(prefetch.next().is_some());
            assert_eq!(prefetch.waits(), Waits::default());
            assert_eq!(prefetch.by_ref().count(), 1);
            sending.join().unwrap();
            assert_eq!(prefetch.waits().batches, 1);
            prefetch.waits().waited == 1
        });
        assert!(waited);
    }
}
