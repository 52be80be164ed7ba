use super::*;
use proptest::prelude::*;

const MAX: usize = 65_536;

fn inflate(deflated: &[u8]) -> Result<String, CloseReason> {
    let message = Inflater::default().message(deflated, MAX)?;
    Ok(String::from_utf8(message).unwrap())
}

/// What a client with a compressor of its own sends, flushed but for the tail.
fn deflate(message: &[u8], level: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() * 2 + 64);
    let mut compress = Compress::new(Compression::new(level), false);
    compress.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
    assert!(out.len() < out.capacity(), "there was room");
    out.truncate(out.len() - TAIL.len());
    out
}

/// RFC 7692, 7.2.3: "Hello" in each form that it shows, but for the one that takes a window over.
#[test]
fn the_examples_of_the_rfc_inflate() {
    let compressed = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    let with_final_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let two_blocks = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    for deflated in [&compressed[..], &stored, &with_final_block, &two_blocks] {
        assert_eq!(inflate(deflated), Ok("Hello".into()), "{deflated:x?}");
    }
    assert_eq!(inflate(&[0x00]), Ok(String::new()));
    assert_eq!(deflate(b"Hello", 6), compressed);
}

#[test]
fn blocks_that_end_for_good_are_followed_by_others() {
    let twice = [
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
    ]
    .concat();
    assert_eq!(inflate(&twice), Ok("HelloHello".into()));
}

#[test]
fn no_window_is_taken_over() {
    let mut inflater = Inflater::default();
    assert_eq!(inflater.message(&deflate(b"Hello", 6), MAX), Ok(b"Hello".to_vec()));
    // "Hello" again, as a reference to the message before (7.2.3.2).
    let by_reference = [0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(inflater.message(&by_reference, MAX), Err(CloseReason::NotDeflate));
    assert_eq!(inflater.message(&deflate(b"Hello", 6), MAX), Ok(b"Hello".to_vec()));
}

/// Sixty megabytes in as many kilobytes: as much as a message may bring.
#[test]
fn a_bomb_is_cut_at_the_limit() {
    let megabyte = [&deflate(&vec![0; 1 << 20], 9)[..], &TAIL].concat();
    let bomb = megabyte.repeat(MAX / megabyte.len());
    assert!(bomb.len() >= 60 * megabyte.len());
    let mut inflater = Inflater::default();
    assert_eq!(inflater.message(&bomb, MAX), Err(CloseReason::TooBig));
    let inflated = inflater.inflate.as_ref().map(Decompress::total_out);
    assert_eq!(inflated, Some(MAX as u64 + 1), "not a byte more than it takes to know");
}

#[test]
fn the_limit_itself_is_no_bomb() {
    for length in [0, 1, 511, 512, 513, MAX - 1, MAX] {
        let message = vec![b'x'; length];
        assert_eq!(
            Inflater::default().message(&deflate(&message, 6), MAX),
            Ok(message),
            "{length} bytes"
        );
    }
    let message = vec![b'x'; MAX + 1];
    assert_eq!(Inflater::default().message(&deflate(&message, 6), MAX), Err(CloseReason::TooBig));
    assert_eq!(Inflater::default().message(&deflate(b"Hello", 6), 4), Err(CloseReason::TooBig));
}

#[test]
fn small_frames_and_those_that_do_not_gain_stay_plain() {
    let mut deflater = Deflater::new(200);
    let text = |length: usize| Frame::text(|out| out.extend(std::iter::repeat_n(b'x', length)));
    assert_eq!(deflater.frame(&text(199)), None);
    assert!(deflater.frame(&text(200)).is_some());
    // Every byte another: nothing to find.
    let noise = Frame::text(|out| out.extend((0..=255u8).map(|byte| byte.wrapping_mul(167))));
    assert_eq!(deflater.frame(&noise), None);
    for length in 0..8 {
        assert_eq!(Deflater::new(0).frame(&text(length)), None, "{length} bytes");
    }
}

/// What did not fit into as many bytes as it came in stayed in the compressor. zlib-rs (0.6.8) forgets such
/// bytes when it is reset, but not where they were: each frame in a row that gained nothing took room from the
/// next ones, until after 64 KiB there was none and the shard's thread panicked.
#[test]
fn frames_that_do_not_gain_leave_nothing_behind() {
    let mut deflater = Deflater::new(200);
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for length in [256, 300, 5_000, 70_000, 300_000] {
        for _ in 0..1_000_000 / length + 3 {
            let frame = Frame::binary(|out| out.extend(std::iter::repeat_with(&mut noise).take(length)));
            assert_eq!(deflater.frame(&frame), None, "{length} bytes");
        }
    }
    let message = b"gains ".repeat(100);
    let deflated = deflater.frame(&Frame::binary(|out| out.extend_from_slice(&message))).unwrap();
    assert_eq!(Inflater::default().message(deflated.payload(), MAX), Ok(message));
}

/// The header alone says that a frame is compressed, and which of its bytes are payload.
#[test]
fn a_compressed_frame_is_a_frame() {
    for length in [300usize, 200_000] {
        let message: String = (0..length).map(|at| char::from(b'a' + (at * at % 23) as u8)).collect();
        let plain = Frame::text(|out| out.extend_from_slice(message.as_bytes()));
        let deflated = Deflater::new(0).frame(&plain).unwrap();
        assert!(deflated.is_deflated() && !plain.is_deflated());
        assert_eq!(deflated.bytes()[0], 0xc1);
        assert!(deflated.bytes().len() < plain.bytes().len());
        assert_eq!(Inflater::default().message(deflated.payload(), MAX * 4), Ok(message.into_bytes()));
    }
}

proptest! {
    #[test]
    fn whatever_is_compressed_inflates_to_itself(
        messages in prop::collection::vec("([a-e]{1,12}|\\PC{0,8}){0,60}", 1..6),
        level in 0u32..10,
    ) {
        let (mut deflater, mut inflater) = (Deflater::new(0), Inflater::default());
        for message in &messages {
            let frame = Frame::text(|out| out.extend_from_slice(message.as_bytes()));
            if let Some(deflated) = deflater.frame(&frame) {
                prop_assert!(deflated.payload().len() < message.len());
                prop_assert_eq!(inflater.message(deflated.payload(), MAX), Ok(message.clone().into_bytes()));
            }
            prop_assert_eq!(inflater.message(&deflate(message.as_bytes(), level), MAX), Ok(message.clone().into_bytes()));
        }
    }

    /// Noise and damaged messages: an answer within the limit, and the next message is not harmed.
    #[test]
    fn nothing_a_client_sends_is_more_than_an_error(
        noise in prop::collection::vec(any::<u8>(), 0..400),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        max in 125usize..3_000,
    ) {
        let mut inflater = Inflater::default();
        let mut damaged = deflate(&b"{\"op\":\"subscribe\",\"topics\":[\"slate\"]}".repeat(30), 6);
        for (place, byte) in &damage {
            let place = place.index(damaged.len());
            damaged[place] = *byte;
        }
        for bytes in [&noise, &damaged] {
            match inflater.message(bytes, max) {
                Ok(message) => prop_assert!(message.len() <= max),
                Err(reason) => prop_assert!(matches!(reason, CloseReason::TooBig | CloseReason::NotDeflate)),
            }
        }
        prop_assert_eq!(inflater.message(&deflate(b"Hello", 6), max), Ok(b"Hello".to_vec()));
    }
}

/// Whoever stops in mid-block has the tail read as data: the text came out longer than it was.
#[test]
fn a_message_cut_short_is_not_taken() {
    let text: Vec<u8> = (0..400u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let plain = Frame::text(|out| out.extend(text.iter().map(|byte| byte % 26 + b'a')));
    let deflated = Deflater::new(1).frame(&plain).expect("it gets smaller");
    let payload = deflated.payload();
    let mut inflater = Inflater::default();
    assert_eq!(inflater.message(payload, 10_000).expect("whole"), plain.payload());
    for cut in 1..payload.len() {
        assert_eq!(
            inflater.message(&payload[..cut], 10_000),
            Err(CloseReason::NotDeflate),
            "{cut} bytes"
        );
    }
}
