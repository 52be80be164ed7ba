//! Where the server is: `ws://HOST:PORT/PATH` or `http://HOST:PORT`, resolved once.

use anyhow::{Context as _, Result, bail};
use std::net::{SocketAddr, ToSocketAddrs as _};

/// A resolved address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The first address the name resolves to, IPv4 before IPv6.
    pub(crate) addr: SocketAddr,
    /// The `Host` header.
    pub(crate) host: String,
    /// The path; `/v1/ws` where the address has none.
    pub(crate) path: String,
}

impl Target {
    /// Reads `ws://`, `http://` or a bare `HOST:PORT`.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let rest = match url.split_once("://") {
            Some(("ws" | "http", rest)) => rest,
            Some((scheme, _)) => {
                bail!("{url}: {scheme}:// is not supported, only ws:// and http:// (measure TLS in front of something else)")
            }
            None => url,
        };
        let (host, path) = match rest.find('/') {
            Some(at) if at + 1 < rest.len() => rest.split_at(at),
            Some(at) => (&rest[..at], "/v1/ws"),
            None => (rest, "/v1/ws"),
        };
        let with_port = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let mut addresses: Vec<SocketAddr> = with_port
            .to_socket_addrs()
            .with_context(|| format!("{url}: {host} can't be resolved"))?
            .collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let addr = *addresses.first().with_context(|| format!("{url}: {host} has no address"))?;
        Ok(Self {
            addr,
            host: host.to_owned(),
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        let plain = Target::parse("ws://127.0.0.1:8080").unwrap();
        assert_eq!(
            (plain.addr.to_string().as_str(), plain.host.as_str(), plain.path.as_str()),
            ("127.0.0.1:8080", "127.0.0.1:8080", "/v1/ws")
        );
        assert_eq!(Target::parse("ws://127.0.0.1:9/other/ws").unwrap().path, "/other/ws");
        assert_eq!(Target::parse("http://127.0.0.1/").unwrap().addr.port(), 80);
        assert_eq!(Target::parse("127.0.0.1:9").unwrap().addr.port(), 9);
        assert!(Target::parse("wss://127.0.0.1").unwrap_err().to_string().contains("wss"));
    }
}
