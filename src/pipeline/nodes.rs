//! What this node is among the others, and its place there: its name, its address, and how it is.

use super::StartError;
use crate::cluster::nodes::Entry;
use crate::cluster::registry::RegistryError;
use crate::cluster::{Nodes, Registry, Settings};
use crate::config::{Config, Role};
use crate::recovery;
use crate::server::App;
use crate::telemetry::NodesMetrics;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The node's name: `cluster.node`, or what tells nodes apart without it.
pub(super) fn name(config: &Config) -> String {
    if !config.cluster.node.is_empty() {
        return config.cluster.node.clone();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // Another port is what tells nodes on one machine apart.
    format!("{}:{}", host.trim(), config.server.bind.port())
}

/// What it says of itself; `server.bind` has the port that was picked by then.
pub(super) fn me(config: &Config, process: &str) -> Entry {
    let role = match config.cluster.role {
        Role::All => "all",
        Role::Engine => "engine",
        Role::Edge => "edge",
    };
    Entry {
        node: name(config),
        process: process.to_owned(),
        role: role.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rules: format!("{:016x}", recovery::rules(&config.partition_limits())),
        region: config.cluster.region.clone(),
        url: base_url(config),
        inside: inside(config),
        listens: config.server.bind.to_string(),
        ..Entry::default()
    }
}

/// Where clients reach it; empty where nobody said so, and it listens at all of its machine's addresses.
fn base_url(config: &Config) -> String {
    if let Ok(Some(url)) = config.cluster.base_url() {
        return url;
    }
    let address = config.server.bind;
    if address.ip().is_unspecified() {
        return String::new();
    }
    let scheme = if config.server.tls_cert.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// Where other nodes reach it, without TLS; empty where that is not known.
fn inside(config: &Config) -> String {
    if let Ok(Some(url)) = config.cluster.internal_url() {
        return url;
    }
    let address = config.server.bind;
    if address.ip().is_unspecified() || config.server.tls_cert.is_some() {
        return String::new();
    }
    format!("http://{address}")
}

/// Takes the node's place among the others.
///
/// # Errors
/// Another node has its name, or Redis can't be asked.
pub(super) fn join(config: &Config, settings: &Arc<Settings>, me: Entry) -> Result<Registry, StartError> {
    if me.url.is_empty() {
        tracing::info!(
            "clients are not sent to this node by others: server.bind names no address; cluster.advertise says where they reach it"
        );
    }
    let patience = Duration::from_millis(config.cluster.start_timeout_ms);
    Registry::join(settings, me, config.cluster.nodes_max, patience).map_err(|error| match error {
        RegistryError::System(error) => StartError::System(error),
        refused => StartError::Cluster(refused.to_string()),
    })
}

/// From now on the others are told how this one is.
pub(super) fn begin(registry: &Registry, app: &Arc<App>) {
    // The server ends whether or not somebody wants to know how it is.
    let app: Weak<App> = Arc::downgrade(app);
    registry.begin(move || match app.upgrade() {
        Some(app) => app.standing(),
        None => crate::cluster::nodes::Standing {
            draining: true,
            ..Default::default()
        },
    });
}

/// Sets the levels that metrics show.
pub(super) fn read_levels(nodes: &Nodes, metrics: &NodesMetrics) {
    let is_listed = nodes.listed.load(Relaxed);
    metrics.listed.set(f64::from(u8::from(is_listed)));
    metrics.nodes.set(nodes.count() as f64);
    metrics.clock_offset.set(nodes.ahead_us.load(Relaxed) as f64 / 1e6);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_reached_where_it_says_or_where_it_listens() {
        let mut config = Config::default();
        let at = |config: &Config, address: &str| {
            let mut config = config.clone();
            config.server.bind = address.parse().unwrap();
            me(&config, "p").url
        };
        assert_eq!(at(&config, "10.0.0.7:8080"), "http://10.0.0.7:8080");
        assert_eq!(at(&config, "[2001:db8::1]:8080"), "http://[2001:db8::1]:8080");
        assert_eq!(at(&config, "0.0.0.0:8080"), "");
        assert_eq!(at(&config, "[::]:8080"), "");
        config.server.tls_cert = Some("cert.pem".into());
        assert_eq!(at(&config, "10.0.0.7:8080"), "https://10.0.0.7:8080");
        config.cluster.advertise = "wss://scores.example/v1/ws".to_owned();
        assert_eq!(at(&config, "0.0.0.0:8080"), "https://scores.example");
    }

    #[test]
    fn other_nodes_reach_it_without_tls_or_not_at_all() {
        let mut config = Config::default();
        config.cluster.advertise = "wss://scores.example/v1/ws".to_owned();
        config.server.bind = "10.0.0.7:8080".parse().unwrap();
        assert_eq!(me(&config, "p").inside, "http://10.0.0.7:8080");
        config.server.bind = "0.0.0.0:8080".parse().unwrap();
        assert_eq!(me(&config, "p").inside, "");
        config.cluster.internal = "http://engine-1:8080/".to_owned();
        assert_eq!(me(&config, "p").inside, "http://engine-1:8080");
    }

    #[test]
    fn nodes_on_one_machine_differ_by_their_ports() {
        let mut config = Config::default();
        let [a, b] = [80, 81].map(|port| {
            config.server.bind.set_port(port);
            name(&config)
        });
        assert_ne!(a, b);
        config.cluster.node = "edge-7".to_owned();
        assert_eq!(name(&config), "edge-7");
    }
}
