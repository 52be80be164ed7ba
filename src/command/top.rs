//! `top`: one screen on a running server.

use super::asking::caller;
use super::{Failure, UNAVAILABLE, USAGE};
use crate::top::{self, Server, TopError};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
pub(super) struct Top {
    /// The server.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Where its metrics are, where that is another address. [server.admin_bind]
    #[arg(long, value_name = "URL")]
    metrics: Option<String>,
    /// Print one page of two looks, and end.
    #[arg(long)]
    once: bool,
    /// Time between two looks, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// File with an API key whose scope is admin, where the server asks for one [or the variable SCOREWIRE_KEY].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// Seconds, with a fraction.
fn interval(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.2..=60.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("\"{text}\" is no number from 0.2 to 60")),
    }
}

/// An address as people type it.
fn address(url: &str) -> String {
    match url.contains("://") {
        true => url.to_owned(),
        false => format!("http://{url}"),
    }
}

impl Top {
    pub(super) fn run(self) -> Result<(), Failure> {
        let to = |url: &str| caller(&address(url), self.key_file.as_deref());
        let server = Server {
            readers: to(&self.url)?,
            operators: self.metrics.as_deref().map(to).transpose()?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let done = match self.once {
            true => runtime.block_on(top::once(&server, self.interval)),
            false => runtime.block_on(top::live(&server, self.interval)),
        };
        done.map_err(|error| {
            let code = match error {
                TopError::NoTerminal => USAGE,
                _ => UNAVAILABLE,
            };
            Failure(code, error.into())
        })
    }
}
