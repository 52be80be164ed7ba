//! The feeds: whole requests made beforehand, sent as fast as the server answers.
//!
//! A thread for each connection, one request under way on each, so that what is in flight is bounded
//! by connections × bytes of a body. A 429 is answered by waiting as long as it asks, within the time for an answer.
//! With the first request that is not taken posting ends, on all connections.

use super::season::{Game, PAIRS, Season};
use crate::interrupt;
use crate::post::retry_wait;
use crate::target::Target;
use anyhow::{Context as _, Result, bail, ensure};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest answer taken, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A request ready to be sent.
pub(crate) struct Request {
    bytes: Vec<u8>,
    lines: usize,
    /// Of the lines, those that announce a game.
    games: usize,
}

/// What one feed did.
#[derive(Debug, Default)]
pub(crate) struct Posted {
    /// Lines taken.
    pub(crate) accepted: usize,
    /// Of these, plays; of a request that was taken in part, as many as there must be among its lines taken.
    pub(crate) plays: usize,
    /// Requests answered 429.
    pub(crate) refused: usize,
    /// Why posting ended before its end, where it was this feed that ended it.
    pub(crate) fault: Option<anyhow::Error>,
}

/// A connection that posts.
pub(crate) struct Feed {
    stream: TcpStream,
    timeout: Duration,
    answer: Vec<u8>,
}

/// The requests of one of `feeds` connections, and how many stat records are in them. Its pairs of
/// teams take turns, play by play, each game announced before its first.
pub(crate) fn requests(season: &Season, target: &Target, feed: usize, feeds: usize, lines_max: usize) -> (Vec<Request>, usize) {
    let mut pairs: Vec<_> = (feed..PAIRS).step_by(feeds).map(|pair| season.of_pair(pair)).collect();
    let (mut requests, mut body, mut records) = (Vec::new(), String::new(), 0);
    // Lines, and how many of them announce a game.
    let mut counts = (0, 0);
    let mut full = |body: &mut String, counts: &mut (usize, usize), at_least: usize| {
        if counts.0 >= at_least {
            requests.push(request(target, body, std::mem::take(counts)));
            body.clear();
        }
    };
    loop {
        let week: Vec<Game> = pairs.iter_mut().filter_map(Iterator::next).collect();
        if week.is_empty() {
            break;
        }
        for nth in 0..week.iter().map(|game| game.plays).max().unwrap_or(0) {
            for game in week.iter().filter(|game| nth < game.plays) {
                if nth == 0 {
                    season.announce(*game, &mut body);
                    counts = (counts.0 + 1, counts.1 + 1);
                    full(&mut body, &mut counts, lines_max);
                }
                records += season.play(*game, nth, &mut body);
                counts.0 += 1;
                full(&mut body, &mut counts, lines_max);
            }
        }
    }
    full(&mut body, &mut counts, 1);
    (requests, records)
}

fn request(target: &Target, body: &str, (lines, games): (usize, usize)) -> Request {
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: {}\r\n{}Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        target.host,
        target.authorization(),
        body.len()
    );
    let bytes = [head.as_bytes(), body.as_bytes()].concat();
    Request { bytes, lines, games }
}

impl Feed {
    /// Connects; an answer may take `timeout`.
    pub(crate) fn connect(target: &Target, timeout: Duration) -> Result<Feed> {
        let stream = TcpStream::connect_timeout(&target.addr, timeout)
            .with_context(|| format!("{} does not answer (--ingest-url?)", target.addr))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        Ok(Feed {
            stream,
            timeout,
            answer: Vec::with_capacity(ANSWER_BYTES_MAX),
        })
    }

    /// Sends all requests, until some feed has `ended` posting. Every line must be taken, none may be known already.
    pub(crate) fn post(mut self, requests: &[Request], ended: &AtomicBool) -> Posted {
        let mut posted = Posted::default();
        for request in requests {
            if ended.load(Ordering::Relaxed) {
                break;
            }
            if let Err(error) = interrupt::check().and_then(|()| self.send(request, &mut posted)) {
                // What the others meet from now on comes of the same.
                let is_first = !ended.swap(true, Ordering::Relaxed);
                posted.fault = is_first.then_some(error);
                break;
            }
        }
        posted
    }

    /// Sends a request until it is answered other than 429; what was taken of it is in `posted`, however it ends.
    fn send(&mut self, request: &Request, posted: &mut Posted) -> Result<()> {
        let (mut resent, mut waited) = (false, Duration::ZERO);
        loop {
            self.stream.write_all(&request.bytes).context("the server does not read")?;
            let (status, retry_after, body) = self.answer()?;
            match status {
                200 => {
                    let told: serde_json::Value = serde_json::from_slice(body).context("the answer is no JSON")?;
                    let count = |name: &str| told[name].as_u64().unwrap_or(0) as usize;
                    // Of a request that was refused, the beginning may have been taken.
                    let taken = count("accepted") + if resent { count("duplicate") } else { 0 };
                    posted.accepted += taken;
                    posted.plays += taken.saturating_sub(request.games);
                    ensure!(taken == request.lines, "{} lines were sent: {told}", request.lines);
                    return Ok(());
                }
                429 => {
                    posted.refused += 1;
                    resent = true;
                    let wait = retry_wait(retry_after, waited, self.timeout)?;
                    interrupt::sleep(wait)?;
                    waited += wait;
                }
                _ => bail!(
                    "status {status}: {}",
                    String::from_utf8_lossy(body).chars().take(300).collect::<String>()
                ),
            }
        }
    }

    /// Status, `Retry-After` in seconds, and body of an answer with a `Content-Length`.
    fn answer(&mut self) -> Result<(u16, Option<u64>, &[u8])> {
        self.answer.clear();
        let mut chunk = [0; 4096];
        loop {
            let count = match self.stream.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    bail!("no answer within {:?}", self.timeout)
                }
                count => count?,
            };
            ensure!(count > 0, "the server closed the connection");
            self.answer.extend_from_slice(&chunk[..count]);
            ensure!(self.answer.len() <= ANSWER_BYTES_MAX, "an answer over {ANSWER_BYTES_MAX} bytes");
            if let Some((end, length)) = head_of(&self.answer)?
                && self.answer.len() >= end + length
            {
                let head = String::from_utf8_lossy(&self.answer[..end]);
                let status = head
                    .split(' ')
                    .nth(1)
                    .and_then(|code| code.parse().ok())
                    .context("no HTTP answer")?;
                let retry_after = header(&head, "retry-after").and_then(|seconds| seconds.parse().ok());
                return Ok((status, retry_after, &self.answer[end..end + length]));
            }
        }
    }
}

/// Where the head ends and how long the body is, once the head is there.
fn head_of(answer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&answer[..end]);
    let length: usize = header(&head, "content-length")
        .context("an answer without a Content-Length")?
        .parse()?;
    ensure!(length <= ANSWER_BYTES_MAX, "an answer over {ANSWER_BYTES_MAX} bytes");
    Ok(Some((end + 4, length)))
}

fn header<'h>(head: &'h str, wanted: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::season::Plan;

    #[test]
    fn a_length_without_bounds_is_refused() {
        let head = |length: usize| head_of(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes());
        assert_eq!(head(2).unwrap(), Some((38, 2)));
        assert!(head(usize::MAX).unwrap_err().to_string().starts_with("an answer over"));
    }

    #[test]
    fn feeds_share_the_season_and_no_line_is_missing() {
        let season = Season::new(Plan {
            run: 1,
            events: 5_000,
            plays: 100,
            ts_us: 0,
        });
        let target = Target::parse("127.0.0.1:9", None).unwrap();
        let (mut lines, mut games) = (0, 0);
        for feed in 0..3 {
            for request in requests(&season, &target, feed, 3, 64).0 {
                let text = String::from_utf8(request.bytes).unwrap();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                assert_eq!(body.lines().count(), request.lines);
                assert_eq!(header(head, "Content-Length"), Some(body.len().to_string().as_str()));
                lines += request.lines;
                games += request.games;
            }
        }
        assert_eq!(games, season.games().count(), "an announcement for each game");
        assert_eq!(lines, 5_000 + games);
    }
}
