//! One connection to the Redis that holds a key, and whether that Redis will do.

use super::{Settings, Tls};
use redis::{
    Client, ClientTlsConfig, Cmd, Connection, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo,
    ProtocolVersion, RedisError, ScriptInvocation, ServerErrorKind, TlsCertificates,
};
use std::path::Path;
use std::time::Duration;

/// Redis from which on there is all that is used.
const VERSION_MIN: (u32, u32) = (6, 2);
/// Redirections followed from one address.
const HOPS_MAX: usize = 5;

/// A connection.
pub struct Link {
    connection: Connection,
    /// Names the process at its other end: another one may have lost what this one was told.
    pub run: String,
    /// Whether the key's slot is being moved there, by a Redis Cluster: then each command has to say that this is known.
    is_asking: bool,
}

/// Why there is no connection that can be used; one line for people. Never holds a password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LinkError {
    /// An address is none.
    #[error("cluster.redis: {0}")]
    Address(String),
    /// Nobody answers, or not in time.
    #[error("Redis at {at} does not answer: {what}")]
    Unreachable {
        /// Where.
        at: String,
        /// What the system says.
        what: String,
    },
    /// It asks for other credentials.
    #[error("Redis at {at} refuses the credentials of cluster.redis: {what}")]
    Credentials {
        /// Where.
        at: String,
        /// What it says.
        what: String,
    },
    /// It is too old.
    #[error("Redis at {at} is version {version}: {}.{} or later is needed", VERSION_MIN.0, VERSION_MIN.1)]
    Version {
        /// Where.
        at: String,
        /// Its version.
        version: String,
    },
    /// It would throw scores away when memory is short.
    #[error("Redis at {at} evicts keys at maxmemory (maxmemory-policy {policy}): set it to noeviction")]
    Evicts {
        /// Where.
        at: String,
        /// Its policy.
        policy: String,
    },
    /// It does not take writes.
    #[error("Redis at {at} is a replica: cluster.redis must name the primary")]
    Replica {
        /// Where.
        at: String,
    },
    /// Two go on by themselves, each with a history of its own.
    #[error("Redis at {at} and at {other} both say that they are the primary: make one a replica of the other (REPLICAOF)")]
    TwoPrimaries {
        /// Where.
        at: String,
        /// Where the other one is.
        other: String,
    },
    /// A Redis Cluster moves what is asked for to another node, and has moved a part of it.
    #[error("Redis at {at}: the slot is being moved to another node: {what}")]
    Moving {
        /// Where.
        at: String,
        /// What it says.
        what: String,
    },
    /// It says something else.
    #[error("Redis at {at}: {what}")]
    Other {
        /// Where.
        at: String,
        /// What it says.
        what: String,
    },
}

impl LinkError {
    /// Whether trying again later may do.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            LinkError::Unreachable { .. }
                | LinkError::Other { .. }
                | LinkError::Replica { .. }
                | LinkError::TwoPrimaries { .. }
                | LinkError::Moving { .. }
        )
    }
}

impl Link {
    /// Connects to the Redis that holds `key`, by whichever address of the settings answers first.
    ///
    /// # Errors
    /// What is wrong with the last one; or two addresses lead to a primary each, outside of a Redis Cluster.
    pub fn open(settings: &Settings, key: &str) -> Result<Link, LinkError> {
        Link::by(settings, key, ProtocolVersion::RESP2)
    }

    /// The same for who listens on a channel: answers and messages can be told from each other.
    ///
    /// # Errors
    /// Those of [`Link::open`].
    pub fn open_to_listen(settings: &Settings, key: &str) -> Result<Link, LinkError> {
        Link::by(settings, key, ProtocolVersion::RESP3)
    }

    fn by(settings: &Settings, key: &str, protocol: ProtocolVersion) -> Result<Link, LinkError> {
        let mut refused = LinkError::Address("names no address".to_owned());
        for (nth, url) in settings.redis.iter().enumerate() {
            let opened = Link::follow(speaking(address(url, &settings.tls)?, protocol), key, settings.timeout);
            match opened {
                Ok(found) => {
                    let others = settings.redis.iter().enumerate().filter(|(other, _)| *other != nth);
                    for (_, url) in others {
                        found.is_only(address(url, &settings.tls)?, settings.timeout)?;
                    }
                    return Ok(found.link);
                }
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Connects, and again where the key is elsewhere.
    fn follow(mut info: ConnectionInfo, key: &str, timeout: Duration) -> Result<Found, LinkError> {
        let mut is_asking = false;
        for _ in 0..=HOPS_MAX {
            let at = info.addr().to_string();
            let mut link = Link::connect(info.clone(), timeout).map_err(|error| explain(&at, &error))?;
            link.is_asking = is_asking;
            // Before anything else: a cluster's replica says where the primary is.
            let asked = link.ask::<i64>(redis::cmd("EXISTS").arg(key));
            let Err(error) = asked else { return link.checked(at) };
            let Some(addr) = redirected(&error, info.addr()) else {
                return Err(explain(&at, &error));
            };
            is_asking = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
            info = info.clone().set_addr(addr);
        }
        let at = info.addr().to_string();
        let what = format!("{HOPS_MAX} redirections, and still not where {key} is");
        Err(LinkError::Other { at, what })
    }

    fn connect(info: ConnectionInfo, timeout: Duration) -> Result<Link, RedisError> {
        let connection = Client::open(info)?.get_connection_with_timeout(timeout)?;
        connection.set_read_timeout(Some(timeout))?;
        connection.set_write_timeout(Some(timeout))?;
        Ok(Link {
            connection,
            run: String::new(),
            is_asking: false,
        })
    }

    fn checked(mut self, at: String) -> Result<Found, LinkError> {
        let said = self.info().map_err(|error| explain(&at, &error))?;
        self.run = check(&at, &said)?;
        let is_cluster = field(&said, "cluster_enabled").as_deref() == Some("1");
        Ok(Found {
            link: self,
            at,
            is_cluster,
        })
    }

    fn info(&mut self) -> Result<String, RedisError> {
        self.ask(&redis::cmd("INFO"))
    }

    /// Waits for answers as long as that from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn wait_for(&self, timeout: Duration) -> Result<(), RedisError> {
        self.connection.set_read_timeout(Some(timeout))
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// Those of Redis, or there was none in time: then the connection is no use any more.
    pub fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        if self.is_asking {
            self.say_asking()?;
        }
        command.query(&mut self.connection)
    }

    /// Has a script run, and waits for its answer.
    ///
    /// # Errors
    /// As of [`Link::ask`], and the script's own.
    pub fn run_script<T: FromRedisValue>(&mut self, script: &ScriptInvocation<'_>) -> Result<T, RedisError> {
        if self.is_asking {
            // What is said counts for one command: the script must be known by then.
            script.load(&mut self.connection)?;
            self.say_asking()?;
        }
        script.invoke(&mut self.connection)
    }

    /// The connection itself, for who listens.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn say_asking(&mut self) -> Result<(), RedisError> {
        redis::cmd("ASKING").query(&mut self.connection)
    }
}

/// A connection, and where it leads.
struct Found {
    link: Link,
    at: String,
    is_cluster: bool,
}

impl Found {
    /// Whether the Redis at another address of the same settings is no primary too. One that does not answer is
    /// none that anybody could write to.
    fn is_only(&self, other: ConnectionInfo, timeout: Duration) -> Result<(), LinkError> {
        if self.is_cluster {
            return Ok(());
        }
        let at = other.addr().to_string();
        let said = Link::connect(other, timeout.min(RIVAL_TIMEOUT)).and_then(|mut link| link.info());
        let Ok(said) = said else { return Ok(()) };
        let is_primary = field(&said, "role").as_deref() == Some("master");
        if is_primary && field(&said, "run_id").as_ref() != Some(&self.link.run) {
            let at_found = self.at.clone();
            return Err(LinkError::TwoPrimaries { at: at_found, other: at });
        }
        Ok(())
    }
}

/// How long another address is asked for, beside the one that is used.
const RIVAL_TIMEOUT: Duration = Duration::from_millis(500);

/// Reads an address of the settings.
fn address(url: &str, tls: &Tls) -> Result<ConnectionInfo, LinkError> {
    // What it says of an address may repeat it, password and all.
    let none = |_| LinkError::Address("is no address such as redis://127.0.0.1:6379".to_owned());
    let info = url.into_connection_info().map_err(none)?;
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Ok(info);
    }
    // At each connection anew: a certificate is replaced without a restart.
    let read = |name: &str, path: &Path| {
        std::fs::read(path).map_err(|error| LinkError::Address(format!("cluster.{name} {}: {error}", path.display())))
    };
    let root_cert = tls.ca.as_ref().map(|path| read("tls_ca", path)).transpose()?;
    let client_tls = match &tls.identity {
        Some((cert, key)) => Some(ClientTlsConfig {
            client_cert: read("tls_cert", cert)?,
            client_key: read("tls_key", key)?,
        }),
        None => None,
    };
    let client = Client::build_with_tls(info, TlsCertificates { client_tls, root_cert });
    let client =
        client.map_err(|error| LinkError::Address(format!("cluster.tls_ca, tls_cert, tls_key: {}", one_line(&error.to_string()))))?;
    Ok(client.get_connection_info().clone())
}

/// The same, to be spoken to by that version of the protocol.
fn speaking(info: ConnectionInfo, protocol: ProtocolVersion) -> ConnectionInfo {
    let speaks = info.redis_settings().clone().set_protocol(protocol);
    info.set_redis_settings(speaks)
}

/// Where a Redis Cluster says that a key is, as this connection's own address has it; nothing where it says no such
/// thing.
fn redirected(error: &RedisError, asked: &ConnectionAddr) -> Option<ConnectionAddr> {
    let (place, _) = error.redirect_node()?;
    let (host, port) = place.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let named = host.trim_matches(['[', ']']).to_owned();
    // A node that does not know its own name says none: it is the one that was asked.
    let host = |here: &String| if named.is_empty() { here.clone() } else { named.clone() };
    Some(match asked {
        ConnectionAddr::TcpTls {
            host: here,
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host: host(here),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        ConnectionAddr::Tcp(here, _) => ConnectionAddr::Tcp(host(here), port),
        _ => ConnectionAddr::Tcp(named, port),
    })
}

/// Whether it is being moved by a Redis Cluster: soon it is there again, or elsewhere.
pub fn is_moving(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::TryAgain) || error.redirect_node().is_some()
}

/// Whether a connection that gave this error can still be used.
pub fn is_alive(error: &RedisError) -> bool {
    // What was a primary and is a replica now stays one.
    let is_demoted = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
    error.kind() != ErrorKind::Io && !is_demoted && error.redirect_node().is_none() && !error.is_connection_dropped()
}

/// What is wrong, for people.
pub fn explain(at: &str, error: &RedisError) -> LinkError {
    let (at, what) = (at.to_owned(), one_line(&error.to_string()));
    match error.kind() {
        ErrorKind::AuthenticationFailed => LinkError::Credentials { at, what },
        _ if is_moving(error) => LinkError::Moving { at, what },
        ErrorKind::Server(ServerErrorKind::ReadOnly) => LinkError::Replica { at },
        _ if matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => LinkError::Credentials { at, what },
        ErrorKind::Io => LinkError::Unreachable { at, what },
        _ => LinkError::Other { at, what },
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// Reads what `INFO` says: which process it is, and whether it will do.
fn check(at: &str, said: &str) -> Result<String, LinkError> {
    let field = |name: &str| field(said, name);
    let at = at.to_owned();
    let version = field("redis_version").unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < VERSION_MIN {
        return Err(LinkError::Version { at, version });
    }
    if field("loading").as_deref() == Some("1") {
        let what = "it is still reading its data".to_owned();
        return Err(LinkError::Other { at, what });
    }
    if field("role").as_deref() == Some("slave") {
        return Err(LinkError::Replica { at });
    }
    let policy = field("maxmemory_policy").unwrap_or_default();
    // Those that are named so pick among keys that expire, of which only leases and nodes do.
    let is_limited = field("maxmemory").is_some_and(|bytes| bytes != "0");
    if is_limited && policy.starts_with("allkeys") {
        return Err(LinkError::Evicts { at, policy });
    }
    field("run_id").filter(|run| !run.is_empty()).ok_or(LinkError::Other {
        at,
        what: "INFO names no run_id".to_owned(),
    })
}

/// A line of what `INFO` says.
fn field(said: &str, name: &str) -> Option<String> {
    let mut lines = said.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(version: &str, policy: &str) -> String {
        format!(
            "# Server\r\nredis_version:{version}\r\nrun_id:abc\r\nloading:0\r\nrole:master\r\nmaxmemory:100\r\nmaxmemory_policy:{policy}\r\n"
        )
    }

    #[test]
    fn a_redis_that_will_not_do_is_named() {
        assert_eq!(check("h:1", &said("7.0.15", "noeviction")), Ok("abc".to_owned()));
        assert_eq!(check("h:1", &said("6.2.0", "volatile-lru")), Ok("abc".to_owned()));
        let old = check("h:1", &said("6.0.16", "noeviction")).unwrap_err();
        assert_eq!(old.to_string(), "Redis at h:1 is version 6.0.16: 6.2 or later is needed");
        let evicts = check("h:1", &said("7.2.4", "allkeys-lru")).unwrap_err();
        assert!(evicts.to_string().contains("set it to noeviction"), "{evicts}");
        assert!(!evicts.may_pass());
        let replica = check("h:1", &said("7.0.15", "noeviction").replace("master", "slave"));
        assert_eq!(replica, Err(LinkError::Replica { at: "h:1".to_owned() }));
        assert!(check("h:1", "rubbish").is_err());
    }
}
