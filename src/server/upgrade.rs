//! `GET /v1/ws`: checks a WebSocket request, answers it, and hands the bare socket to the shard; and
//! `GET /v1/echo`, where `server.echo` is set, the same for tests of conformance.

use super::auth::Subscriber;
use super::error::ApiError;
use super::stall::Stalling;
use super::{Door, Slot};
use crate::fanout::grant::Grant;
use crate::fanout::runner::{Command, Upgraded};
use crate::fanout::shard::{Access, Kind};
use crate::fanout::tls::Session;
use crate::wire::{Coding, Form, deflate};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A subscriber's WebSocket.
pub(super) async fn websocket(State(door): State<Door>, subscriber: Subscriber, request: Request) -> Result<Response, ApiError> {
    let access = match subscriber {
        Subscriber::Known(grant) => access(grant),
        Subscriber::Unknown => Access::Awaited,
    };
    upgrade(&door, access, request, Kind::WebSocket)
}

/// A WebSocket whose messages go back as they came.
pub(super) async fn echo(State(door): State<Door>, subscriber: Subscriber, request: Request) -> Result<Response, ApiError> {
    // Its messages mean nothing: no token can come by one.
    let access = access(subscriber.known(&door)?);
    upgrade(&door, access, request, Kind::Echo)
}

fn access(grant: Option<Arc<Grant>>) -> Access {
    grant.map_or(Access::Open, Access::Granted)
}

fn upgrade(door: &Door, access: Access, request: Request, kind: fn(Form) -> Kind) -> Result<Response, ApiError> {
    let Some(coding) = Coding::choose(header_texts(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL)) else {
        let message = format!(
            "none of the subprotocols asked for is spoken here; there are {}",
            Coding::ALL.map(Coding::subprotocol).join(" and ")
        );
        return Err(ApiError::bad_request("unknown_subprotocol", message));
    };
    let Some(shard) = door.shard.clone() else {
        return Err(ApiError::not_found("not_found", "this address serves no subscribers"));
    };
    let agreed = deflate::negotiate(header_texts(request.headers(), &header::SEC_WEBSOCKET_EXTENSIONS))
        .map_err(|_| ApiError::bad_request("bad_websocket_extensions", "Sec-WebSocket-Extensions is no list of extensions"))?
        .filter(|_| door.config.clients.compression);
    let asked = request.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL);
    let (mut parts, _) = request.into_parts();
    let (mut response, upgrade) = answer(&mut parts)?;
    door.take_newcomer()?;
    let connections = door.admit(&parts)?;
    if asked {
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(coding.subprotocol()));
    }
    if let Some(agreed) = agreed {
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(agreed.answer));
    }
    let kind = kind(Form {
        coding,
        deflated: agreed.is_some(),
    });
    let slot = Slot::take_one_more(&connections);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        if let Some((stream, tls, early)) = bare(upgraded) {
            let upgraded = Upgraded {
                stream,
                tls,
                early,
                kind,
                access,
                slot,
            };
            // A shard that has drained is gone, and so is this connection.
            let _ = shard.send_async(Command::WebSocket(upgraded)).await;
        }
    });
    Ok(response)
}

/// The socket under an upgraded connection, its TLS session where it has one, and what hyper read ahead.
fn bare(upgraded: hyper::upgrade::Upgraded) -> Option<(std::net::TcpStream, Option<Session>, Bytes)> {
    match upgraded.downcast::<TokioIo<Stalling<TcpStream>>>() {
        Ok(parts) => Some((parts.io.into_inner().into_inner().into_std().ok()?, None, parts.read_buf)),
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<Stalling<TlsStream<TcpStream>>>>().ok()?;
            let (stream, session) = parts.io.into_inner().into_inner().into_inner();
            Some((stream.into_std().ok()?, Some(Session::new(session)), parts.read_buf))
        }
    }
}

/// Checks the request for an upgrade to WebSocket (RFC 6455, 4.2.1) and answers it.
///
/// # Errors
/// 400 or 426 with what is missing.
pub fn accept(request: Request) -> Result<(Response, OnUpgrade), ApiError> {
    answer(&mut request.into_parts().0)
}

fn answer(request: &mut Parts) -> Result<(Response, OnUpgrade), ApiError> {
    let headers = &request.headers;
    let has = |name, token: &str| header_texts(headers, &name).any(|text| text.split(',').any(|t| t.trim().eq_ignore_ascii_case(token)));
    if request.method != Method::GET || !has(header::CONNECTION, "upgrade") || !has(header::UPGRADE, "websocket") {
        let message = "this path speaks WebSocket: send Connection: Upgrade and Upgrade: websocket";
        return Err(upgrade_required("upgrade_required", message));
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err(upgrade_required("bad_websocket_version", "Sec-WebSocket-Version must be 13"));
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes)
        .filter(|key| is_nonce(key));
    let Some(key) = key else {
        return Err(ApiError::bad_request(
            "bad_websocket_key",
            "Sec-WebSocket-Key must be 16 bytes in base64",
        ));
    };
    let accept = HeaderValue::from_str(&derive_accept_key(key)).expect("base64 is a header value");
    let Some(upgrade) = request.extensions.remove::<OnUpgrade>() else {
        return Err(ApiError::bad_request("no_upgrade", "this connection cannot be upgraded"));
    };
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    headers.remove(header::CONTENT_LENGTH);
    Ok((response, upgrade))
}

/// 426, with what to upgrade to (RFC 9110, 15.5.22; RFC 6455, 4.4).
fn upgrade_required(code: &'static str, message: &str) -> ApiError {
    ApiError::with_status(StatusCode::UPGRADE_REQUIRED, code, message)
        .header(header::UPGRADE, HeaderValue::from_static("websocket"))
        .header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
}

/// Whether a key is 16 bytes in base64.
fn is_nonce(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(digit)
}

/// The readable values of a header that may be given several times.
pub(super) fn header_texts<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}
