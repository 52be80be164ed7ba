//! Player lists at the beginning of a snapshot, folded into as few as hold them: before the first game that
//! is kept, only what is known of each player in the end matters.

use crate::feed::encode::write_line;
use crate::feed::{Decoder, Limits};
use crate::model::{Event, Origin, PlayerId, PlayerInfo};
use crate::store::{Kind, Lsn, Record, SnapshotWriter};
use std::collections::HashMap;
use std::io;

/// Lists that wait to be written.
#[derive(Default)]
pub(super) struct Directory {
    /// In the order in which they were first named: where a directory is full, that decides.
    infos: Vec<PlayerInfo>,
    places: HashMap<PlayerId, usize>,
    /// The records that they come from.
    records: Vec<(Lsn, Origin)>,
}

impl Directory {
    /// Takes a list in; it goes out with the others, in [`Directory::write`].
    pub(super) fn add(&mut self, lsn: Lsn, origin: Origin, list: Vec<PlayerInfo>) {
        self.records.push((lsn, origin));
        for info in list {
            match self.places.get(&info.player) {
                Some(place) => {
                    let known = &mut self.infos[*place];
                    known.name = info.name.or(known.name.take());
                    known.team = info.team.or(known.team.take());
                    known.position = info.position.or(known.position.take());
                }
                None => {
                    self.places.insert(info.player.clone(), self.infos.len());
                    self.infos.push(info);
                }
            }
        }
    }

    /// Writes all lists that were taken in, under `lsn`s of their own. Returns how many that are.
    pub(super) fn write(&mut self, writer: &mut SnapshotWriter<'_>) -> io::Result<u64> {
        let Directory { infos, records, .. } = std::mem::take(self);
        // No list had more: there are no more of these than there were records.
        let lists = infos.chunks(Limits::default().players_per_line_max);
        let (mut line, mut written) = (Vec::new(), 0);
        for (list, (lsn, origin)) in lists.zip(records) {
            line.clear();
            write_line(&Event::Players(list.to_vec()), &mut line);
            let body = &line[..];
            let kind = Kind::Event;
            writer.record(lsn, &Record { kind, origin, body })?;
            written += 1;
        }
        Ok(written)
    }
}

/// The list that a record holds, if it is one.
pub(super) fn list_of(decoder: &mut Decoder, record: &Record<'_>) -> Option<Vec<PlayerInfo>> {
    match (record.kind, decoder.line(record.body)) {
        (Kind::Event, Ok(Event::Players(list))) => Some(list),
        _ => None,
    }
}
