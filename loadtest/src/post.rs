//! The feed's side: HTTP/1.1 by hand over one kept connection, nothing that could cost CPU worth measuring.

use crate::interrupt;
use crate::target::Target;
use crate::tls::Stream;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;
use std::io::{self, BufRead, BufReader, ErrorKind, Read as _, Write as _};
use std::time::Duration;

/// How long the server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time in all that a request waits where it is answered 429.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(30);

/// Longest answer taken, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest line of a head, or before a chunk, in bytes.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// Most headers of an answer.
const HEADERS_MAX: usize = 256;

/// A connection to the server's HTTP side.
pub(crate) struct Http {
    to: Target,
    stream: Option<BufReader<Stream>>,
    answered_429: u64,
}

impl Http {
    /// Connects with the first request.
    pub(crate) fn new(to: &Target) -> Self {
        Self {
            to: to.clone(),
            stream: None,
            answered_429: 0,
        }
    }

    /// Requests that were answered 429, and sent again.
    pub(crate) fn answered_429(&self) -> u64 {
        self.answered_429
    }

    /// Posts event lines. All must be taken, but for `repeats` of them: those the server must know already.
    pub(crate) fn post_events(&mut self, lines: &str, repeats: usize) -> Result<()> {
        let request = self.request("POST", "/v1/events", Some(lines));
        let (answer, resent) = self.answer(&request).context("POST /v1/events")?;
        let answer = serde_json::from_str(&answer).context("the answer is no JSON")?;
        all_taken(&answer, lines.lines().count(), repeats, resent)
    }

    /// Posts lines; the answer is a JSON document.
    pub(crate) fn post(&mut self, path: &str, lines: &str) -> Result<Value> {
        self.json(&self.request("POST", path, Some(lines)))
            .with_context(|| format!("POST {path}"))
    }

    /// Deletes what is there.
    pub(crate) fn delete(&mut self, path: &str) -> Result<()> {
        let deleted = self.answer(&self.request("DELETE", path, None));
        deleted.with_context(|| format!("DELETE {path}")).map(drop)
    }

    /// Gets a JSON document.
    pub(crate) fn get(&mut self, path: &str) -> Result<Value> {
        self.json(&self.request("GET", path, None)).with_context(|| format!("GET {path}"))
    }

    /// Gets a document as text.
    pub(crate) fn text(&mut self, path: &str) -> Result<String> {
        let got = self.answer(&self.request("GET", path, None));
        Ok(got.with_context(|| format!("GET {path}"))?.0)
    }

    /// A request; with lines for a body, where there are any.
    fn request(&self, method: &str, path: &str, lines: Option<&str>) -> String {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{}", self.to.host, self.to.authorization());
        match lines {
            Some(lines) => {
                let length = lines.len();
                format!("{head}Content-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n{lines}")
            }
            None => head + "\r\n",
        }
    }

    fn json(&mut self, request: &str) -> Result<Value> {
        serde_json::from_str(&self.answer(request)?.0).context("the answer is no JSON")
    }

    /// Sends `request`; once more over a new connection where the server had closed the kept one, and again
    /// after a 429. The answer, and whether it was sent more than once.
    fn answer(&mut self, request: &str) -> Result<(String, bool)> {
        let (mut resent, mut waited) = (false, Duration::ZERO);
        loop {
            let was_kept = self.stream.is_some();
            let answer = match self.exchange(request) {
                Err(_) if was_kept => {
                    resent = true;
                    self.exchange(request)
                }
                answer => answer,
            };
            let answer = answer.with_context(|| format!("{} does not answer", self.to.addr))?;
            if answer.status == 429 {
                let wait = retry_wait(answer.retry_after_s, waited, RETRY_WAIT_MAX)?;
                self.answered_429 += 1;
                interrupt::sleep(wait)?;
                waited += wait;
                resent = true;
                continue;
            }
            let text = String::from_utf8_lossy(&answer.body);
            let told: String = text.chars().take(300).collect();
            ensure!((200..300).contains(&answer.status), "status {}: {told}", answer.status);
            return Ok((text.into_owned(), resent));
        }
    }

    fn exchange(&mut self, request: &str) -> Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(Stream::connect(&self.to, ANSWER_TIMEOUT)?),
        };
        stream.get_mut().write_all(request.as_bytes())?;
        let answer = read_answer(&mut stream).map_err(|error| match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(ErrorKind::WouldBlock | ErrorKind::TimedOut) => anyhow!("nothing came within {ANSWER_TIMEOUT:?}"),
            _ => error,
        })?;
        if !answer.closes {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

/// How long a request is to wait that was answered 429 and has `waited` already: as long as it is told, but not
/// without end.
pub(crate) fn retry_wait(retry_after_s: Option<u64>, waited: Duration, most: Duration) -> Result<Duration> {
    let seconds = retry_after_s.context("status 429 without a Retry-After in seconds")?;
    // Asked to come back at once, it would ask all the time.
    let wait = Duration::from_secs(seconds.max(1));
    ensure!(
        waited.saturating_add(wait) <= most,
        "status 429 after {waited:?}, to wait for {seconds} s: at most {most:?} in all"
    );
    Ok(wait)
}

/// Whether of `lines` lines all were taken but the `repeats`, and these called duplicates.
fn all_taken(answer: &Value, lines: usize, repeats: usize, resent: bool) -> Result<()> {
    let count = |name: &str| answer[name].as_u64().unwrap_or(0) as usize;
    let (accepted, duplicate) = (count("accepted"), count("duplicate"));
    // Sent again, what is a duplicate arrived the first time, although its answer did not.
    let known = if resent { duplicate >= repeats } else { duplicate == repeats };
    ensure!(
        known && accepted + duplicate == lines,
        "of {lines} events the server must take {} and know {repeats} already: {answer}",
        lines - repeats
    );
    Ok(())
}

struct Answer {
    status: u16,
    body: Vec<u8>,
    closes: bool,
    retry_after_s: Option<u64>,
}

fn read_answer(stream: &mut BufReader<impl std::io::Read>) -> Result<Answer> {
    let mut line = String::new();
    read_line(stream, &mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .with_context(|| format!("no HTTP answer: {line:?}"))?;
    let (mut length, mut chunked, mut closes, mut retry_after_s) = (None, false, false, None);
    for headers in 0.. {
        ensure!(headers <= HEADERS_MAX, "more than {HEADERS_MAX} headers");
        ensure!(read_line(stream, &mut line)? > 0, "the answer ends within its headers");
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse()?),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "retry-after" => retry_after_s = value.parse().ok(),
            "connection" => closes = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    match (chunked, length) {
        _ if status == 204 => {}
        (true, _) => while read_chunk(stream, &mut body)? {},
        (false, Some(length)) => take(stream, length, &mut body)?,
        (false, None) => {
            closes = true;
            stream.take(ANSWER_BYTES_MAX as u64 + 1).read_to_end(&mut body)?;
            ensure!(body.len() <= ANSWER_BYTES_MAX, "an answer over {ANSWER_BYTES_MAX} bytes");
        }
    }
    Ok(Answer {
        status,
        body,
        closes,
        retry_after_s,
    })
}

/// Reads the next line; its bytes, 0 where there is nothing more.
fn read_line(stream: &mut impl BufRead, line: &mut String) -> Result<usize> {
    line.clear();
    let count = stream.take(LINE_BYTES_MAX).read_line(line)?;
    ensure!(
        (count as u64) < LINE_BYTES_MAX || line.ends_with('\n'),
        "a line over {LINE_BYTES_MAX} bytes"
    );
    Ok(count)
}

/// Adds one chunk; false for the last, empty one.
fn read_chunk(stream: &mut BufReader<impl std::io::Read>, body: &mut Vec<u8>) -> Result<bool> {
    let mut line = String::new();
    read_line(stream, &mut line)?;
    let length = usize::from_str_radix(line.trim_end().split(';').next().unwrap_or_default(), 16).context("a chunk without a length")?;
    take(stream, length, body)?;
    read_line(stream, &mut line)?;
    Ok(length > 0)
}

fn take(stream: &mut impl std::io::Read, length: usize, body: &mut Vec<u8>) -> Result<()> {
    let at = body.len();
    let Some(end) = at.checked_add(length).filter(|&end| end <= ANSWER_BYTES_MAX) else {
        bail!("an answer over {ANSWER_BYTES_MAX} bytes");
    };
    body.resize(end, 0);
    stream.read_exact(&mut body[at..]).context("the answer ends early")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<Answer> {
        read_answer(&mut BufReader::with_capacity(3, text.as_bytes()))
    }

    #[test]
    fn what_the_feed_repeats_is_a_duplicate_and_nothing_else_is() {
        let taken = |accepted, duplicate, resent| {
            let answer = serde_json::json!({"accepted": accepted, "duplicate": duplicate, "rejected": []});
            all_taken(&answer, 5, 1, resent)
        };
        taken(4, 1, false).unwrap();
        assert!(
            taken(5, 0, false).unwrap_err().to_string().contains("must take 4"),
            "a repeat counted again"
        );
        assert!(taken(3, 2, false).is_err(), "news called a repeat");
        assert!(taken(3, 1, false).is_err(), "a line lost");
        taken(0, 5, true).unwrap();
        taken(2, 3, true).unwrap();
        assert!(taken(5, 0, true).is_err() && taken(2, 2, true).is_err());
    }

    #[test]
    fn lengths_chunks_and_closing_are_understood() {
        let plain = answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}rest").unwrap();
        assert_eq!((plain.status, &plain.body[..], plain.closes), (200, &b"{}"[..], false));
        let chunked = answer("HTTP/1.1 429 Slow\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n").unwrap();
        assert_eq!((chunked.status, &chunked.body[..]), (429, &b"abc"[..]));
        let open = answer("HTTP/1.1 200 OK\r\n\r\nall of it").unwrap();
        assert_eq!((&open.body[..], open.closes), (&b"all of it"[..], true));
        assert!(answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}").is_err());
        assert!(answer("nonsense").is_err());
    }

    #[test]
    fn a_request_waits_as_long_as_it_is_told_but_not_for_ever() {
        let busy = answer("HTTP/1.1 429 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_eq!(busy.retry_after_s, Some(7));
        let wait_s = |retry_after_s, waited_s| {
            let wait = retry_wait(retry_after_s, Duration::from_secs(waited_s), RETRY_WAIT_MAX);
            wait.map(|wait| wait.as_secs()).map_err(|error| error.to_string())
        };
        assert_eq!((wait_s(Some(7), 0), wait_s(Some(7), 23)), (Ok(7), Ok(7)));
        assert_eq!(wait_s(Some(0), 0), Ok(1));
        assert!(wait_s(Some(7), 24).unwrap_err().contains("at most 30s"));
        assert!(wait_s(Some(u64::MAX), 1).is_err() && wait_s(Some(0), 30).is_err());
        assert!(wait_s(None, 0).unwrap_err().contains("without a Retry-After"));
    }

    #[test]
    fn an_answer_without_bounds_is_refused() {
        let refused = |text: &str| answer(text).err().map(|error| error.to_string()).unwrap_or_default();
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        // Added to the two bytes before, this length is 1.
        let wraps = refused(&format!("{chunked}2\r\nab\r\n{:x}\r\nc", usize::MAX));
        assert!(wraps.starts_with("an answer over"), "{wraps}");
        let long = refused(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", usize::MAX));
        assert!(long.starts_with("an answer over"), "{long}");
        let endless = "x".repeat(2 * LINE_BYTES_MAX as usize);
        for text in [
            endless.clone(),
            format!("HTTP/1.1 200 OK\r\nX: {endless}\r\n\r\n"),
            format!("{chunked}2;{endless}"),
        ] {
            assert!(refused(&text).starts_with("a line over"), "{}", refused(&text));
        }
        let headers = "X: y\r\n".repeat(HEADERS_MAX + 1);
        assert!(refused(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")).starts_with("more than"));
    }
}
