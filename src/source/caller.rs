//! Plain HTTP to a server, for the commands that are its clients, and to a collector of traces. Bounded: the time and bytes of an answer.

use super::SourceError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::HeaderValue;
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use std::time::Duration;

/// Asks one server, with a key where it needs one.
pub struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    /// Without a slash at its end.
    to: String,
    /// What is shown with each request, where a key is needed. Marked as sensitive: nothing shows it.
    authorization: Option<HeaderValue>,
}

/// A server's answer.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The answer, where it is a good one.
    ///
    /// # Errors
    /// [`SourceError::Refused`].
    pub fn good(self, url: &str) -> Result<Answer, SourceError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(SourceError::Refused {
            url: url.to_owned(),
            status: self.status,
            body: String::from_utf8_lossy(&self.body).chars().take(300).collect(),
        })
    }
}

/// What bounds one request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long the answer may take.
    pub wait: Duration,
    /// Its longest body, in bytes.
    pub bytes_max: usize,
}

impl Caller {
    /// One that asks the server at `to`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// An address that makes no sense.
    pub fn new(to: &str) -> Result<Caller, SourceError> {
        let to = to.trim_end_matches('/');
        let url: Uri = to.parse().map_err(|_| SourceError::Address(to.to_owned()))?;
        match url.scheme_str() {
            Some("https") => return Err(SourceError::Tls(to.to_owned())),
            Some("http") if url.host().is_some() => {}
            _ => return Err(SourceError::Address(to.to_owned())),
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Caller {
            client: Client::builder(hyper_util::rt::TokioExecutor::new()).build(connector),
            to: to.to_owned(),
            authorization: None,
        })
    }

    /// Shows an API key, or a token, with each request.
    ///
    /// # Errors
    /// A text that is none; it is not repeated.
    pub fn with_key(mut self, key: &str) -> Result<Caller, SourceError> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SourceError::Key);
        }
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| SourceError::Key)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }

    /// The address of a path there.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.to)
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// Nobody answers, not in time, or too much.
    pub async fn get(&self, path: &str, bounds: Bounds) -> Result<Answer, SourceError> {
        self.ask(Request::get(self.url(path)), Bytes::new(), bounds).await
    }

    /// Posts event lines to a path.
    ///
    /// # Errors
    /// Nobody answers, not in time, or too much.
    pub async fn post_lines(&self, path: &str, lines: Bytes, bounds: Bounds) -> Result<Answer, SourceError> {
        self.post(path, "application/x-ndjson", lines, bounds).await
    }

    /// Posts something to a path.
    ///
    /// # Errors
    /// Nobody answers, not in time, or too much.
    pub async fn post(&self, path: &str, content_type: &'static str, body: Bytes, bounds: Bounds) -> Result<Answer, SourceError> {
        let request = Request::builder().method(Method::POST).uri(self.url(path));
        let request = request.header(header::CONTENT_TYPE, content_type);
        self.ask(request, body, bounds).await
    }

    async fn ask(&self, mut request: hyper::http::request::Builder, body: Bytes, bounds: Bounds) -> Result<Answer, SourceError> {
        let url = request.uri_ref().map(Uri::to_string).unwrap_or_default();
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body)).map_err(|_| SourceError::Address(url.clone()))?;
        let asking = async {
            let unreachable = |error: &dyn std::error::Error| SourceError::Unreachable {
                url: url.clone(),
                error: deepest(error),
            };
            let response = self.client.request(request).await.map_err(|error| unreachable(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), bounds.bytes_max).collect().await;
            let body = body.map_err(|error| unreachable(&*error))?.to_bytes();
            Ok(Answer { status, body })
        };
        let answered = tokio::time::timeout(bounds.wait, asking).await;
        answered.unwrap_or_else(|_| {
            Err(SourceError::Unreachable {
                url: url.clone(),
                error: format!("no answer within {} seconds", bounds.wait.as_secs()),
            })
        })
    }
}

/// What an error comes down to: what is around it says no more than that something went wrong.
fn deepest(mut error: &dyn std::error::Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_and_a_host() {
        for (to, said) in [
            ("http://127.0.0.1:8080", ""),
            ("http://scores.example/", ""),
            ("https://scores.example", "plain HTTP alone"),
            ("127.0.0.1:8080", "no address of a server"),
            ("ftp://127.0.0.1", "no address of a server"),
            ("", "no address of a server"),
            ("http://", "no address of a server"),
        ] {
            let error = Caller::new(to).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(said) && error.is_empty() == said.is_empty(), "{to}: {error}");
        }
        assert_eq!(Caller::new("http://a:1/").unwrap().url("/metrics"), "http://a:1/metrics");
    }

    #[test]
    fn a_key_is_one_word() {
        let with = |key| Caller::new("http://a:1").unwrap().with_key(key).is_ok();
        assert!(with(" sw_key\n") && !with("") && !with("two words") && !with("schlüssel"));
    }
}
