//! Players, positions and teams.

use super::harness::Harness;
use super::{game, play, player, retract, team};
use crate::model::{Event, GameStatus::Live, PlayerInfo};
use crate::scoring::file::RulesetFile;
use crate::state::Cards;
use std::sync::Arc;

fn info(id: &str, name: Option<&str>, position: Option<&str>) -> PlayerInfo {
    PlayerInfo {
        player: player(id),
        name: name.map(str::to_owned),
        team: None,
        position: position.map(Into::into),
    }
}

/// Tight ends get half a point more a catch.
fn premium() -> crate::scoring::Ruleset {
    let text = "title = \"Premium\"\ndescription = \"d\"\n[weights]\nreceptions = 1\n[positions.TE.weights]\nreceptions = 1.5\n";
    let file = RulesetFile::parse("premium.toml", text).unwrap();
    crate::scoring::compile::compile("premium.toml", "premium", &file).unwrap()
}

#[test]
fn a_position_that_changes_moves_the_points_that_go_by_it() {
    let mut harness = Harness::of(&[play("1", 1, &[("p-0", "AAA", 21, 10), ("p-1", "AAA", 79, 0)])]);
    let change = harness
        .introduce(&[info("p-0", None, Some("TE")), info("p-0", None, Some("TE"))])
        .unwrap();
    let [moved] = &change.moves[..] else { panic!("{change:?}") };
    let rules = premium();
    let worth = |card: &crate::model::PlayerCard| rules.score(&moved.after(), rules.position_of(&card.player, card.position.as_deref()));
    assert_eq!(
        (worth(&moved.who_before().card).to_string(), worth(&moved.who.card).to_string()),
        ("1".into(), "1.5".into())
    );
    assert!(
        harness.introduce(&[info("p-0", Some("A Name"), Some("TE"))]).is_none(),
        "a name moves nothing"
    );
    assert_eq!(harness.game.player(&player("p-0")).unwrap().who.card.name, "A Name");
    assert!(
        harness
            .introduce(&[info("p-1", None, Some("LB")), info("p-9", None, Some("QB"))])
            .is_none(),
        "nothing of theirs can have moved"
    );
    assert_eq!(harness.cards.len(), 3);
}

#[test]
fn a_list_that_says_nothing_new_replaces_nobody() {
    let cards = Cards::new(10);
    let here = || {
        let card = cards.search("p-0", 1).remove(0);
        (card, cards.member(&player("p-0"), &team("AAA")))
    };
    assert!(cards.put(&info("p-0", Some("A Name"), Some("TE"))));
    let (card, member) = here();
    for again in [
        info("p-0", Some("A Name"), Some("TE")),
        info("p-0", Some("A Name"), None),
        info("p-0", None, None),
    ] {
        assert!(cards.put(&again));
        let (same_card, same_member) = here();
        assert!(Arc::ptr_eq(&card, &same_card) && Arc::ptr_eq(&member, &same_member), "{again:?}");
    }
    let transferred = PlayerInfo {
        team: Some(team("BBB")),
        ..info("p-0", None, None)
    };
    let news = [info("p-0", Some("Another"), None), info("p-0", None, Some("WR")), transferred];
    let told = news.map(|news| {
        assert!(cards.put(&news));
        here()
    });
    for ((old_card, old_member), (new_card, new_member)) in std::iter::once(&(card, member)).chain(&told).zip(&told) {
        assert!(!Arc::ptr_eq(old_card, new_card) && !Arc::ptr_eq(old_member, new_member));
        assert!(Arc::ptr_eq(new_card, &new_member.card));
    }
}

fn defences(harness: &Harness) -> Vec<&str> {
    let listed = harness
        .game
        .players()
        .iter()
        .filter(|slot| slot.is_listed() && slot.who.card.player.is_dst());
    let mut ids: Vec<&str> = listed.map(|slot| slot.who.card.player.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_team_that_was_a_mistake_leaves_no_defence_behind() {
    let mut harness = Harness::of(&[play("1", 1, &[("p-0", "AAA", 10, 3), ("p-1", "BBB", 79, 0), ("p-2", "CCC", 79, 0)])]);
    assert_eq!(defences(&harness), ["dst:AAA", "dst:BBB", "dst:CCC"]);
    harness.take(&play("1", 2, &[("p-0", "AAA", 10, 3), ("p-1", "BBB", 79, 0)]));
    assert_eq!(defences(&harness), ["dst:AAA", "dst:BBB"]);
    assert_eq!(harness.points("dst:CCC", "draftkings"), "0", "it has held nobody to nothing");
    harness.take(&game(1, Live, None));
    harness.take(&retract("1", 3));
    assert_eq!(defences(&harness), ["dst:AAA", "dst:BBB"], "both that were announced");
}

#[test]
fn teams_announced_wrong_are_put_right() {
    let Event::Game(mut wrong) = game(1, Live, None) else {
        unreachable!()
    };
    wrong.away = team("CCC");
    let mut harness = Harness::of(&[Event::Game(wrong), play("1", 1, &[("p-0", "AAA", 11, 3)])]);
    assert_eq!(harness.points("dst:CCC", "draftkings"), "7");
    harness.take(&game(2, Live, None));
    assert_eq!(defences(&harness), ["dst:AAA", "dst:BBB"]);
    assert_eq!(
        (harness.points("dst:CCC", "draftkings"), harness.points("dst:BBB", "draftkings")),
        ("0".into(), "7".into())
    );
}

#[test]
fn a_player_plays_for_the_team_that_most_records_say() {
    let mut harness = Harness::of(&[
        play("1", 1, &[("p-0", "BBB", 10, 3), ("p-0", "BBB", 79, 0)]),
        play("2", 1, &[("p-0", "AAA", 10, 3)]),
    ]);
    let of = |harness: &Harness| harness.game.player(&player("p-0")).unwrap().who.team.to_string();
    assert_eq!(of(&harness), "BBB");
    // The totals stay the same, the team does not, so there is something to see.
    let change = harness
        .take(&play("1", 2, &[("p-0", "AAA", 10, 3), ("p-0", "BBB", 79, 0)]))
        .unwrap();
    assert_eq!(of(&harness), "AAA");
    let moved = change.moves.iter().find(|moved| moved.who.card.player == player("p-0")).unwrap();
    assert!(moved.delta.is_empty() && moved.who.team == team("AAA"));
}

#[test]
fn a_game_has_room_for_so_many_players_and_teams_and_known_ones_always_fit() {
    let harness = Harness::of(&[play("1", 1, &[("p-0", "AAA", 10, 3), ("p-1", "BBB", 79, 0)])]);
    let fits = |records: &[super::Record<'_>], players_max| {
        let stats: Vec<_> = records.iter().map(super::record).collect();
        harness.game.has_room_for(&stats, players_max)
    };
    // Two players are in; sixteen places are kept for defences.
    assert!(fits(&[("p-0", "AAA", 10, 1), ("p-1", "BBB", 10, 1)], 0));
    assert!(!fits(&[("p-2", "AAA", 10, 1)], 18));
    assert!(fits(&[("p-2", "AAA", 10, 1), ("p-2", "AAA", 10, 1), ("p-0", "AAA", 10, 1)], 19));
    let teams: Vec<String> = (0..7).map(|n| format!("T{n}")).collect();
    let records: Vec<super::Record<'_>> = teams.iter().map(|of| ("-", of.as_str(), 79, 0)).collect();
    assert!(fits(&records[..6], 100) && !fits(&records, 100));
}

#[test]
fn the_directory_is_bounded_and_known_players_are_still_updated() {
    let cards = Cards::new(2);
    assert!(cards.put(&info("p-0", Some("One"), Some("QB"))) && cards.put(&info("p-1", None, None)));
    assert!(!cards.put(&info("p-2", Some("Three"), None)));
    assert!(cards.put(&info("p-0", Some("Uno"), None)));
    let card_of = |id| cards.member(&player(id), &team("AAA")).card.clone();
    let card = card_of("p-0");
    assert_eq!((card.name.as_str(), card.position.as_deref(), cards.len()), ("Uno", Some("QB"), 2));
    assert_eq!(card_of("p-2").name, "p-2");
    assert_eq!(cards.search("uno", 5).len(), 1);
}

#[test]
fn games_share_a_member_who_stays_with_a_team() {
    let cards = Cards::new(2);
    let member = |id, of| cards.member(&player(id), &team(of));
    let unnamed = member("p-0", "AAA");
    assert!(Arc::ptr_eq(&unnamed, &member("p-0", "AAA")));
    assert!(cards.put(&info("p-0", Some("One"), None)));
    let named = member("p-0", "AAA");
    assert_eq!((unnamed.card.name.as_str(), named.card.name.as_str()), ("p-0", "One"));
    assert!(Arc::ptr_eq(&named, &member("p-0", "AAA")));
    let transferred = member("p-0", "BBB");
    assert!(transferred.team == team("BBB") && Arc::ptr_eq(&transferred.card, &named.card));
    // Beyond the bound there are members all the same, each game's own.
    assert!(Arc::ptr_eq(&member("p-1", "AAA"), &member("p-1", "AAA")));
    assert!(!Arc::ptr_eq(&member("p-2", "AAA"), &member("p-2", "AAA")));
    assert_eq!(cards.member_count(), 2);
}
