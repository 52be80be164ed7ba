//! Whose request it is, where proxies stand between: the address that limits and doors go by.
//!
//! A header is believed as far as it was written by a proxy that the settings trust: from its end to the
//! first address that none of them has. What anybody else wrote is never looked at.

use crate::config::{ForwardedBy, Networks};
use axum::http::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// Addresses of a header looked at, from its end: more than any chain of proxies has.
const HOPS_MAX: usize = 32;

/// The address a request comes from: the peer's own, or, where the peer is one of `trusted`, the last one in
/// the header `by` that is not. What the header says is followed no further than it can be read: then it is
/// that of the proxy which wrote it.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &Networks, by: ForwardedBy) -> IpAddr {
    let mut address = peer.to_canonical();
    if !trusted.contain(address) {
        return address;
    }
    for hop in hops(headers, by).into_iter().rev().take(HOPS_MAX) {
        let Some(before) = hop else { break };
        address = before;
        if !trusted.contain(address) {
            break;
        }
    }
    address
}

/// Whether a request says that it was forwarded, in either way: then who connected is not who asks.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(header::FORWARDED) || headers.contains_key(X_FORWARDED_FOR)
}

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Every address that the header lists, first to last; nothing in place of what cannot be read.
fn hops(headers: &HeaderMap, by: ForwardedBy) -> Vec<Option<IpAddr>> {
    let name = match by {
        ForwardedBy::XForwardedFor => X_FORWARDED_FOR,
        ForwardedBy::Forwarded => header::FORWARDED.as_str(),
    };
    let mut hops = Vec::new();
    for line in headers.get_all(name) {
        match (line.to_str(), by) {
            (Ok(line), ForwardedBy::XForwardedFor) => hops.extend(line.split(',').map(node)),
            (Ok(line), ForwardedBy::Forwarded) => match split(line, ',') {
                Some(elements) => hops.extend(elements.into_iter().map(forwarded_for)),
                None => hops.push(None),
            },
            (Err(_), _) => hops.push(None),
        }
    }
    hops
}

/// The `for` of one element (RFC 7239, 4): `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut given = None;
    for pair in split(element, ';')? {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") {
            // Twice is no proxy's doing.
            if given.is_some() {
                return None;
            }
            given = Some(value);
        }
    }
    let value = given?.trim();
    node(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// An address, with or without a port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// Parts between separators that stand outside of quotes; nothing where a quote is never closed.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (place, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if char == separator && !quoted => {
                parts.push(&text[start..place]);
                start = place + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (!quoted).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn headers(name: &str, lines: &[&str]) -> HeaderMap {
        let name: HeaderName = name.parse().unwrap();
        lines
            .iter()
            .map(|line| (name.clone(), HeaderValue::from_str(line).unwrap()))
            .collect()
    }

    fn trusted() -> Networks {
        ["10.0.0.0/8", "::1"].iter().map(|network| network.parse().unwrap()).collect()
    }

    fn found(peer: &str, name: &str, lines: &[&str]) -> String {
        let by = match name {
            "forwarded" => ForwardedBy::Forwarded,
            _ => ForwardedBy::XForwardedFor,
        };
        client_address(peer.parse().unwrap(), &headers(name, lines), &trusted(), by).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxys_counts() {
        for (peer, lines, address) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.7, 10.0.0.9"], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6", "203.0.113.7", "10.0.0.9"], "203.0.113.7"),
            ("10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("10.0.0.1", &["2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("::1", &["10.0.0.5, 10.0.0.6"], "10.0.0.5"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            assert_eq!(found(peer, "x-forwarded-for", lines), address, "{lines:?}");
        }
    }

    #[test]
    fn who_is_not_trusted_says_nothing() {
        assert_eq!(found("203.0.113.9", "x-forwarded-for", &["127.0.0.1"]), "203.0.113.9");
        assert_eq!(found("127.0.0.1", "x-forwarded-for", &["6.6.6.6"]), "127.0.0.1");
        // The other header is not the one that these proxies write: it is the client's.
        let both = headers("forwarded", &["for=6.6.6.6"]);
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(client_address(peer, &both, &trusted(), ForwardedBy::XForwardedFor), peer);
        assert!(is_forwarded(&both) && !is_forwarded(&HeaderMap::new()));
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_proxy_that_wrote_it() {
        for lines in [
            &["6.6.6.6, unknown"][..],
            &["6.6.6.6, "],
            &["6.6.6.6, _hidden"],
            &["6.6.6.6, 300.1.1.1"],
        ] {
            assert_eq!(found("10.0.0.1", "x-forwarded-for", lines), "10.0.0.1", "{lines:?}");
            let nested = lines[0].to_owned() + ", 10.0.0.2";
            assert_eq!(found("10.0.0.1", "x-forwarded-for", &[&nested]), "10.0.0.2");
        }
    }

    #[test]
    fn the_standard_header_is_read_with_its_quotes() {
        for (lines, address) in [
            (&["for=203.0.113.7"][..], "203.0.113.7"),
            (&["for=6.6.6.6, FOR=\"[2001:db8::7]:4711\";proto=https;by=10.0.0.1"], "2001:db8::7"),
            (&["proto=https; for=203.0.113.7:80 , for=10.0.0.3"], "203.0.113.7"),
            // A host name is the client's to choose: what stands in quotes is no element.
            (&["for=203.0.113.7;host=\"x, for=6.6.6.6;a=\""], "203.0.113.7"),
            (&["for=203.0.113.7;host=\"x\\\", for=6.6.6.6;a=\""], "203.0.113.7"),
            (&["for=6.6.6.6;a=\", for=203.0.113.7"], "10.0.0.1"),
            (&["for=6.6.6.6, for=203.0.113.7;for=6.6.6.7"], "10.0.0.1"),
            (&["for=6.6.6.6, by=10.0.0.1"], "10.0.0.1"),
        ] {
            assert_eq!(found("10.0.0.1", "forwarded", lines), address, "{lines:?}");
        }
    }

    proptest! {
        /// Whatever a client writes in front of what a proxy appends.
        #[test]
        fn nothing_in_front_moves_what_a_proxy_wrote(written in "[ -~]{0,80}", standard in any::<bool>()) {
            let (name, appended) = match standard {
                true => ("forwarded", "for=203.0.113.7"),
                false => ("x-forwarded-for", "203.0.113.7"),
            };
            prop_assert_eq!(found("10.0.0.1", name, &[&written, appended]), "203.0.113.7");
            let one_line = found("10.0.0.1", name, &[&format!("{written}, {appended}")]);
            // A quote that the client left open makes the line unreadable, never the client's own.
            prop_assert!(one_line == "203.0.113.7" || (standard && one_line == "10.0.0.1"), "{}", one_line);
        }
    }
}
