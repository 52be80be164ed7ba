//! Where the server is: `ws://HOST:PORT/PATH` or `http://HOST:PORT`, with an `s` where it speaks TLS; resolved once.

use crate::tls::{Tls, Trust};
use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::net::{SocketAddr, ToSocketAddrs as _};

/// A resolved address of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The first address the name resolves to, IPv4 before IPv6.
    pub(crate) addr: SocketAddr,
    /// Other nodes of its cluster: clients connect to all of them in turn.
    pub(crate) others: Vec<SocketAddr>,
    /// The `Host` header.
    pub(crate) host: String,
    /// The path; `/v1/ws` where the address has none.
    pub(crate) path: String,
    /// Whom to believe, where it speaks TLS.
    pub(crate) trust: Option<Trust>,
    /// What is shown there, where a token or key is needed.
    pub(crate) bearer: Option<Bearer>,
}

/// A token or an API key. Nothing shows it by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bearer(String);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(…)")
    }
}

impl Bearer {
    /// What stands alone in a text. An error does not repeat it.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        ensure!(
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()),
            "a token or key is one word of printable ASCII characters"
        );
        Ok(Self(text.to_owned()))
    }
}

impl Target {
    /// Reads `ws://`, `http://`, a bare `HOST:PORT`, or, given whom to `trust`, `wss://` and `https://`.
    pub(crate) fn parse(url: &str, trust: Option<&Trust>) -> Result<Self> {
        let (rest, trust) = match (url.split_once("://"), trust) {
            (Some(("ws" | "http", rest)), _) => (rest, None),
            (Some(("wss" | "https", rest)), Some(trust)) => (rest, Some(trust.clone())),
            (Some(("wss" | "https", _)), None) => {
                bail!("{url}: whom to believe? --tls-ca FILE (the server's certificate, or the one that signed it) or --tls-insecure")
            }
            (Some((scheme, _)), _) => bail!("{url}: {scheme}:// is not supported, only ws://, wss://, http:// and https://"),
            (None, _) => (url, None),
        };
        let (host, path) = match rest.find('/') {
            Some(at) if at + 1 < rest.len() => rest.split_at(at),
            Some(at) => (&rest[..at], "/v1/ws"),
            None => (rest, "/v1/ws"),
        };
        let with_port = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            host.to_owned()
        } else {
            format!("{host}:{}", if trust.is_some() { 443 } else { 80 })
        };
        let mut addresses: Vec<SocketAddr> = with_port
            .to_socket_addrs()
            .with_context(|| format!("{url}: {host} can't be resolved"))?
            .collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let addr = *addresses.first().with_context(|| format!("{url}: {host} has no address"))?;
        Ok(Self {
            addr,
            others: Vec::new(),
            host: host.to_owned(),
            path: path.to_owned(),
            trust,
            bearer: None,
        })
    }

    /// Where client `number` connects.
    pub(crate) fn addr_of(&self, number: usize) -> SocketAddr {
        match number % (self.others.len() + 1) {
            0 => self.addr,
            other => self.others[other - 1],
        }
    }

    /// The header that shows the token or key, with the end of its line; nothing where there is none.
    pub(crate) fn authorization(&self) -> String {
        let line = |Bearer(token): &Bearer| format!("Authorization: Bearer {token}\r\n");
        self.bearer.as_ref().map_or_else(String::new, line)
    }

    /// What sessions are made from, where it speaks TLS.
    pub(crate) fn tls(&self) -> Result<Option<Tls>> {
        self.trust.as_ref().map(|trust| Tls::new(trust, &self.host)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        let plain = Target::parse("ws://127.0.0.1:8080", None).unwrap();
        assert_eq!(
            (plain.addr.to_string().as_str(), plain.host.as_str(), plain.path.as_str()),
            ("127.0.0.1:8080", "127.0.0.1:8080", "/v1/ws")
        );
        assert_eq!(Target::parse("ws://127.0.0.1:9/other/ws", None).unwrap().path, "/other/ws");
        assert_eq!(Target::parse("http://127.0.0.1/", None).unwrap().addr.port(), 80);
        assert_eq!(Target::parse("127.0.0.1:9", None).unwrap().addr.port(), 9);
        assert!(
            Target::parse("gopher://127.0.0.1", None)
                .unwrap_err()
                .to_string()
                .contains("gopher")
        );
    }

    #[test]
    fn clients_connect_to_all_nodes_in_turn() {
        let mut target = Target::parse("127.0.0.1:1", None).unwrap();
        assert_eq!([0, 1].map(|number| target.addr_of(number).port()), [1, 1]);
        target.others = ["127.0.0.1:2", "127.0.0.1:3"].map(|addr| addr.parse().unwrap()).to_vec();
        assert_eq!([0, 1, 2, 3].map(|number| target.addr_of(number).port()), [1, 2, 3, 1]);
    }

    #[test]
    fn a_token_is_sent_and_never_shown() {
        let mut target = Target::parse("127.0.0.1:9", None).unwrap();
        assert_eq!(target.authorization(), "");
        target.bearer = Some(Bearer::new(" s3cret\n").unwrap());
        assert_eq!(target.authorization(), "Authorization: Bearer s3cret\r\n");
        assert!(!format!("{target:?}").contains("s3cret"));
        for wrong in ["", "s3cret s3cret", "s3cret\r\nHost: x"] {
            assert!(!Bearer::new(wrong).unwrap_err().to_string().contains("s3cret"));
        }
    }

    #[test]
    fn tls_needs_someone_to_believe() {
        let error = Target::parse("wss://127.0.0.1", None).unwrap_err().to_string();
        assert!(error.contains("--tls-ca") && error.contains("--tls-insecure"), "{error}");
        let target = Target::parse("wss://127.0.0.1", Some(&Trust::Anyone)).unwrap();
        assert_eq!((target.addr.port(), target.tls().unwrap().is_some()), (443, true));
        let plain = Target::parse("http://127.0.0.1", Some(&Trust::Anyone)).unwrap();
        assert_eq!((plain.addr.port(), plain.tls().unwrap().is_some()), (80, false));
        let trust = Trust::File("no such file".into());
        let error = Target::parse("wss://127.0.0.1", Some(&trust)).unwrap().tls().err().unwrap();
        assert!(error.to_string().contains("--tls-ca no such file"), "{error:#}");
    }
}
