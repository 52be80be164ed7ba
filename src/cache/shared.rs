//! The layer in Redis, which the nodes of a cluster share: `PREFIX:{nodes}:answer:NAME`, in one slot of a Redis
//! Cluster.
//!
//! A thread of its own asks, one answer after the other, as its client blocks. Answers bear the time by Redis' clock,
//! as nodes' clocks may be apart; where that can't be known to the microsecond, the older one is taken. Bounded: what
//! waits for the thread ([`QUEUE_MAX`]), how long anybody waits for an answer, its bytes, and by their time to live
//! what is there. After a failure nobody asks for `REST`.

use super::{Failed, Kept, Key, Layer, Looked, sealed};
use crate::clock::Clock;
use crate::cluster::link::{explain, is_alive};
use crate::cluster::scripts::ANSWER;
use crate::cluster::{Link, LinkError, Settings};
use bytes::Bytes;
use flume::{Receiver, RecvTimeoutError, Sender};
use futures_util::future::BoxFuture;
use metrics::Counter;
use redis::RedisError;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::oneshot;

/// Answers that wait to be asked for, or kept.
pub const QUEUE_MAX: usize = 256;
/// How long Redis is left alone that failed.
const REST: Duration = Duration::from_secs(1);

/// Answers in Redis.
pub struct Shared {
    jobs: Sender<Job>,
    is_ready: Arc<AtomicBool>,
    patience: Duration,
}

enum Job {
    Get {
        key: Key,
        answer: oneshot::Sender<Looked<Bytes>>,
        give_up_us: i64,
    },
    Put {
        key: Key,
        kept: Kept<Bytes>,
        left_us: i64,
    },
}

impl Shared {
    /// Starts its thread. Answers have `answer_bytes_max`, nobody waits longer than `patience`, and what could not be
    /// kept is counted.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(settings: &Arc<Settings>, answer_bytes_max: usize, patience: Duration, failed: Counter) -> io::Result<Shared> {
        let (jobs, waiting) = flume::bounded(QUEUE_MAX);
        let is_ready = Arc::new(AtomicBool::new(false));
        let asker = Asker {
            settings: settings.clone(),
            sealed_bytes_max: answer_bytes_max + sealed::BESIDES_BYTES_MAX,
            patience,
            is_ready: is_ready.clone(),
            jobs: waiting,
            failed,
        };
        std::thread::Builder::new()
            .name("answers-redis".to_owned())
            .spawn(move || asker.run())?;
        Ok(Shared { jobs, is_ready, patience })
    }

    fn offer(&self, job: Job) -> Result<(), Failed> {
        if !self.is_ready.load(Relaxed) {
            return Err(Failed);
        }
        self.jobs.try_send(job).map_err(|_| Failed)
    }
}

impl Layer<Bytes> for Shared {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Looked<Bytes>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let give_up_us = Clock.steady_us() + self.patience.as_micros() as i64;
            let key = key.clone();
            self.offer(Job::Get { key, answer, give_up_us })?;
            let answered = tokio::time::timeout(self.patience, answered).await;
            answered.ok().and_then(Result::ok).unwrap_or(Err(Failed))
        })
    }

    fn put(&self, key: &Key, kept: Kept<Bytes>, left_us: i64) -> Result<(), Failed> {
        let key = key.clone();
        self.offer(Job::Put { key, kept, left_us })
    }
}

/// The thread's.
struct Asker {
    settings: Arc<Settings>,
    sealed_bytes_max: usize,
    patience: Duration,
    is_ready: Arc<AtomicBool>,
    jobs: Receiver<Job>,
    failed: Counter,
}

impl Asker {
    fn run(self) {
        let mut is_told = false;
        loop {
            match self.serve(&mut is_told) {
                Ok(()) => return,
                Err(error) if !std::mem::replace(&mut is_told, true) => {
                    tracing::warn!("answers of engines are not shared by way of Redis: {error}");
                }
                Err(_) => {}
            }
            self.is_ready.store(false, Relaxed);
            if self.rest().is_err() {
                return;
            }
        }
    }

    /// Leaves Redis alone, and drops what was still on its way to it.
    ///
    /// # Errors
    /// Nobody is left to ask anything.
    fn rest(&self) -> Result<(), RecvTimeoutError> {
        let over_us = Clock.steady_us() + REST.as_micros() as i64;
        loop {
            let left_us = over_us - Clock.steady_us();
            let Ok(left_us @ 1..) = u64::try_from(left_us) else { return Ok(()) };
            match self.jobs.recv_timeout(Duration::from_micros(left_us)) {
                // Whoever asked hears so at once.
                Ok(Job::Get { .. }) => {}
                Ok(Job::Put { .. }) => self.failed.increment(1),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn redis_key(&self, name: &str) -> String {
        format!("{}:{{nodes}}:answer:{name}", self.settings.prefix)
    }

    /// Does what it is asked to until nobody is left.
    ///
    /// # Errors
    /// The connection is no use, or none is to be had.
    fn serve(&self, is_told: &mut bool) -> Result<(), LinkError> {
        let broken = |error: RedisError| explain("cluster.redis", &error);
        let mut link = Link::open(&self.settings, &self.redis_key(""))?;
        link.wait_for(self.patience).map_err(broken)?;
        let (seconds, micros): (i64, i64) = link.ask(&redis::cmd("TIME")).map_err(broken)?;
        let mut ahead_us = at_us(seconds, micros) - Clock.steady_us();
        if std::mem::replace(is_told, false) {
            tracing::info!("answers of engines are shared by way of Redis again");
        }
        self.is_ready.store(true, Relaxed);
        while let Ok(job) = self.jobs.recv() {
            let done = match job {
                Job::Get { give_up_us, .. } if give_up_us < Clock.steady_us() => Ok(()),
                Job::Get { key, answer, .. } => match self.get(&mut link, &key, &mut ahead_us) {
                    Ok(looked) => {
                        // It may have given up by now.
                        let _ = answer.send(looked);
                        Ok(())
                    }
                    // It hears so by what is dropped here.
                    Err(error) => Err(error),
                },
                Job::Put { key, kept, left_us } => self.put(&mut link, &key, &kept, left_us, ahead_us).inspect_err(|_| {
                    self.failed.increment(1);
                }),
            };
            match done {
                Err(error) if !is_alive(&error) => return Err(broken(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks for an answer. `ahead_us`: how far Redis' clock is ahead of this process', or a little less.
    fn get(&self, link: &mut Link, key: &Key, ahead_us: &mut i64) -> Result<Looked<Bytes>, RedisError> {
        let mut ask = ANSWER.key(self.redis_key(key.name()));
        ask.arg(self.sealed_bytes_max);
        let asked_us = Clock.steady_us();
        let (seconds, micros, found): (i64, i64, Option<Vec<u8>>) = link.run_script(&ask)?;
        let redis_us = at_us(seconds, micros);
        *ahead_us = redis_us - Clock.steady_us();
        let Some(found) = found else { return Ok(Ok(None)) };
        Ok(match sealed::open(key, found) {
            // Redis looked at its clock after it was asked: had it done so at once, the answer were as old as this.
            Some((born_us, value)) if born_us <= redis_us => Ok(Some(Kept {
                value,
                born_us: asked_us - (redis_us - born_us),
            })),
            // Rubbish; or from what is to come, where its clock was set back or is another's.
            _ => Err(Failed),
        })
    }

    fn put(&self, link: &mut Link, key: &Key, kept: &Kept<Bytes>, left_us: i64, ahead_us: i64) -> Result<(), RedisError> {
        let sealed = sealed::seal(key, kept.born_us + ahead_us, &kept.value);
        let mut set = redis::cmd("SET");
        set.arg(self.redis_key(key.name())).arg(sealed);
        set.arg("PX").arg((left_us / 1_000).max(1));
        link.ask(&set)
    }
}

/// What `TIME` says, in microseconds.
fn at_us(seconds: i64, micros: i64) -> i64 {
    seconds.saturating_mul(1_000_000).saturating_add(micros)
}
