//! The server that is measured: where it is, whom to believe, its process.

use crate::proc;
use crate::target::{Bearer, Target};
use crate::tls::Trust;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};

/// The server.
#[derive(Args)]
pub(crate) struct ServerArgs {
    /// The server's WebSocket address, ws:// or (all but `ingest`) wss://; the path defaults to /v1/ws
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    url: String,
    /// Another node of the same cluster, as often as there are such: clients connect to all of them in turn. What
    /// they hold at the end is compared with the first
    #[arg(long, value_name = "URL")]
    also_url: Vec<String>,
    /// Where events are posted, if not at the same address (`server.ingest_bind`)
    #[arg(long, value_name = "URL")]
    ingest_url: Option<String>,
    /// The server's process id, on this machine: adds its CPU and memory to the figures
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// File with the token that the clients show, where reading takes one [or the variable SCOREWIRE_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// File with the API key that events are posted and metrics read with [or the variable SCOREWIRE_KEY]; it must
    /// be good for reading, too, where that takes a token
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl ServerArgs {
    /// Where the clients connect.
    pub(super) fn target(&self, trust: Option<&Trust>) -> Result<Target> {
        let mut target = Target::parse(&self.url, trust)?;
        target.bearer = bearer("--token-file", self.token_file.as_deref(), "SCOREWIRE_TOKEN")?;
        for url in &self.also_url {
            target.others.push(Target::parse(url, trust)?.addr);
        }
        Ok(target)
    }

    /// Where events go.
    pub(super) fn ingest(&self, trust: Option<&Trust>) -> Result<Target> {
        self.keyed(self.ingest_url.as_ref().unwrap_or(&self.url), trust)
    }

    /// Where metrics are.
    pub(super) fn admin(&self, url: Option<&String>, trust: Option<&Trust>) -> Result<Target> {
        self.keyed(url.unwrap_or(&self.url), trust)
    }

    fn keyed(&self, url: &str, trust: Option<&Trust>) -> Result<Target> {
        let mut target = Target::parse(url, trust)?;
        target.bearer = bearer("--key-file", self.key_file.as_deref(), "SCOREWIRE_KEY")?;
        Ok(target)
    }

    /// Its process, which can be read.
    pub(super) fn pid(&self) -> Result<Option<u32>> {
        let Some(pid) = self.server_pid else { return Ok(None) };
        proc::memory(pid).with_context(|| format!("--server-pid {pid} is no process of this machine"))?;
        Ok(Some(pid))
    }
}

/// What a file holds, or else a variable. No error repeats it.
fn bearer(option: &str, file: Option<&Path>, variable: &str) -> Result<Option<Bearer>> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file).with_context(|| format!("{option} {} can't be read", file.display()))?;
        let read = Bearer::new(&text).with_context(|| format!("{option} {}", file.display()))?;
        return Ok(Some(read));
    }
    match std::env::var(variable) {
        Ok(text) => Bearer::new(&text).with_context(|| variable.to_owned()).map(Some),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{variable} is no text"),
    }
}

/// Whom to believe.
#[derive(Args)]
pub(crate) struct TlsArgs {
    /// For wss:// and https://: believe this certificate, and those it has signed (PEM; may hold several)
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// For wss:// and https://: believe every certificate
    #[arg(long, conflicts_with = "tls_ca")]
    tls_insecure: bool,
}

impl TlsArgs {
    /// Whom, where anybody.
    pub(super) fn trust(&self) -> Option<Trust> {
        let anyone = self.tls_insecure.then_some(Trust::Anyone);
        self.tls_ca.clone().map(Trust::File).or(anyone)
    }
}
