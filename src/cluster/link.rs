//! One connection to the Redis that holds a key, and whether that Redis will do.

use super::Settings;
use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo, ProtocolVersion, RedisError,
    ServerErrorKind,
};
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
            LinkError::Unreachable { .. } | LinkError::Other { .. } | LinkError::Replica { .. }
        )
    }
}

impl Link {
    /// Connects to the Redis that holds `key`, by whichever address of the settings answers first.
    ///
    /// # Errors
    /// What is wrong with the last one.
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
        for url in &settings.redis {
            let info = url
                .as_str()
                .into_connection_info()
                // What it says of an address may repeat it, password and all.
                .map_err(|_| LinkError::Address("is no address such as redis://127.0.0.1:6379".to_owned()))?;
            let speaks = info.redis_settings().clone().set_protocol(protocol);
            let info = info.set_redis_settings(speaks);
            match Link::follow(info, key, settings.timeout) {
                Ok(link) => return Ok(link),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Connects, and again where the key is elsewhere.
    fn follow(mut info: ConnectionInfo, key: &str, timeout: Duration) -> Result<Link, LinkError> {
        for _ in 0..=HOPS_MAX {
            let at = info.addr().to_string();
            let mut link = Link::connect(info.clone(), timeout).map_err(|error| explain(&at, &error))?;
            // Before anything else: a cluster's replica says where the primary is.
            let asked = link.ask::<i64>(redis::cmd("EXISTS").arg(key));
            let Err(error) = asked else { return link.checked(&at) };
            let Some((host, port)) = error.redirect_node() else {
                return Err(explain(&at, &error));
            };
            // A node that does not know its own name says none: it is the one that was asked.
            let host = match (host, info.addr()) {
                ("", ConnectionAddr::Tcp(host, _)) => host.clone(),
                (host, _) => host.to_owned(),
            };
            info = info.clone().set_addr(ConnectionAddr::Tcp(host, port));
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
        })
    }

    fn checked(mut self, at: &str) -> Result<Link, LinkError> {
        let said: String = self.ask(&redis::cmd("INFO")).map_err(|error| explain(at, &error))?;
        self.run = check(at, &said)?;
        Ok(self)
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
        command.query(&mut self.connection)
    }

    /// The connection itself, for scripts.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Whether a connection that gave this error can still be used.
pub fn is_alive(error: &RedisError) -> bool {
    error.kind() != redis::ErrorKind::Io && error.redirect_node().is_none() && !error.is_connection_dropped()
}

/// What is wrong, for people.
pub fn explain(at: &str, error: &RedisError) -> LinkError {
    let (at, what) = (at.to_owned(), one_line(&error.to_string()));
    match error.kind() {
        redis::ErrorKind::AuthenticationFailed => LinkError::Credentials { at, what },
        redis::ErrorKind::Server(ServerErrorKind::ReadOnly) => LinkError::Replica { at },
        _ if matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => LinkError::Credentials { at, what },
        redis::ErrorKind::Io => LinkError::Unreachable { at, what },
        _ => LinkError::Other { at, what },
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

/// Reads what `INFO` says: which process it is, and whether it will do.
fn check(at: &str, said: &str) -> Result<String, LinkError> {
    let field = |name: &str| {
        let mut lines = said.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
    };
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
