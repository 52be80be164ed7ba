//! Client frames: however they are cut into pieces, they say the same, and never more than is allowed.

use super::choices::Choices;
use scorewire::wire::close::CloseReason;
use scorewire::wire::deflate::Inflater;
use scorewire::wire::ws::{Reader, Said};
use scorewire::wire::{Coding, Form};

/// Inputs up to this long are cut in two at every place; of longer ones, at one.
const EVERY_CUT_BYTES_MAX: usize = 96;

pub(crate) fn frames(input: &[u8]) {
    let mut choices = Choices::new(input);
    let form = Form {
        coding: *choices.pick(&Coding::ALL),
        deflated: choices.flag(),
    };
    let message_bytes_max = *choices.pick(&[1_024, 65_536, 125, 126, 4, 1, 0]);
    let cut = usize::from(choices.byte());
    let bytes = choices.rest();
    let read = |cuts: &mut dyn Iterator<Item = usize>| read(form, message_bytes_max, bytes, cuts);

    let whole = read(&mut std::iter::empty());
    assert_eq!(read(&mut (1..bytes.len())), whole, "byte by byte");
    let cuts = match bytes.len() {
        0..=EVERY_CUT_BYTES_MAX => 1..bytes.len(),
        long => cut % long..cut % long + 1,
    };
    for cut in cuts {
        assert_eq!(read(&mut std::iter::once(cut)), whole, "cut at {cut}");
    }
}

/// What was said, and why it ended; nothing where more might come.
type Read = (Vec<Said>, Option<CloseReason>);

/// Reads bytes that arrive in pieces, as a connection does: what is not understood yet is kept.
fn read(form: Form, message_bytes_max: usize, bytes: &[u8], cuts: &mut dyn Iterator<Item = usize>) -> Read {
    let (mut reader, mut inflater) = (Reader::new(form), Inflater::default());
    let (mut said, mut kept, mut start) = (Vec::new(), Vec::new(), 0);
    for end in cuts.chain([bytes.len()]) {
        kept.extend_from_slice(&bytes[start..end]);
        start = end;
        let mut input = &mut kept[..];
        loop {
            let before = input.len();
            match reader.next(&mut input, message_bytes_max, &mut inflater) {
                Ok(Some(one)) => {
                    assert!(input.len() < before, "it came from nothing");
                    check(form, message_bytes_max, &one);
                    said.push(one);
                }
                Ok(None) => break,
                Err(reason) => return (said, Some(reason)),
            }
            assert!(reader.held_bytes() <= message_bytes_max);
        }
        assert!(reader.held_bytes() <= message_bytes_max);
        let rest = input.len();
        kept.drain(..kept.len() - rest);
    }
    (said, None)
}

fn check(form: Form, message_bytes_max: usize, said: &Said) {
    match said {
        Said::Message(_, message) => {
            assert!(message.len() <= message_bytes_max, "{} bytes", message.len());
            assert!(form.coding == Coding::Bin || std::str::from_utf8(message).is_ok());
        }
        Said::Ping(payload) => assert!(payload.len() <= 125),
        Said::Pong | Said::Close => {}
    }
}
