//! Every metric moves: of each row of the table some test here or elsewhere makes the page show something else.
//!
//! A page belongs to a process, so the proof is a process: this binary runs the tests named below once more,
//! looks at the pages of their servers all along ([`crate::support::moved`]), and holds what moved against the table.

mod driven;

use crate::hostile::binary::Folder;
use crate::repository::{assert_none, read};
use crate::support::moved::FILE;
use scorewire::telemetry::METRICS;
use std::collections::BTreeSet;
use std::process::Command;

/// The tests whose servers are watched.
const MOVERS: &[&str] = &[
    "auth::doors::a_key_opens_the_doors_of_its_scope_and_no_others",
    "auth::origins::pages_of_other_origins_may_not_connect_unless_they_are_listed",
    "auth::rotation::keys_are_read_again_when_their_file_changes",
    "bad_models::files_that_are_no_use_and_answers_that_are_no_numbers_leave_history",
    "cluster::another_engine_takes_over_from_one_that_was_killed_or_held_up",
    "cluster::clients_stay_while_redis_is_away_and_are_told_so",
    "cluster_base::games_that_are_over_for_long_go_everywhere",
    "cluster_feeds::what_waits_in_redis_is_seen",
    "cluster_feeds::lines_that_say_nothing_are_counted_and_named_and_cost_no_other_line",
    "cluster_predictions::what_somebody_else_publishes_is_not_shown",
    "compression::compressed_or_not_everyone_is_told_the_same",
    "contests::lost_news_is_made_up_for",
    "disk::a_full_disk_costs_subscribers_nothing_and_heals",
    "lineups::a_lineup_that_nobody_wants_makes_room",
    "lineups::both_codings_event_streams_and_plain_requests_show_the_same_lineup",
    "limits::subscriptions_beyond_the_limit_are_counted",
    "limits::what_is_given_up_is_counted",
    "limits_admission::who_asks_when_to_come_is_told",
    "limits_feeds::why_a_feeds_socket_ends_is_counted",
    "memory::at_the_limit_what_is_shed_keeps_the_process_going_and_everybody_right",
    "moved::driven::a_drain_is_seen_by_operators",
    "moved::driven::games_that_are_let_go_of_are_seen",
    "moved::driven::queues_that_fill_are_seen",
    "moved::driven::what_a_feed_says_is_seen",
    "optimize_http::lineups_come_from_a_sites_file_and_from_players_as_json_alike",
    "optimize_http::more_than_can_wait_are_turned_away_and_scores_go_on",
    "nodes::clients_are_sent_to_nodes_that_are_there",
    "predictions::a_snap_is_predicted_and_judged_by_the_play",
    "predictions::the_shipped_models_predict",
    "projections::points_are_projected_while_a_game_goes_on_and_are_exact_at_its_end",
    "stalled::a_client_that_never_reads_is_closed_and_others_notice_nothing",
    "tier_cache::an_answer_is_kept_in_memory_in_redis_and_on_disk",
    "tiers::what_an_edge_has_no_models_for_an_engine_answers",
    "tls::handshakes_over_the_limit_are_hung_up_on_unheard",
    "tls_reload::a_new_certificate_is_shown_and_nobody_is_cut",
    "traces::a_collector_that_is_away_slow_or_cross_costs_nobody_anything",
    "traces::an_event_is_one_trace_from_the_feed_to_the_socket",
    "traces::what_there_is_no_room_for_is_left_out_and_counted",
    "two_feeds::a_silent_feed_is_noticed_filled_and_comes_back",
];

/// Metrics that no server here moves, each with the unit tests of what it shows (file, and the count that they
/// look at).
const COUNTED: &[(&str, &str, &str)] = &[
    ("scorewire_model_returns_total", "src/predict/registry/duel.rs", "Lost"),
    ("scorewire_points_left_out_total", "src/predict/points/tests/tables.rs", "left_out"),
    (
        "scorewire_prediction_games_refused_total",
        "src/predict/predictor/tests/places.rs",
        "crowded",
    ),
    ("scorewire_uring_failures_total", "src/fanout/sockets/tests.rs", "world.failures()"),
];

/// Metrics that no test moves on a machine without a GPU.
const OF_A_GPU: [&str; 2] = ["scorewire_gpu_memory_used_bytes", "scorewire_gpu_use_ratio"];

#[test]
fn every_metric_is_moved_by_some_test() {
    let folder = Folder::new("moved");
    let file = folder.path().join("moved");
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.arg("--exact").args(MOVERS).env(FILE, &file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let ran = format!("{} passed", MOVERS.len());
    assert!(said.contains(&ran), "a test that is named here is gone:\n{said}");
    let moved: BTreeSet<String> = std::fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
    let has_moved = |name: &str| ["", "_sum", "_count"].iter().any(|end| moved.contains(&format!("{name}{end}")));
    let mut problems = Vec::new();
    for (name, path, count) in COUNTED {
        if !read(path).contains(count) {
            problems.push(format!("{path} does not look at {count}, which {name} shows"));
        }
    }
    let is_left_to_others = |name: &str| COUNTED.iter().any(|(of, ..)| *of == name) || OF_A_GPU.contains(&name);
    for metric in METRICS {
        if !has_moved(metric.name) && !is_left_to_others(metric.name) {
            problems.push(format!("{} did not move", metric.name));
        }
    }
    assert_none(&problems, "Name a test in MOVERS that moves it, or write one in driven.rs.");
}
