//! Which write path a shard takes: asked for, tried at start, and settled before any port is bound.

use super::Table;
use super::send;
use super::uring::{self, Failed, Uring};
use crate::fanout::shard::Batch;
use serde::{Deserialize, Serialize};

/// `fanout.writer`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WriterSetting {
    /// io_uring where the kernel lets us, `send` elsewhere.
    Auto,
    /// io_uring, or no start.
    Uring,
    /// `send`; io_uring is not touched.
    Send,
}

/// What `fanout.writer = "uring"` cannot have.
#[derive(Debug, thiserror::Error)]
#[error("fanout.writer = \"uring\": io_uring is of no use here: {0}; \"auto\" and \"send\" do without")]
pub struct WriterRefused(uring::Refused);

/// How a shard writes to its TCP sockets.
pub enum WritePath {
    /// A system call for each client.
    Send,
    /// A system call for many; boxed, as it is large.
    Uring(Box<Uring>),
}

impl WritePath {
    /// A path for each of `shards` shards, all of the same kind, tried with real sends. `clients` is how
    /// many are offered in one batch. Logs, once, why `auto` does without io_uring.
    ///
    /// # Errors
    /// io_uring was insisted on, and it is of no use here.
    pub fn for_shards(setting: WriterSetting, shards: usize, clients: usize) -> Result<Vec<WritePath>, WriterRefused> {
        let send = || (0..shards).map(|_| WritePath::Send).collect();
        if setting == WriterSetting::Send {
            return Ok(send());
        }
        let rings: Result<Vec<WritePath>, uring::Refused> = (0..shards)
            .map(|_| Uring::open(clients).map(|ring| WritePath::Uring(Box::new(ring))))
            .collect();
        match rings {
            Err(refused) if setting == WriterSetting::Uring => Err(WriterRefused(refused)),
            Err(refused) => {
                tracing::info!(reason = %refused, "writing by send: io_uring is of no use here");
                Ok(send())
            }
            Ok(rings) => Ok(rings),
        }
    }

    /// Offers every item of the batch to its socket. Where io_uring failed, everything from here on goes
    /// by `send`.
    ///
    /// # Errors
    /// It failed just now; the batch is settled all the same.
    pub(super) fn write(&mut self, table: &Table, batch: &mut Batch) -> Result<(), Failed> {
        let WritePath::Uring(ring) = self else {
            send::write(table, batch);
            return Ok(());
        };
        let Err(failed) = ring.write(table, batch) else {
            return Ok(());
        };
        tracing::warn!(error = %failed.error, unanswered = failed.unanswered.len(), "io_uring failed; this shard goes on by send");
        if let WritePath::Uring(ring) = std::mem::replace(self, WritePath::Send) {
            ring.retire();
        }
        Err(failed)
    }

    pub(super) fn is_uring(&self) -> bool {
        matches!(self, WritePath::Uring(_))
    }
}
