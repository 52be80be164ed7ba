//! Networks as settings name them: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// All addresses whose first `bits` bits are those of one. IPv4 counts as the IPv6 addresses it maps to, so
/// that a socket of either kind finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// As it was written.
    address: IpAddr,
    /// Of the IPv6 form.
    bits: u8,
}

/// What is no network.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is no address (203.0.113.7) and no network (203.0.113.0/24, 2001:db8::/32)")]
pub struct NoNetwork(String);

/// Bits before an IPv4 address in its IPv6 form.
const MAPPED_BITS: u8 = 96;

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The first `bits` bits of an address, the others 0.
fn prefix(address: Ipv6Addr, bits: u8) -> u128 {
    let others = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
    address.to_bits() & !others
}

impl Network {
    /// Whether an address is one of it.
    pub fn contains(&self, address: IpAddr) -> bool {
        prefix(as_v6(address), self.bits) == prefix(as_v6(self.address), self.bits)
    }

    fn before(&self) -> u8 {
        if self.address.is_ipv4() { MAPPED_BITS } else { 0 }
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Network, NoNetwork> {
        let wrong = || NoNetwork(text.chars().take(60).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let (before, most) = if address.is_ipv4() { (MAPPED_BITS, 32) } else { (0, 128) };
        let bits = bits.map_or(Ok(most), |bits| bits.trim().parse().map_err(|_| wrong()))?;
        if bits > most {
            return Err(wrong());
        }
        let bits = before + bits;
        Ok(Network { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits - self.before())
    }
}

/// A list of networks; a variable gives it as one text, with commas.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Vec<String>")]
pub struct Networks(Vec<Network>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    List(Vec<String>),
    Text(String),
}

impl Networks {
    /// Whether one of them has an address.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl TryFrom<Written> for Networks {
    type Error = NoNetwork;

    fn try_from(written: Written) -> Result<Networks, NoNetwork> {
        let list = match written {
            Written::List(list) => list,
            Written::Text(text) => text
                .split(',')
                .map(|one| one.trim().to_owned())
                .filter(|one| !one.is_empty())
                .collect(),
        };
        list.iter().map(|one| one.parse()).collect::<Result<_, _>>().map(Networks)
    }
}

impl From<Networks> for Vec<String> {
    fn from(networks: Networks) -> Vec<String> {
        networks.0.iter().map(Network::to_string).collect()
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<T: IntoIterator<Item = Network>>(networks: T) -> Networks {
        Networks(networks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("10.1.2.3", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("192.168.4.0/22", "192.168.7.255", "192.168.8.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "127.0.0.1"),
            ("0.0.0.0/0", "8.8.8.8", "2001::"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        }
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()) && all.contains("2001::".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "localhost",
            "/8",
            "10.0.0.0/8/8",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
