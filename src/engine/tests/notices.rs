//! What the predictor hears of, and what it does not.

use super::*;
use crate::engine::{Engine, Owners};
use crate::predict::board::{Board, BoardLimits, News, Notice, Taken};
use crate::telemetry::BoardMetrics;
use std::time::Duration;

fn board() -> Arc<Board> {
    let limits = BoardLimits {
        games_max: 10,
        batch_wait: Duration::ZERO,
    };
    Arc::new(Board::new(limits, BoardMetrics::new()))
}

/// The notices that wait.
fn taken(board: &Board) -> Vec<(String, News)> {
    let mut notices = Vec::new();
    board.take(&mut notices, Duration::ZERO);
    notices
        .into_iter()
        .map(|notice: Notice| (notice.game.to_string(), notice.news))
        .collect()
}

fn status(game: &str, rev: u64, status: &str) -> Event {
    event(&format!(
        r#"{{"type":"game","game":"{game}","rev":{rev},"status":"{status}","home":"AAA","away":"BBB"}}"#
    ))
}

#[test]
fn what_moves_a_game_is_told_and_what_does_not_is_not() {
    let board = board();
    let shared = shared(LIMITS).notified(board.clone());
    let snap = event(r#"{"type":"situation","game":"g","after_play":"1","down":1,"distance":10,"possession":"AAA"}"#);
    let retract = event(r#"{"type":"retract","game":"g","play":"1","rev":3}"#);
    let players = event(r#"{"type":"players","players":[{"player":"passer","position":"QB"}]}"#);
    let told = [
        (status("g", 1, "live"), Some(News::Status)),
        (catch("g", "1", 1, 10), Some(News::Play)),
        (snap.clone(), Some(News::Snap)),
        (snap, None),
        (players, None),
        (catch("g", "1", 2, 12), Some(News::Correction)),
        (catch("g", "1", 2, 12), None),
        (retract, Some(News::Retraction)),
    ];
    for (event, news) in told {
        shared.apply(event.clone(), NOW, AT);
        let expected: Vec<_> = news.into_iter().map(|news| ("g".to_owned(), news)).collect();
        assert_eq!(taken(&board), expected, "{event:?}");
    }
    assert!(shared.expire(&GameId::new("g").unwrap()));
    assert_eq!(taken(&board), [("g".to_owned(), News::Gone)]);
    assert_eq!(shared.recap(&GameId::new("g").unwrap()), None);
}

#[test]
fn of_what_was_there_at_the_start_games_under_way_are_told_once() {
    let shared = shared(LIMITS);
    apply_all(
        &shared,
        &[
            status("before", 1, "scheduled"),
            status("over", 1, "final"),
            status("on", 1, "live"),
            catch("on", "1", 1, 10),
        ],
    );
    let board = board();
    let _shared = shared.notified(board.clone());
    assert_eq!(taken(&board), [("on".to_owned(), News::Found)]);
}

#[tokio::test]
async fn owners_wake_who_waits() {
    let board = board();
    let engine = Engine::new(Owners::start(Arc::new(shared(LIMITS).notified(board.clone()))));
    let waiting = {
        let board = board.clone();
        std::thread::spawn(move || {
            let mut notices = Vec::new();
            let taken = board.take(&mut notices, Duration::from_secs(600));
            (taken, notices)
        })
    };
    engine.submit(vec![(0, catch("g", "1", 1, 10))], NOW).await.unwrap();
    let (taken, notices) = tokio::task::spawn_blocking(|| waiting.join().unwrap()).await.unwrap();
    assert_eq!((taken, notices.len(), notices[0].ingest), (Taken::News, 1, NOW));
}
