use super::*;
use proptest::prelude::*;

const MAX: usize = 1024;

/// A client frame with any header byte, masked with a fixed key.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=65_535 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn read_all(bytes: &[u8]) -> Result<Vec<Said>, CloseReason> {
    read_as(Form::PLAIN, bytes)
}

fn read_as(form: Form, bytes: &[u8]) -> Result<Vec<Said>, CloseReason> {
    read_by(&mut Reader::new(form), bytes)
}

fn read_by(reader: &mut Reader, bytes: &[u8]) -> Result<Vec<Said>, CloseReason> {
    let mut bytes = bytes.to_vec();
    let mut input = &mut bytes[..];
    let mut inflater = Inflater::default();
    let mut said = Vec::new();
    while let Some(one) = reader.next(&mut input, MAX, &mut inflater)? {
        said.push(one);
    }
    Ok(said)
}

#[test]
fn messages_pings_and_fragments_are_read() {
    let mut bytes = client_frame(0x81, b"hello");
    bytes.extend(client_frame(0x01, b"frag"));
    bytes.extend(client_frame(0x89, b"ping"));
    bytes.extend(client_frame(0x80, b"ment"));
    bytes.extend(client_frame(0x88, &[3, 232]));
    let expected = [
        Said::Message(MessageType::Text, b"hello".to_vec()),
        Said::Ping(b"ping".to_vec()),
        Said::Message(MessageType::Text, b"fragment".to_vec()),
        Said::Close,
    ];
    assert_eq!(read_all(&bytes), Ok(expected.into()));
}

#[test]
fn a_reader_of_any_type_says_which_it_was() {
    let mut reader = Reader::of_any_type(Form::PLAIN);
    let bytes = [
        client_frame(0x81, b"text"),
        client_frame(0x82, b"\xff"),
        client_frame(0x02, b"\xff"),
        client_frame(0x80, b"\xfe"),
        client_frame(0x01, b"te"),
        client_frame(0x80, b"xt"),
    ]
    .concat();
    let (text, binary) = (|| b"text".to_vec(), MessageType::Binary);
    let expected = [
        Said::Message(MessageType::Text, text()),
        Said::Message(binary, vec![0xff]),
        Said::Message(binary, vec![0xff, 0xfe]),
        Said::Message(MessageType::Text, text()),
    ];
    assert_eq!(read_by(&mut reader, &bytes), Ok(expected.into()));
    assert_eq!(read_by(&mut reader, &client_frame(0x81, b"\xff")), Err(CloseReason::NotUtf8));
}

proptest! {
    /// A text in fragments was looked at when all of it had come: what no rest could mend was put by, up to
    /// the limit.
    #[test]
    fn text_is_refused_with_the_fragment_that_no_rest_can_mend(
        chars in prop::collection::vec(prop_oneof![
            4 => any::<char>().prop_map(|char| char.to_string().into_bytes()),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
        ], 0..12),
        lengths in prop::collection::vec(0..5usize, 0..24),
    ) {
        let text = chars.concat();
        let mut reader = Reader::new(Form::PLAIN);
        let mut sent = 0;
        for (place, length) in lengths.into_iter().enumerate() {
            let end = (sent + length).min(text.len());
            let said = read_by(&mut reader, &client_frame(u8::from(place == 0), &text[sent..end]));
            sent = end;
            let cannot_be_mended = std::str::from_utf8(&text[..sent]).is_err_and(|error| error.error_len().is_some());
            prop_assert_eq!(said.is_err(), cannot_be_mended, "{:x?}", &text[..sent]);
            if cannot_be_mended {
                prop_assert_eq!(said, Err(CloseReason::NotUtf8));
                return Ok(());
            }
        }
        let opcode = if reader.fragments.is_some() { 0x80 } else { 0x81 };
        let said = read_by(&mut reader, &client_frame(opcode, &text[sent..]));
        match std::str::from_utf8(&text) {
            Ok(_) => prop_assert_eq!(said, Ok(vec![Said::Message(MessageType::Text, text)])),
            Err(_) => prop_assert_eq!(said, Err(CloseReason::NotUtf8)),
        }
    }
}

#[test]
fn every_cut_of_a_frame_waits_for_the_rest() {
    let whole = client_frame(0x81, &[b'x'; 300]);
    for end in 0..whole.len() {
        assert_eq!(read_all(&whole[..end]), Ok(vec![]), "cut at {end}");
    }
    assert_eq!(read_all(&whole), Ok(vec![Said::Message(MessageType::Text, vec![b'x'; 300])]));
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let unmasked = [0x81, 0x01, b'x'];
    let long_form = [0x81, 0x80 | 126, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0];
    for (bytes, reason) in [
        (unmasked.to_vec(), CloseReason::Protocol),
        (long_form.to_vec(), CloseReason::Protocol),
        (client_frame(0xc1, b"reserved bit"), CloseReason::Protocol),
        (client_frame(0x83, b"reserved opcode"), CloseReason::Protocol),
        (client_frame(0x8b, b"reserved control"), CloseReason::Protocol),
        (client_frame(0x09, b"fragmented ping"), CloseReason::Protocol),
        (client_frame(0x89, &[0; 126]), CloseReason::Protocol),
        (client_frame(0x80, b"continues nothing"), CloseReason::Protocol),
        ([client_frame(0x01, b"a"), client_frame(0x81, b"b")].concat(), CloseReason::Protocol),
        (client_frame(0x88, &[3]), CloseReason::Protocol),
        (client_frame(0x88, &[3, 237]), CloseReason::Protocol),
        (client_frame(0x88, &[3, 232, 0xff]), CloseReason::NotUtf8),
        (client_frame(0x82, b"binary"), CloseReason::Unsupported),
        (client_frame(0x81, &[0xff, 0xfe]), CloseReason::NotUtf8),
        (client_frame(0x81, &[b'x'; MAX + 1]), CloseReason::TooBig),
        (
            [client_frame(0x01, &[b'x'; MAX]), client_frame(0x80, b"y")].concat(),
            CloseReason::TooBig,
        ),
    ] {
        assert_eq!(read_all(&bytes), Err(reason), "{:?}", &bytes[..bytes.len().min(20)]);
    }
}

#[test]
fn a_frame_is_too_big_by_its_header_alone() {
    let mut header = vec![0x81, 0x80 | 127];
    header.extend_from_slice(&(1u64 << 40).to_be_bytes());
    header.extend_from_slice(&[0; 4]);
    assert_eq!(read_all(&header), Err(CloseReason::TooBig));
}

#[test]
fn server_frames_carry_the_shortest_header_and_no_mask() {
    for (length, header) in [
        (5usize, vec![0x81, 5]),
        (200, vec![0x81, 126, 0, 200]),
        (70_000, [&[0x81, 127][..], &70_000u64.to_be_bytes()].concat()),
    ] {
        let frame = Frame::text(|out| out.extend(std::iter::repeat_n(b'x', length)));
        assert_eq!(&frame.bytes()[..header.len()], header);
        assert_eq!(frame.payload().len(), length);
        assert_eq!(frame.bytes().len(), length + header.len());
    }
    assert_eq!(&Frame::close(CloseReason::Stalled).bytes()[..], b"\x88\x09\x0f\xa1stalled");
}

const DEFLATED: Form = Form {
    deflated: true,
    ..Form::PLAIN
};

/// "Hello", compressed: RFC 7692, 7.2.3.1.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn compressed_messages_are_read_where_that_was_agreed_on() {
    let whole = client_frame(0xc1, &HELLO);
    // The RFC's own fragments (7.2.3.1), with a ping between them.
    let mut bytes = [client_frame(0x41, &HELLO[..3]), client_frame(0x89, b"ping")].concat();
    bytes.extend(client_frame(0x80, &HELLO[3..]));
    bytes.extend(&whole);
    bytes.extend(client_frame(0x81, b"plain"));
    let hello = || Said::Message(MessageType::Text, b"Hello".to_vec());
    let expected = [
        Said::Ping(b"ping".to_vec()),
        hello(),
        hello(),
        Said::Message(MessageType::Text, b"plain".to_vec()),
    ];
    assert_eq!(read_as(DEFLATED, &bytes), Ok(expected.into()));
    assert_eq!(read_as(Form::PLAIN, &whole), Err(CloseReason::Protocol));
}

#[test]
fn what_breaks_the_rules_of_compression_is_named() {
    // A stored block of two bytes that are no UTF-8.
    let not_utf8 = [0x00, 0x02, 0x00, 0xfd, 0xff, 0xff, 0xfe, 0x00];
    for (bytes, reason) in [
        (client_frame(0xc9, b"ping"), CloseReason::Protocol),
        (client_frame(0xc8, b""), CloseReason::Protocol),
        (client_frame(0xa1, &HELLO), CloseReason::Protocol),
        (
            [client_frame(0x41, &HELLO[..3]), client_frame(0xc0, &HELLO[3..])].concat(),
            CloseReason::Protocol,
        ),
        (
            [client_frame(0x01, b"He"), client_frame(0xc0, b"llo")].concat(),
            CloseReason::Protocol,
        ),
        (client_frame(0xc1, &[0x00; MAX / 4 + 1]), CloseReason::TooBig),
        (
            [client_frame(0x41, &[0x00; MAX / 4]), client_frame(0x80, &[0x00])].concat(),
            CloseReason::TooBig,
        ),
        (client_frame(0xc1, &[0xff; 20]), CloseReason::NotDeflate),
        (client_frame(0xc1, &not_utf8), CloseReason::NotUtf8),
        (client_frame(0xc2, &HELLO), CloseReason::Unsupported),
    ] {
        assert_eq!(read_as(DEFLATED, &bytes), Err(reason), "{:x?}", &bytes[..bytes.len().min(20)]);
    }
}
