//! Clients that break every rule, beside a broadcast.

use super::numbers::{at_least_one, over_zero, zero_or_more};
use crate::scenario::broadcast::Hostile;
use anyhow::Result;
use clap::Args;
use std::time::Duration;

/// Hostile clients.
#[derive(Args)]
#[command(next_help_heading = "Hostile clients")]
pub(crate) struct HostileArgs {
    /// Beside the others, so many that stall, flood, send garbage, reset and half-close, in a process of their own
    ///
    /// They come when everybody else is connected, a mix of 13 tempers drawn by --seed, and come back when their
    /// connection is over, until everybody else has the last play. The first play waits until each of them has been there.
    /// The report counts them by temper.
    #[arg(long, value_name = "CLIENTS", value_parser = at_least_one::<usize>)]
    hostile: Option<usize>,
    /// Connections that they begin a second, all together
    #[arg(long, value_name = "CONNECTIONS", requires = "hostile", default_value_t = 200.0, value_parser = over_zero)]
    hostile_per_s: f64,
    /// Seconds that the server has to be rid of all of them once nobody comes back: who is still connected then is a
    /// fault [default: that is not waited for]
    #[arg(long, value_name = "SECONDS", requires = "hostile", value_parser = zero_or_more)]
    hostile_gone_s: Option<f64>,
}

impl HostileArgs {
    /// Who they are, where there are any.
    pub(super) fn hostile(&self) -> Result<Option<Hostile>> {
        let gone = self.hostile_gone_s.map(Duration::try_from_secs_f64).transpose()?;
        Ok(self.hostile.map(|clients| Hostile {
            clients,
            per_s: self.hostile_per_s,
            gone,
        }))
    }
}
