//! Public keys as PEM files hold them: `SubjectPublicKeyInfo` (RFC 5280, 4.1), of the three kinds that
//! tokens are signed with here.

use super::key_file::Material;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT: u8 = 0x06;

/// `rsaEncryption` (RFC 8017, A.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `id-ecPublicKey` (RFC 5480, 2.1.1), and the curve `secp256r1`.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// `id-Ed25519` (RFC 8410, 3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Reads a key in DER; nothing where it is none, or of another kind.
pub(super) fn read(der: &[u8]) -> Option<Material> {
    let mut outer = der;
    let mut info = take(&mut outer, SEQUENCE)?;
    let mut algorithm = take(&mut info, SEQUENCE)?;
    let kind = take(&mut algorithm, OBJECT)?;
    // The first byte says how many bits of the last are none: keys are whole bytes.
    let key = take(&mut info, BIT_STRING)?.strip_prefix(&[0])?;
    if !outer.is_empty() || !info.is_empty() {
        return None;
    }
    match kind {
        RSA => rsa(key),
        EC if take(&mut algorithm, OBJECT)? == P256 => Some(Material::P256(key.to_vec())),
        ED25519 => Some(Material::Ed25519(key.to_vec())),
        _ => None,
    }
}

/// `RSAPublicKey` (RFC 8017, A.1.1).
fn rsa(mut der: &[u8]) -> Option<Material> {
    let mut numbers = take(&mut der, SEQUENCE)?;
    let n = take(&mut numbers, INTEGER)?;
    let e = take(&mut numbers, INTEGER)?;
    // A zero in front says that the number is not negative.
    let unsigned = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
    Some(Material::Rsa {
        n: unsigned(n),
        e: unsigned(e),
    })
}

/// Takes a value with that tag off the front.
fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&first, rest) = input.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), &rest[2..]),
        _ => return None,
    };
    if first != tag || rest.len() < length {
        return None;
    }
    let (value, rest) = rest.split_at(length);
    *input = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn anything_may_be_read(der in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&der);
            let _ = read(&[&[SEQUENCE, der.len() as u8], &der[..]].concat());
        }
    }
}
