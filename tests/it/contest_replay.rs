//! A contest of 100,000 entries over a recorded week, followed play by play: its final ranks are those that the site's own
//! points give.

use super::support::events::recorded;
use super::support::recorded::{Row, data, known, table, who};
use super::world::engine_limits;
use scorewire::contest::generate::{Choice, Slate};
use scorewire::contest::{Board, Definition, EntryIndex, Payouts, Slot, Standings, Terms};
use scorewire::engine::Shared;
use scorewire::fanout::encode::points;
use scorewire::model::{ContestId, Event, GameId, IngestTime, Multiplier, PlayerId, Points, StateTime};
use scorewire::scoring::{Ruleset, Rulesets};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const ENTRIES: usize = 100_000;
const SLOTS: [&str; 9] = ["QB", "RB", "RB", "WR", "WR", "WR", "TE", "FLEX", "DST"];
const PAYOUTS: &str = "1:20000,2:10000,3-10:1000.05,11-100:100,101-1000:20,1001-22000:5.37";

/// The player of a row, as this feed names him.
fn player(row: &Row) -> PlayerId {
    let team = match row["team"].as_str() {
        "JAC" => "JAX",
        "LAR" => "LA",
        other => other,
    };
    let id = if row["pos"] == "DST" {
        format!("dst:{team}")
    } else {
        row["gsis_id"].clone()
    };
    PlayerId::new(&id).unwrap()
}

/// What the site paid for each player; those left out of whom the recording is known to say something else, and those whom
/// the table names without an id.
fn official(folder: &Path, rows: &[Row]) -> BTreeMap<PlayerId, Points> {
    let differs = known(folder, "dk");
    assert_eq!(differs.len(), 1, "the list is short: {differs:?}");
    let has_id = |row: &&Row| row["pos"] == "DST" || !row["gsis_id"].is_empty();
    let rows = rows.iter().filter(|row| has_id(row) && !differs.contains(&who(row)));
    rows.map(|row| (player(row), Points::parse(&row["dk_points"]).unwrap())).collect()
}

/// Salaries as they were; who is dear is wanted, and of each position a few by many.
fn slate(rows: &[Row], official: &BTreeMap<PlayerId, Points>) -> Slate {
    // One has none: he was not to be chosen.
    let salary = |row: &Row| row["dk_salary"].split('.').next().unwrap_or_default().parse::<u32>().ok();
    let is_there = |row: &&Row| (row["pos"] == "DST" || !row["gsis_id"].is_empty()) && official.contains_key(&player(row));
    let mut rows: Vec<(u32, &Row)> = rows.iter().filter(is_there).filter_map(|row| Some((salary(row)?, row))).collect();
    rows.sort_by_key(|(salary, row)| (Reverse(*salary), player(row)));
    let mut places: BTreeMap<String, u32> = BTreeMap::new();
    let mut choices = Vec::new();
    for (salary, row) in rows {
        let place = places.entry(row["pos"].clone()).or_default();
        *place += 1;
        choices.push(Choice {
            player: player(row),
            position: row["pos"].as_str().into(),
            salary,
            weight: 1_000_000 / (*place + 3),
        });
    }
    Slate::new(choices)
}

fn contest(slate: &Slate) -> Definition {
    let slot = |name: &&str| Slot {
        name: (*name).into(),
        multiplier: Multiplier::ONE,
    };
    let terms = Terms {
        id: ContestId::new("week-3").unwrap(),
        name: "Week 3".into(),
        ruleset: "draftkings".into(),
        slots: SLOTS.iter().map(slot).collect(),
        payouts: Payouts::parse(PAYOUTS).unwrap(),
        salary_cap: Some(50_000),
        games_min: 2,
    };
    slate.contest(terms, ENTRIES, 2_017)
}

/// Takes a game's points into the board. How many players moved.
fn follow(board: &mut Board, shared: &Shared, ruleset: &Ruleset, game: &GameId) -> usize {
    let mut moved = 0;
    for slot in shared.game(game).map(|game| game.players).unwrap_or_default() {
        let card = &slot.who.card;
        let Some(index) = board.definition().player(&card.player) else {
            continue;
        };
        let now = points(ruleset, card, &slot.line());
        moved += usize::from(board.player_points(index) != now);
        board.set(index, now);
    }
    moved
}

/// Every entry's rank, tie and payout as sorting by `of` puts them, and that all of the money is paid.
fn check(definition: &Definition, standings: &Standings<'_>, of: impl Fn(&PlayerId) -> Points) {
    let by_number: Vec<Points> = definition.players().iter().map(of).collect();
    let sum = |entry: EntryIndex| -> Points { definition.roster(entry).map(|player| by_number[usize::from(player.0)]).sum() };
    let mut best_first: Vec<(Points, EntryIndex)> = definition.entries().map(|entry| (sum(entry), entry)).collect();
    best_first.sort_unstable_by_key(|(points, entry)| (Reverse(*points), *entry));
    let mut paid = 0;
    for tied in best_first.chunk_by(|one, other| one.0 == other.0) {
        let rank = 1 + best_first.partition_point(|(points, _)| *points > tied[0].0) as u32;
        for (points, entry) in tied {
            let standing = standings.of(*entry);
            assert_eq!(
                (standing.points, standing.rank, standing.tied),
                (*points, rank, tied.len() as u32),
                "{entry:?}"
            );
        }
        let share = standings.of(tied[0].1).payout;
        assert_eq!(share.each.0 * i64::from(share.tied) + share.rest.0, share.sum.0);
        paid += share.sum.0;
    }
    assert_eq!(paid, definition.payouts().sum_to(ENTRIES as u32).0);
    let leaders: Vec<EntryIndex> = best_first.iter().take(10).map(|(_, entry)| *entry).collect();
    assert_eq!(standings.page(1, 10), leaders);
}

#[test]
fn a_contest_over_a_recorded_week_ends_as_the_official_points_rank_it() {
    let Some(folder) = data("dev/2017w03") else { return };
    let rows = table(&folder.join("truth_dk_rotoguru.csv"));
    let official = official(&folder, &rows);
    assert_eq!((rows.len(), official.len()), (428, 375));
    let definition = Arc::new(contest(&slate(&rows, &official)));
    let chosen: BTreeSet<&PlayerId> = definition.players().iter().collect();
    assert!(chosen.len() > 350, "{}", chosen.len());
    let rulesets = Rulesets::embedded();
    let ruleset = rulesets.by_index(rulesets.index("draftkings").unwrap());
    let mut board = Board::new(definition.clone(), Board::quantum(ruleset, definition.slots()));
    let shared = Shared::beside(engine_limits());
    let events = recorded(&folder);
    let (mut moves, mut checks) = (0, 0);
    let every = events.len() / 4;
    for (number, event) in events.into_iter().enumerate() {
        let game = event.game().cloned();
        let scores = matches!(event, Event::Play(_) | Event::Retract(_) | Event::Game(_));
        shared.apply(event, IngestTime(0), StateTime::default());
        if let Some(game) = game.filter(|_| scores) {
            moves += follow(&mut board, &shared, ruleset, &game);
        }
        if number % every == every - 1 {
            let held: Vec<Points> = definition.entries().map(|entry| board.points(entry)).collect();
            assert!(held.iter().any(|points| *points != Points::ZERO));
            let players: BTreeMap<PlayerId, Points> = definition
                .players()
                .iter()
                .map(|id| (id.clone(), board.player_points(definition.player(id).unwrap())))
                .collect();
            check(&definition, &board.standings(), |player| players[player]);
            checks += 1;
        }
    }
    assert!(checks >= 4 && moves > 2_000, "{checks} checks, {moves} moves");
    // Not one of the board's own points from here on.
    check(&definition, &board.standings(), |player| official[player]);
}
