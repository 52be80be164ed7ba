//! The event log: what was taken in, in order, on disk before anybody is shown it.
//!
//! # Layout
//! ```text
//! submit ──► log thread ──write──► {first lsn}.log ◄──fdatasync── sync thread ──► tickets
//!               └─ deliver (Group)                                    └─ deliver (Sync)
//! ```
//! | file | owns |
//! |---|---|
//! | [`files`], [`faults`] | a file system as the log needs it: the disk's, and one that fails on demand |
//! | [`record`] | a record's bytes |
//! | `header` | what a segment begins with |
//! | `scan` | a segment's bytes as a sequence of records; how much of them was known to be on disk |
//! | `folder` | names in the log's folder; files that appear whole or not at all |
//! | [`open`](mod@open), `replay` | recovery: what is there, what is to be cut, what stops the start |
//! | `append` | the writing end as a state machine, without threads and clock |
//! | `remove` | segments that are no longer needed, removed beside writes |
//! | [`group`] | the same with those who wait for a commit, step by step |
//! | [`log`] | its two threads, and who waits for them |
//! | `contests` | contests, a file each beside the log |
//! | [`snapshot`] | the log rewritten up to some record, in a file of its own |
//! | [`inspect`](mod@inspect), [`repair`](mod@repair) | for people |
//!
//! # Format
//! A folder of segments, each named after its first `lsn`, the number of a record counted from 1. A
//! segment is a header and records; a record is its length, a CRC-32 and what they are over. Each write
//! begins with a *mark*: up to where all was known to be on disk, and which `lsn` comes next.
//!
//! # Invariants
//! - A segment appears whole: written under another name, synced, renamed.
//! - Where a segment begins at `b`, every record before `b` was on disk before; what earlier segments hold
//!   from `b` on no longer counts. So a file that failed is left behind, not mended.
//! - Bytes known to be on disk that can't be read stop the start; others are a torn tail, and cut.
//! - After a failed sync nothing that was written since the last good one is trusted: it is written again,
//!   from memory, into a new segment.
//! - A start that stops has changed nothing: a torn tail is cut once all before it was read.
//! - At most one thread syncs a segment at a time: a second one could be told that all is well.
//!
//! Bounded: batches that wait (`queue_batches_max`), bytes not yet synced (`unsynced_bytes_max`), segments
//! (`segment_bytes`), records ([`RECORD_BYTES_MAX`]), kept cut tails ([`CUTS_MAX`]). Reading holds one
//! segment in memory.

mod append;
mod contests;
pub mod faults;
pub mod files;
mod folder;
pub mod group;
mod header;
pub mod inspect;
pub mod log;
pub mod open;
pub mod record;
mod remove;
pub mod repair;
mod replay;
mod scan;
pub mod snapshot;

#[cfg(test)]
mod tests;

pub use contests::{ContestFile, StoredContest, contests, is_contest_set_aside, put_contest, remove_contest};
pub use files::{DiskFiles, Files, LogFile};
pub use folder::{CUTS_MAX, gap, write_segment};
pub use group::{Batch, Durability, GroupCommit, Settings};
pub use header::Header;
pub use inspect::{SegmentSummary, Verified, inspect, read, verify};
pub use log::{EventLog, Levels, Refused, Ticket};
pub use open::{Cut, Opening, open};
pub use record::{Kind, Lsn, RECORD_BYTES_MAX, Record, frame, frames, records};
pub use repair::{Repaired, repair};
pub use replay::{OpenError, Replayed};
pub use scan::Problem;
pub use snapshot::{Snapshot, SnapshotFile, SnapshotWriter};
