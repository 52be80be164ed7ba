//! Bodies and files of contests: what is read does not depend on how it arrives, and what stands is ranked and paid as
//! the plainest count says.

use scorewire::contest::{Board, Definition, EntryIndex, Limits, PlayerIndex, Players, Reader, Refused, Report};
use scorewire::model::Points;

const LIMITS: Limits = Limits {
    entries_max: 64,
    players_max: 100,
    table_max: 40,
    line_bytes_max: 700,
    bad_lines_max: 5,
};

/// How long the pieces are in which it arrives, and the body.
pub(crate) fn body(input: &[u8]) {
    let Some((piece, body)) = input.split_first() else { return };
    let whole = read(body, usize::MAX);
    assert_eq!(read(body, usize::from(*piece) + 1), whole);
    match whole {
        Ok((definition, report)) => {
            assert_eq!(report.entries, definition.entry_count() as u64);
            assert!(report.entries + report.bad <= report.lines, "{report:?}");
            assert!(report.bad_lines.is_sorted_by_key(|bad| bad.line));
            let mut stored = Vec::new();
            definition.write_to(&mut stored).unwrap();
            assert_eq!(Definition::read_from(&mut &stored[..], &LIMITS).unwrap(), definition);
            holds(definition);
        }
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
}

/// What a stored contest's file has behind its checksum.
pub(crate) fn stored(input: &[u8]) {
    let Ok(definition) = Definition::read_from(&mut &input[..], &LIMITS) else {
        return;
    };
    let mut again = Vec::new();
    definition.write_to(&mut again).unwrap();
    assert_eq!(Definition::read_from(&mut &again[..], &LIMITS).unwrap(), definition);
    holds(definition);
}

fn read(body: &[u8], piece: usize) -> Result<(Definition, Report), Refused> {
    let mut reader = Reader::new(Players::default(), LIMITS);
    for chunk in body.chunks(piece) {
        reader.feed(chunk)?;
    }
    reader.finish()
}

/// Every entry is found, has what its players bring, and its rank and payout are those of a plain count.
fn holds(definition: Definition) {
    let quantum = Points(100);
    let mut board = Board::new(definition.into(), quantum);
    let players = board.players().len();
    for (place, hundredths) in SOME.iter().cycle().take(2 * players).enumerate() {
        board.set(PlayerIndex((place % players) as u16), Points(hundredths * quantum.0));
    }
    let definition = board.definition().clone();
    let entries: Vec<EntryIndex> = definition.entries().collect();
    let points: Vec<Points> = entries.iter().map(|entry| board.points(*entry)).collect();
    let mut paid = 0;
    for (entry, points_of_it) in entries.iter().zip(&points) {
        assert_eq!(definition.find(definition.entry_id(*entry).as_str()), Some(*entry));
        assert!(!definition.entry_name(*entry).is_empty());
        let sum = board.roster(*entry).fold(Points::ZERO, |sum, (_, _, points)| sum + points);
        assert_eq!(sum, *points_of_it);
        let standing = board.standings().of(*entry);
        let above = points.iter().filter(|other| *other > points_of_it).count();
        let tied = points.iter().filter(|other| *other == points_of_it).count();
        assert_eq!((standing.rank as usize, standing.tied as usize), (above + 1, tied));
        let share = standing.payout;
        assert_eq!(share.each.0 * i64::from(share.tied) + share.rest.0, share.sum.0);
        paid += share.each.0;
    }
    let all = definition.payouts().sum_to(entries.len() as u32).0;
    assert!(paid <= all && all - paid < entries.len() as i64, "{paid} of {all}");
}

/// Points in hundredths, up and down.
const SOME: [i64; 7] = [0, 1_250, -100, 4, 3_002, 610, 1_250];
