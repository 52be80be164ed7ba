use super::*;
use std::sync::Arc;

const LIMITS: BoardLimits = BoardLimits {
    games_max: 3,
    batch_wait: Duration::from_secs(600),
};
/// So long that who waits it out has failed.
const LONG: Duration = Duration::from_secs(600);

fn board(limits: BoardLimits) -> Board {
    Board::new(limits, BoardMetrics::new())
}

fn offer(board: &Board, game: &str, ingest: i64) -> Offered {
    board.offer(&GameId::new(game).unwrap(), News::Play, IngestTime(ingest), None)
}

fn games(taken: &[Notice]) -> Vec<(&str, i64)> {
    taken.iter().map(|notice| (notice.game.as_str(), notice.ingest.0)).collect()
}

#[test]
fn a_newer_notice_takes_the_place_of_the_older_and_keeps_its_turn() {
    let board = board(LIMITS);
    let offered = [("a", 1), ("b", 2), ("a", 3)].map(|(game, ingest)| offer(&board, game, ingest));
    assert_eq!(offered, [Offered::Added, Offered::Added, Offered::Replaced]);
    let mut taken = Vec::new();
    assert_eq!(board.take(&mut taken, LONG), Taken::News);
    assert_eq!(games(&taken), [("a", 3), ("b", 2)]);
    assert_eq!(offer(&board, "a", 4), Offered::Added, "what was taken waits no more");
}

#[test]
fn a_full_board_refuses_other_games_and_takes_those_that_wait() {
    let board = board(LIMITS);
    for (nth, game) in (0..).zip(["a", "b", "c"]) {
        assert_eq!(offer(&board, game, nth), Offered::Added);
    }
    assert_eq!(offer(&board, "d", 3), Offered::Refused);
    assert_eq!(offer(&board, "c", 4), Offered::Replaced);
    let mut taken = Vec::new();
    board.take(&mut taken, LONG);
    assert_eq!(games(&taken), [("a", 0), ("b", 1), ("c", 4)]);
    assert_eq!(offer(&board, "d", 5), Offered::Added);
}

#[test]
fn games_that_come_one_at_a_time_are_not_waited_for() {
    let board = board(LIMITS);
    let mut taken = Vec::new();
    for nth in 0..5 {
        offer(&board, "a", nth);
        assert_eq!(board.take(&mut taken, LONG), Taken::News);
    }
    assert_eq!(board.take(&mut taken, Duration::ZERO), Taken::Nothing);
    assert_eq!(games(&taken), []);
}

#[test]
fn where_several_came_at_once_as_many_are_waited_for() {
    let board = Arc::new(board(LIMITS));
    let mut taken = Vec::new();
    for game in ["a", "b"] {
        offer(&board, game, 1);
    }
    board.take(&mut taken, LONG);
    offer(&board, "a", 2);
    board.ring();
    let late = {
        let board = board.clone();
        std::thread::spawn(move || {
            offer(&board, "b", 3);
            board.ring();
        })
    };
    // `batch_wait` is longer than any test: only the second game ends the wait.
    assert_eq!(board.take(&mut taken, LONG), Taken::News);
    late.join().unwrap();
    assert_eq!(games(&taken), [("a", 2), ("b", 3)]);
}

#[test]
fn who_does_not_come_is_waited_for_no_longer_than_may_be() {
    let board = board(BoardLimits {
        batch_wait: Duration::from_micros(1),
        ..LIMITS
    });
    let mut taken = Vec::new();
    for game in ["a", "b"] {
        offer(&board, game, 1);
    }
    board.take(&mut taken, LONG);
    offer(&board, "a", 2);
    assert_eq!(board.take(&mut taken, LONG), Taken::News);
    assert_eq!(games(&taken), [("a", 2)]);
}

#[test]
fn a_closed_board_gives_what_it_has_and_lets_nobody_wait() {
    let board = Arc::new(board(LIMITS));
    let waiting = {
        let board = board.clone();
        std::thread::spawn(move || board.take(&mut Vec::new(), LONG))
    };
    board.close();
    assert_eq!(waiting.join().unwrap(), Taken::Closed);
    offer(&board, "a", 1);
    assert_eq!(board.take(&mut Vec::new(), LONG), Taken::News);
    assert_eq!(board.take(&mut Vec::new(), LONG), Taken::Closed);
}

#[test]
fn nothing_gets_lost_between_who_leaves_and_who_takes() {
    let board = Arc::new(board(BoardLimits {
        games_max: 100,
        batch_wait: Duration::from_micros(100),
    }));
    const ROUNDS: i64 = 2_000;
    let owners: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|game| {
            let board = board.clone();
            std::thread::spawn(move || {
                for nth in 1..=ROUNDS {
                    assert_ne!(offer(&board, game, nth), Offered::Refused);
                    board.ring();
                }
            })
        })
        .collect();
    let mut last = std::collections::BTreeMap::new();
    let mut taken = Vec::new();
    while last.len() < 3 || last.values().any(|ingest| *ingest < ROUNDS) {
        assert_eq!(board.take(&mut taken, LONG), Taken::News);
        for notice in &taken {
            let before = last.insert(notice.game.clone(), notice.ingest.0);
            assert!(before.is_none_or(|before| before < notice.ingest.0), "a newer one came before");
        }
    }
    owners.into_iter().for_each(|owner| owner.join().unwrap());
}
