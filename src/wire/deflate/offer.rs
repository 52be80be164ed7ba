//! What a client offers (`Sec-WebSocket-Extensions`) and what is agreed on.

/// An agreement on compressed messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// The server's side of it, for its own `Sec-WebSocket-Extensions`.
    pub answer: &'static str,
}

/// A header that is not a list of extensions (RFC 6455, 9.1): the handshake fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const ANSWER_WITH_WINDOW: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";

/// The first offer among a client's headers that can be taken (RFC 7692, 5 and 7.1). Extensions other
/// than `permessage-deflate` are let pass.
///
/// # Errors
/// A header breaks the grammar.
pub fn negotiate<'a>(headers: impl Iterator<Item = &'a str>) -> Result<Option<Agreed>, Malformed> {
    let mut agreed = None;
    for header in headers {
        // All of it is read, also once one offer is taken: what is malformed is malformed.
        for offer in read(header)? {
            agreed = agreed.or_else(|| judge(&offer));
        }
    }
    Ok(agreed)
}

/// One extension as offered.
struct Offer<'a> {
    name: &'a str,
    /// Each with its value; of a quoted one, what it stands for.
    params: Vec<(&'a str, Option<String>)>,
}

/// Takes an offer or declines it: whatever is unknown, repeated or out of range declines.
fn judge(offer: &Offer<'_>) -> Option<Agreed> {
    if offer.name != "permessage-deflate" {
        return None;
    }
    let mut answer = ANSWER;
    for (place, (name, value)) in offer.params.iter().enumerate() {
        if offer.params[..place].iter().any(|(earlier, _)| earlier == name) {
            return None;
        }
        match (*name, value.as_deref()) {
            // Both are forced anyway, asked for or not.
            ("server_no_context_takeover" | "client_no_context_takeover", None) => {}
            // Frames that everyone shares are made with the full window.
            ("server_max_window_bits", Some("15")) => answer = ANSWER_WITH_WINDOW,
            // A promise to use less, or leave to ask for that. Left unanswered: any window is inflated.
            ("client_max_window_bits", None) => {}
            ("client_max_window_bits", Some("8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")) => {}
            _ => return None,
        }
    }
    Some(Agreed { answer })
}

/// `1#( token *( ";" token [ "=" ( token / quoted-string ) ] ) )`, where empty members of the list count
/// for nothing.
fn read(header: &str) -> Result<Vec<Offer<'_>>, Malformed> {
    let mut text = Text { rest: header };
    let mut offers = Vec::new();
    loop {
        text.skip_space();
        if !text.rest.is_empty() && !text.rest.starts_with(',') {
            offers.push(text.offer()?);
        }
        match text.rest.is_empty() {
            true => return Ok(offers),
            false if text.take(',') => {}
            false => return Err(Malformed),
        }
    }
}

/// A header's text, less what was read.
struct Text<'a> {
    rest: &'a str,
}

impl<'a> Text<'a> {
    fn offer(&mut self) -> Result<Offer<'a>, Malformed> {
        let name = self.token()?;
        let mut params = Vec::new();
        while self.take(';') {
            let name = self.token()?;
            let value = match self.take('=') {
                true => Some(self.value()?),
                false => None,
            };
            params.push((name, value));
        }
        Ok(Offer { name, params })
    }

    fn value(&mut self) -> Result<String, Malformed> {
        self.skip_space();
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return self.token().map(str::to_owned);
        };
        let mut value = String::new();
        let mut chars = quoted.chars();
        loop {
            match chars.next().ok_or(Malformed)? {
                '"' => break,
                '\\' => value.push(chars.next().ok_or(Malformed)?),
                char => value.push(char),
            }
        }
        self.rest = chars.as_str();
        self.skip_space();
        // What it stands for has to be a token too.
        let is_token = !value.is_empty() && value.chars().all(is_token_char);
        if is_token { Ok(value) } else { Err(Malformed) }
    }

    /// A token, with the space around it.
    fn token(&mut self) -> Result<&'a str, Malformed> {
        self.skip_space();
        let end = self.rest.find(|char| !is_token_char(char)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.skip_space();
        if token.is_empty() { Err(Malformed) } else { Ok(token) }
    }

    fn take(&mut self, separator: char) -> bool {
        let rest = self.rest.strip_prefix(separator);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

/// RFC 9110, 5.6.2.
fn is_token_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[&str]) -> Result<Option<&'static str>, Malformed> {
        Ok(negotiate(headers.iter().copied())?.map(|agreed| agreed.answer))
    }

    #[test]
    fn an_offer_that_can_be_kept_is_taken() {
        for header in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=8",
            "permessage-deflate;client_max_window_bits = \"1\\2\" ; server_no_context_takeover",
            "\tpermessage-deflate ; client_no_context_takeover",
            "x-webkit-deflate-frame, permessage-deflate",
            "x-other; a=b; c=\"d\",, permessage-deflate",
            // The first that can be taken, also behind one that can't.
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        ] {
            assert_eq!(answer(&[header]), Ok(Some(ANSWER)), "{header}");
        }
        for header in [
            "permessage-deflate; server_max_window_bits=15",
            "permessage-deflate; server_max_window_bits=\"15\", permessage-deflate",
        ] {
            assert_eq!(answer(&[header]), Ok(Some(ANSWER_WITH_WINDOW)), "{header}");
        }
        assert_eq!(answer(&["x-other", "permessage-deflate"]), Ok(Some(ANSWER)));
    }

    #[test]
    fn an_offer_that_cannot_be_kept_is_declined() {
        for header in [
            "x-webkit-deflate-frame",
            "permessage-deflate2",
            "permessage-deflate; server_max_window_bits=14",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=015",
            "permessage-deflate; client_max_window_bits=x",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=15",
            "permessage-deflate; unknown",
            "permessage-deflate; unknown=15",
        ] {
            assert_eq!(answer(&[header]), Ok(None), "{header}");
        }
        assert_eq!(answer(&[]), Ok(None));
    }

    #[test]
    fn a_header_that_breaks_the_grammar_is_malformed() {
        for header in [
            "permessage-deflate;",
            "permessage-deflate; ;",
            "permessage-deflate; a=",
            "permessage-deflate; a=\"",
            "permessage-deflate; a=\"15",
            "permessage-deflate; a=\"15\\",
            "permessage-deflate; a=\"\"",
            "permessage-deflate; a=\"1 5\"",
            "permessage-deflate; a=b c",
            "permessage-deflate x",
            "permessage-deflate, =",
            "permessage/deflate",
            "; a",
            "\"permessage-deflate\"",
        ] {
            assert_eq!(answer(&["permessage-deflate", header]), Err(Malformed), "{header}");
        }
    }

    /// Some clients and proxies send the header with nothing in it: that is no offer, and no fault.
    #[test]
    fn an_empty_header_offers_nothing() {
        for header in ["", " ", " , "] {
            assert_eq!(answer(&[header]), Ok(None), "{header:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(header in "[ -~\t]{0,60}|(permessage-deflate|[a-z_=;, \"\\\\0-9]{0,6}){0,8}") {
            let _ = negotiate([header.as_str()].into_iter());
        }
    }
}
