//! Certificates that change: the files are read again when they do, or at SIGHUP.
//!
//! New handshakes then show the new certificate; connections and their sessions stay as they are. Files
//! that are no use change nothing: what there was stays, and the log and a metric say so. Bounded: a look
//! at two files every [`EVERY`].

use super::{Handshakes, settings};
use crate::clock::Clock;
use crate::config;
use crate::telemetry::TlsMetrics;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

const EVERY: Duration = Duration::from_secs(2);

/// What tells one state of a file from the next: device, number, length, and when its content and its
/// entry were changed. A link is followed: those who manage secrets turn it over to another file.
type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

fn stamp(path: Option<&PathBuf>) -> Option<Stamp> {
    let file = std::fs::metadata(path?).ok()?;
    let (modified, changed) = ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
    Some((file.dev(), file.ino(), file.len(), modified, changed))
}

/// Follows a certificate and its key.
pub struct Follower {
    server: config::Server,
    seen: [Option<Stamp>; 2],
    hangup: Signal,
}

impl Follower {
    /// Follows them from here on: make it before they are read. SIGHUP no longer ends the process. Call it
    /// inside a runtime.
    ///
    /// # Errors
    /// The system gives no signals.
    pub fn new(server: &config::Server) -> io::Result<Follower> {
        let hangup = signal(SignalKind::hangup())?;
        let mut follower = Follower {
            server: server.clone(),
            seen: [None; 2],
            hangup,
        };
        follower.seen = follower.stamps();
        Ok(follower)
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [stamp(self.server.tls_cert.as_ref()), stamp(self.server.tls_key.as_ref())]
    }

    /// Runs until told to stop.
    pub async fn follow(mut self, handshakes: Arc<Handshakes>, metrics: TlsMetrics, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                Some(()) = self.hangup.recv() => true,
                // Nobody is left who could say so: as good as said.
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let looked = tokio::task::spawn_blocking(move || {
                let stamps = self.stamps();
                let is_due = asked || stamps != self.seen;
                // What changes while it is read is found by the next look.
                self.seen = stamps;
                let read = is_due.then(|| settings(&self.server, Clock.wall_us()));
                (self, read)
            });
            // It panics only where this task does, too.
            let Ok((follower, read)) = looked.await else { return };
            self = follower;
            match read {
                Some(Ok(Some(read))) => {
                    handshakes.renew(read.sessions.clone());
                    metrics.renewed.increment(1);
                    read.show_expiry(&metrics);
                    tracing::info!(expires_unix_s = read.expires_s, "certificate and key were read again");
                }
                Some(Err(error)) => {
                    metrics.not_renewed.increment(1);
                    tracing::error!(%error, "certificate and key were not taken over; those there were stay in use");
                }
                Some(Ok(None)) | None => {}
            }
        }
    }
}
