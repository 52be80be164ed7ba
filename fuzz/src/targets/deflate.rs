//! Compression: nothing inflates to more than it may, and what is compressed comes back.

use super::choices::Choices;
use scorewire::wire::close::CloseReason;
use scorewire::wire::deflate::{Deflater, Inflater, negotiate};
use scorewire::wire::ws::Frame;

/// No limit that a message of these inputs meets unless it was made to.
const WIDE_BYTES_MAX: usize = 1 << 20;

pub(crate) fn message(input: &[u8]) {
    let mut choices = Choices::new(input);
    let bytes_max = *choices.pick(&[1_000, 0, 1, 511, 512, 513, 16_384, 65_536]);
    let bytes = choices.rest();
    inflated(bytes, bytes_max);
    deflated(bytes);
    if let Ok(header) = std::str::from_utf8(bytes) {
        // Whatever is agreed on is the one thing that is spoken.
        if let Ok(Some(agreed)) = negotiate([header].into_iter()) {
            assert!(
                agreed
                    .answer
                    .starts_with("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
            );
        }
    }
}

/// As a client's message.
fn inflated(bytes: &[u8], bytes_max: usize) {
    let mut inflater = Inflater::default();
    let narrow = inflater.message(bytes, bytes_max);
    if let Ok(message) = &narrow {
        assert!(message.len() <= bytes_max, "{} bytes of {bytes_max}", message.len());
        assert!(message.capacity() <= bytes_max + 1, "room for {}", message.capacity());
    }
    assert_eq!(inflater.message(bytes, bytes_max), narrow, "a message leaves nothing behind");
    match Inflater::default().message(bytes, WIDE_BYTES_MAX) {
        Ok(message) if message.len() > bytes_max => assert_eq!(narrow, Err(CloseReason::TooBig)),
        Ok(message) => assert_eq!(narrow.as_ref(), Ok(&message)),
        Err(CloseReason::TooBig) => assert_eq!(narrow, Err(CloseReason::TooBig)),
        Err(reason) => assert!(
            narrow == Err(reason) || narrow == Err(CloseReason::TooBig),
            "{narrow:?}, then {reason:?}"
        ),
    }
}

/// As a payload of ours.
fn deflated(payload: &[u8]) {
    let plain = Frame::text(|out| out.extend_from_slice(payload));
    assert_eq!((plain.payload(), plain.is_deflated()), (payload, false));
    let mut deflater = Deflater::new(1);
    let frame = deflater.frame(&plain);
    assert_eq!(deflater.frame(&plain), frame, "a frame leaves nothing behind");
    if let Some(frame) = frame {
        assert!(frame.is_deflated() && frame.payload().len() < payload.len());
        let message = Inflater::default().message(frame.payload(), payload.len());
        assert_eq!(message.as_deref(), Ok(payload));
    }
}
