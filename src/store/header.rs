//! What a segment begins with: magic (8 bytes), version (u32), length of the rest (u32), its CRC-32 (u32);
//! then the first `lsn` (u64), `continuity` (u64), epoch, boot id and the sources' names, each text after
//! its length (u16). All little endian.

/// First bytes of every segment.
const MAGIC: [u8; 8] = *b"scorelog";
/// Version of the format: raised by whoever changes a byte's meaning.
const VERSION: u32 = 1;
/// Magic, version, length, checksum.
const PREFIX_BYTES: usize = 20;
/// Most bytes after the prefix.
const REST_BYTES_MAX: usize = 16 << 10;

/// Who wrote a segment: what a process says of itself when it begins the log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Within which `seq`s go on.
    pub epoch: String,
    /// Of the running machine: another one means that it went down meanwhile.
    pub boot_id: String,
    /// Names of the feed's sources, by rank: what a record's source means.
    pub sources: Vec<String>,
    /// A number of the caller's own.
    pub continuity: u64,
}

/// Why a header can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unreadable {
    /// It is none of ours, or damaged.
    Damaged,
    /// A later version wrote it.
    Later(u32),
}

impl Header {
    /// Appends the header of a segment that begins at `first`; nothing where its texts are too long.
    pub(super) fn encode(&self, first: u64) -> Option<Vec<u8>> {
        let mut rest = Vec::with_capacity(256);
        rest.extend_from_slice(&first.to_le_bytes());
        rest.extend_from_slice(&self.continuity.to_le_bytes());
        rest.extend_from_slice(&u16::try_from(self.sources.len()).ok()?.to_le_bytes());
        for text in [&self.epoch, &self.boot_id].into_iter().chain(&self.sources) {
            rest.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
            rest.extend_from_slice(text.as_bytes());
        }
        if rest.len() > REST_BYTES_MAX {
            return None;
        }
        let mut out = Vec::with_capacity(PREFIX_BYTES + rest.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(rest.len() as u32).to_le_bytes());
        out.extend_from_slice(&checksum(VERSION, &rest).to_le_bytes());
        out.extend_from_slice(&rest);
        Some(out)
    }

    /// The header at the start of `bytes`, the first `lsn`, and the header's length in bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Header, u64, usize), Unreadable> {
        let (prefix, rest) = bytes.split_first_chunk::<PREFIX_BYTES>().ok_or(Unreadable::Damaged)?;
        let word = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
        let (version, length, sum) = (word(8), word(12) as usize, word(16));
        if prefix[..8] != MAGIC || length > REST_BYTES_MAX {
            return Err(Unreadable::Damaged);
        }
        let rest = rest.get(..length).ok_or(Unreadable::Damaged)?;
        if checksum(version, rest) != sum {
            return Err(Unreadable::Damaged);
        }
        if version != VERSION {
            return Err(Unreadable::Later(version));
        }
        let (header, first) = Fields(rest).header().ok_or(Unreadable::Damaged)?;
        Ok((header, first, PREFIX_BYTES + length))
    }
}

fn checksum(version: u32, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&version.to_le_bytes());
    hasher.update(rest);
    hasher.finalize()
}

/// What is left to read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn header(mut self) -> Option<(Header, u64)> {
        let first = u64::from_le_bytes(self.array()?);
        let continuity = u64::from_le_bytes(self.array()?);
        let count = u16::from_le_bytes(self.array()?);
        let (epoch, boot_id) = (self.text()?, self.text()?);
        let sources = (0..count).map(|_| self.text()).collect::<Option<Vec<_>>>()?;
        let header = Header {
            epoch,
            boot_id,
            sources,
            continuity,
        };
        (self.0.is_empty() && first > 0).then_some((header, first))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}
