//! What became of events that were handed in, and whether they are safe.

use super::{Outcome, SubmitError};
use crate::store::{Refused, Ticket};
use crate::traces::Carried;
use flume::Receiver;
use std::pin::Pin;
use std::time::Duration;

/// Events that their owners apply.
pub struct UnderWay {
    /// How many.
    pub(super) expected: usize,
    pub(super) finished: Receiver<Vec<(usize, Outcome)>>,
    pub(super) commit: Commit,
    /// Those that are traced.
    pub traced: Carried,
    /// How long to wait for them, where somebody else brings them to their owners.
    pub(super) patience: Option<Duration>,
}

impl UnderWay {
    /// What became of each event, by its place in the request, in no promised order; and the commit to
    /// wait for before anybody is told that they are safe.
    ///
    /// # Errors
    /// An owner is gone, or the log did not take them.
    pub async fn outcomes(self) -> Result<(Vec<(usize, Outcome)>, Commit), SubmitError> {
        match self.patience {
            None => self.all().await,
            // What they did may show later: sending the same again does no harm.
            Some(patience) => {
                let waited = tokio::time::timeout(patience, self.all()).await;
                waited.unwrap_or(Err(SubmitError::Log(Refused::Slow)))
            }
        }
    }

    async fn all(mut self) -> Result<(Vec<(usize, Outcome)>, Commit), SubmitError> {
        let mut outcomes = Vec::new();
        while outcomes.len() < self.expected {
            let some = tokio::select! {
                biased;
                some = self.finished.recv_async() => some,
                // A log that fails, or that takes too long, is not waited for.
                failed = self.commit.failed() => return Err(failed),
            };
            match some {
                Ok(some) if outcomes.is_empty() => outcomes = some,
                Ok(some) => outcomes.extend(some),
                Err(_) => return Err(self.commit.why_not().await),
            }
        }
        Ok((outcomes, self.commit))
    }
}

/// Whether events are as safe as `store.durability` says. What was handed over later is safe only once
/// this is.
pub struct Commit(pub(super) Option<Committing>);

pub(super) type Committing = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>>;

impl std::fmt::Debug for Commit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Commit(under way)"
        } else {
            "Commit(nothing to wait for)"
        })
    }
}

impl Commit {
    pub(super) fn by(ticket: Ticket) -> Commit {
        Commit(Some(Box::pin(ticket.committed())))
    }

    /// That all of several are.
    pub(super) fn by_all(tickets: Vec<Ticket>) -> Commit {
        Commit(Some(Box::pin(async move {
            let committed = tickets.into_iter().map(Ticket::committed);
            futures_util::future::try_join_all(committed).await.map(drop)
        })))
    }

    /// Waits until they are.
    ///
    /// # Errors
    /// The log failed, or took too long; sending the same events again does no harm.
    pub async fn done(self) -> Result<(), SubmitError> {
        match self.0 {
            Some(committing) => Ok(committing.await?),
            None => Ok(()),
        }
    }

    /// Ends where the log fails.
    async fn failed(&mut self) -> SubmitError {
        if let Some(committing) = &mut self.0 {
            let committed = committing.await;
            self.0 = None;
            if let Err(refused) = committed {
                return refused.into();
            }
        }
        std::future::pending().await
    }

    /// Why nobody applied them.
    pub(super) async fn why_not(self) -> SubmitError {
        self.done().await.err().unwrap_or(SubmitError::Stopped)
    }
}
