//! The server that is measured: where it is, whom to believe, its process.

use crate::proc;
use crate::target::Target;
use crate::tls::Trust;
use anyhow::{Context as _, Result};
use clap::Args;
use std::path::PathBuf;

/// The server.
#[derive(Args)]
pub(crate) struct ServerArgs {
    /// The server's WebSocket address, ws:// or (all but `ingest`) wss://; the path defaults to /v1/ws
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    url: String,
    /// Where events are posted, if not at the same address (`server.ingest_bind`)
    #[arg(long, value_name = "URL")]
    ingest_url: Option<String>,
    /// The server's process id, on this machine: adds its CPU and memory to the figures
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
}

impl ServerArgs {
    /// Where the clients connect.
    pub(super) fn target(&self, trust: Option<&Trust>) -> Result<Target> {
        Target::parse(&self.url, trust)
    }

    /// Where events go.
    pub(super) fn ingest(&self, trust: Option<&Trust>) -> Result<Target> {
        Target::parse(self.ingest_url.as_ref().unwrap_or(&self.url), trust)
    }

    /// Its process, which can be read.
    pub(super) fn pid(&self) -> Result<Option<u32>> {
        let Some(pid) = self.server_pid else { return Ok(None) };
        proc::memory(pid).with_context(|| format!("--server-pid {pid} is no process of this machine"))?;
        Ok(Some(pid))
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
