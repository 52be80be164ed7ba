//! The `traceparent` header of W3C Trace Context, version 00: 55 characters, or it says nothing.

/// A span of somebody else's that what happens here belongs under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parent {
    /// The trace.
    pub trace: u128,
    /// The span in it.
    pub span: u64,
}

const TRACE: std::ops::Range<usize> = 3..35;
const SPAN: std::ops::Range<usize> = 36..52;
const FLAGS: std::ops::Range<usize> = 53..55;
const LENGTH: usize = 55;
/// The flag of a trace that its beginner samples.
const SAMPLED: u8 = 1;

impl Parent {
    /// Reads the header. Nothing where its trace is not sampled, and where it is anything else than version 00 has:
    /// lower-case hexadecimal digits of the right number, neither id zero.
    pub fn sampled(header: &[u8]) -> Option<Parent> {
        let dashes = [2, 35, 52].iter().all(|&at| header.get(at) == Some(&b'-'));
        if header.len() != LENGTH || !dashes || &header[..2] != b"00" {
            return None;
        }
        let trace = hex(&header[TRACE])?;
        let span = u64::try_from(hex(&header[SPAN])?).ok()?;
        let flags = u8::try_from(hex(&header[FLAGS])?).ok()?;
        (trace != 0 && span != 0 && flags & SAMPLED != 0).then_some(Parent { trace, span })
    }
}

/// At most 32 digits.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampled_parent_is_read() {
        let read = Parent::sampled(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(read.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(read.span, 0x00f0_67aa_0ba9_02b7);
        // Other flags mean nothing here.
        assert!(Parent::sampled(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03").is_some());
    }

    #[test]
    fn anything_else_says_nothing() {
        for header in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Parent::sampled(header.as_bytes()), None, "{header}");
        }
    }
}
