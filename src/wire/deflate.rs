//! `permessage-deflate` (RFC 7692): what is agreed on, frames compressed, messages inflated.
//!
//! No context is taken over in either direction: every message begins with an empty window. A
//! compressed frame is then the same bytes for everyone it goes to, and no connection owns any of
//! zlib's state: a shard's thread has one [`Deflater`] and one [`Inflater`] for all. Bounded: an
//! inflated message by its caller's limit, whatever it would come to.

mod offer;

pub use offer::{Agreed, Malformed, negotiate};

use super::close::CloseReason;
use super::ws::Frame;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What a flush ends in: sent by nobody, put back by the receiver (RFC 7692, 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// zlib's level. On deltas, higher ones gain less than 1%, and on snapshots 7%, for a fifth more time;
/// level 1 leaves deltas a quarter larger (`cargo bench --bench deflate`).
const LEVEL: u32 = 3;

/// Compresses frames. About 300 KiB, from the first frame on.
pub struct Deflater {
    bytes_min: usize,
    compress: Option<Compress>,
    scratch: Vec<u8>,
}

impl Deflater {
    /// One that leaves payloads under `bytes_min` alone.
    pub fn new(bytes_min: usize) -> Deflater {
        Deflater {
            bytes_min,
            compress: None,
            scratch: Vec::new(),
        }
    }

    /// The same message compressed; nothing where that makes it no smaller, or where it is too small to
    /// be worth it. A plain frame may be sent to everyone, whatever was agreed on.
    pub fn frame(&mut self, plain: &Frame) -> Option<Frame> {
        let payload = plain.payload();
        if payload.len() < self.bytes_min.max(TAIL.len()) {
            return None;
        }
        let compress = self.compress.get_or_insert_with(|| Compress::new(Compression::new(LEVEL), false));
        compress.reset();
        // What does not get smaller has to come out too: what stays in zlib-rs 0.6.8 takes room from all that
        // follows, reset or not.
        let room = deflated_bytes_max(payload.len());
        if self.scratch.len() < room {
            self.scratch.resize(room, 0);
        }
        let status = compress.compress(payload, &mut self.scratch, FlushCompress::Sync);
        let written = compress.total_out() as usize;
        let is_all = matches!(status, Ok(Status::Ok)) && compress.total_in() as usize == payload.len() && written < self.scratch.len();
        if !is_all {
            self.compress = None;
            return None;
        }
        let deflated = self.scratch[..written].strip_suffix(&TAIL)?;
        (written < payload.len()).then(|| plain.with_deflated(deflated))
    }
}

/// More than any compressor makes of so many bytes: an eighth more, and some for headers and the flush
/// (zlib's `deflateBound`, whatever the settings).
fn deflated_bytes_max(bytes: usize) -> usize {
    bytes + bytes / 8 + bytes / 64 + 64
}

/// Inflates clients' messages. About 50 KiB, from the first compressed message on.
#[derive(Default)]
pub struct Inflater {
    inflate: Option<Decompress>,
}

/// Room for a message's first inflated bytes; doubled as needed.
const INFLATED_BYTES_MIN: usize = 512;

impl Inflater {
    /// The message that `deflated` stands for.
    ///
    /// # Errors
    /// [`CloseReason::TooBig`] as soon as it comes to more than `bytes_max`, of which no more than one
    /// byte is ever inflated; [`CloseReason::NotDeflate`] for what nobody compressed.
    pub fn message(&mut self, deflated: &[u8], bytes_max: usize) -> Result<Vec<u8>, CloseReason> {
        let inflate = self.inflate.get_or_insert_with(|| Decompress::new(false));
        inflate.reset(false);
        let mut message = Vec::new();
        for mut input in [deflated, &TAIL] {
            while let Some(taken) = inflate_some(inflate, input, &mut message, bytes_max)? {
                input = &input[taken..];
            }
        }
        // Whoever stopped in mid-block has had the tail read as data.
        let before = inflate.total_in();
        match inflate.decompress(&LAST_BLOCK, &mut [0], FlushDecompress::Sync) {
            Ok(Status::StreamEnd) if inflate.total_in() - before == LAST_BLOCK.len() as u64 => Ok(message),
            _ => Err(CloseReason::NotDeflate),
        }
    }
}

/// An empty block that ends the stream: read as such only where a block can begin.
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Inflates from `input` as far as `message` has room, and makes room. Returns how many bytes it took;
/// nothing once there is no more to come of them.
fn inflate_some(inflate: &mut Decompress, input: &[u8], message: &mut Vec<u8>, bytes_max: usize) -> Result<Option<usize>, CloseReason> {
    if message.len() == message.capacity() {
        let wanted = (message.len() * 2).max(INFLATED_BYTES_MIN).min(bytes_max + 1);
        message.reserve_exact(wanted - message.len());
    }
    let before = (inflate.total_in(), message.len());
    let status = inflate.decompress_vec(input, message, FlushDecompress::Sync);
    let taken = (inflate.total_in() - before.0) as usize;
    if message.len() > bytes_max {
        return Err(CloseReason::TooBig);
    }
    if status.map_err(|_| CloseReason::NotDeflate)? == Status::StreamEnd {
        // A client may end its blocks for good; what follows begins anew (RFC 7692, 7.2.1).
        inflate.reset(false);
    }
    let is_done = taken == 0 && message.len() == before.1;
    Ok((!is_done).then_some(taken))
}

#[cfg(test)]
mod tests;
