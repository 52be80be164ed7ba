//! A game's players at a moment.

use super::{Cause, Forecaster, PLAYERS_MAX, Place};
use crate::model::prediction::{Forecast, PlayerForecast, Prediction, Source};
use crate::model::{GameLines, PlayerId, Points, Probability, Side, StatLine, StateTime, Team};
use crate::predict::points::calendar::When;
use crate::predict::points::features::{self, AtEnd, Form};
use crate::predict::points::line::Line;
use crate::predict::points::moment::Moment;
use crate::predict::points::past::{NEAR, Past, PastGame};
use crate::predict::points::pick::{Arm, Pick};
use crate::predict::points::projections::{Expected, GameProjection};
use crate::predict::points::rules::{Rules, as_points, to_points};
use crate::predict::points::task::Task;
use std::collections::HashSet;

/// How long a forecast is worth something if nothing happens: longer than any break.
const EXPIRES_US: i64 = 3_600_000_000;
/// A player without a line is forecast where his last game was among so many of his club's.
const SQUAD_GAMES: usize = 4;
/// The interval holds four of five.
const INTERVAL: u16 = 8_000;
/// So many standard deviations from the middle hold four of five of what is normally distributed.
pub(super) const SPREAD: f64 = 1.2816;
/// Nobody has more points, and no answer that says so is believed.
const POINTS_ABS_MAX: f64 = 1_000.0;

/// A player who is forecast.
struct Candidate<'a> {
    player: PlayerId,
    side: Side,
    /// So far, as the ruleset pays him.
    points: Points,
    /// Whether it pays him like everybody else.
    is_common: bool,
    now: Line,
    ends: [Line; 3],
    past: Vec<&'a PastGame>,
}

/// What both arms say of a player's points at the end.
#[derive(Clone, Copy)]
pub(super) struct Arms {
    pub(super) model: Option<[f64; 3]>,
    pub(super) baseline: [f64; 3],
}

impl Forecaster {
    /// Players' points at the end, as of this moment; no frame where there are no players.
    pub(super) fn forecast(&mut self, lines: &GameLines, place: &Place, cause: Cause) -> Option<Prediction> {
        let moment = Moment::of(lines.status, lines.clock, lines.score);
        let scene = Scene {
            past: &self.past,
            rules: &self.rules,
            lines,
            when: place.0,
            clubs: &place.1,
            moment,
        };
        let mut candidates = scene.candidates();
        candidates.sort_by(|a, b| (b.points, &a.player).cmp(&(a.points, &b.player)));
        candidates.truncate(PLAYERS_MAX);

        let mut answers: Option<(Source, Vec<[f64; 3]>)> = None;
        if self.rules.fits(&self.models.ranges(Task::Points)) {
            let told = self.models.run(Task::Points, &scene.rows(&candidates));
            answers = told.map(|(who, told)| (who, mix(&told, moment, candidates.len())));
        }
        let arms: Vec<Arms> = candidates
            .iter()
            .enumerate()
            .map(|(place, candidate)| scene.arms(candidate, answers.as_ref().map(|(_, answers)| &answers[place])))
            .collect();
        let pick = self.picks.get(usize::from(moment.quarter));
        let leader = pick.map_or(Arm::Model, Pick::leader);
        // Whose word at least one player's forecast is.
        let is_models = leader == Arm::Model && arms.iter().any(|arms| arms.model.is_some());
        let source = answers.filter(|_| is_models).map_or(Source::Historical, |(who, _)| who);
        let told: Vec<(PlayerForecast, GameProjection)> = candidates
            .iter()
            .zip(&arms)
            .map(|(candidate, arms)| told(candidate, arms, leader, &source, lines, moment, cause))
            .collect();
        let both = candidates
            .iter()
            .zip(&arms)
            .map(|(candidate, arms)| (candidate.player.clone(), *arms));
        let both: Vec<_> = both.collect();
        drop(candidates);
        self.remember(&lines.head.game, moment, both);
        let (mut players, projections): (Vec<_>, Vec<_>) = told.into_iter().unzip();
        let projections = players.iter().map(|one: &PlayerForecast| one.player.clone()).zip(projections);
        self.counts.left_out += self.table.set_game(&lines.head.game, projections.collect());
        players.sort_by(|a, b| (b.points, &a.player).cmp(&(a.points, &b.player)));
        (!players.is_empty()).then(|| Prediction {
            head: lines.head.clone(),
            after_play: lines.last_play.clone(),
            forecast: Forecast::Points {
                ruleset: self.table.ruleset().clone(),
                players,
            },
            confidence: Probability::new(INTERVAL).expect("a part of the whole"),
            source,
            expires_us: cause.now.wall_us.saturating_add(EXPIRES_US),
            feed_ts: cause.feed_ts,
            ingest: cause.ingest,
            made: StateTime(cause.now.steady_us),
        })
    }
}

/// A game at a moment, with what is known beside it.
struct Scene<'a> {
    past: &'a Past,
    rules: &'a Rules,
    lines: &'a GameLines,
    when: When,
    /// Home first.
    clubs: &'a [Team; 2],
    moment: Moment,
}

impl<'a> Scene<'a> {
    /// Players with a line that models know of and, until the end, those who played for a club lately.
    fn candidates(&self) -> Vec<Candidate<'a>> {
        let (lines, when) = (self.lines, self.when);
        let mut candidates = Vec::with_capacity(lines.players.len());
        for player in &lines.players {
            let (now, Some(side)) = (Line::of(&player.now), player.side) else {
                continue;
            };
            if now.is_zero() {
                continue;
            }
            let card = &player.who.card;
            let position = card.position.as_deref();
            candidates.push(Candidate {
                player: card.player.clone(),
                side,
                points: self.rules.score(&player.now, &card.player, position),
                is_common: self.rules.is_common(&card.player, position),
                now,
                ends: player.ends.each_ref().map(Line::of),
                past: self.past.of(&card.player, when),
            });
        }
        if self.moment == Moment::END {
            return candidates;
        }
        let has_line: HashSet<PlayerId> = candidates.iter().map(|candidate| candidate.player.clone()).collect();
        for side in [Side::Home, Side::Away] {
            let squad = self.past.squad(&self.clubs[side.index()], when, SQUAD_GAMES);
            for player in squad.into_iter().filter(|player| !has_line.contains(*player)) {
                // A kicker or a defender may have points of another kind already.
                let here = lines.players.iter().find(|here| here.who.card.player == *player);
                let position = here.and_then(|here| here.who.card.position.as_deref());
                let so_far = here.map_or(StatLine::ZERO, |here| here.now);
                candidates.push(Candidate {
                    player: player.clone(),
                    side,
                    points: self.rules.score(&so_far, player, position),
                    is_common: self.rules.is_common(player, position),
                    now: Line::default(),
                    ends: Default::default(),
                    past: self.past.of(player, when),
                });
            }
        }
        candidates
    }

    /// Rows of features: of all candidates for one quarter's end, then for the next.
    fn rows(&self, candidates: &[Candidate<'_>]) -> Vec<f32> {
        let lines = self.lines;
        let mut club_lines = [Line::default(); 2];
        for player in &lines.players {
            if let Some(side) = player.side {
                club_lines[side.index()].add(&Line::of(&player.now));
            }
        }
        let score = lines.score.unwrap_or_default();
        let mut rows = Vec::with_capacity(2 * candidates.len() * features::FEATURES);
        for (quarter, _) in self.moment.asked() {
            for candidate in candidates {
                let (own, other) = (candidate.side.index(), candidate.side.opponent().index());
                let at = AtEnd {
                    quarter,
                    when: self.when,
                    club: &self.clubs[own],
                    at_home: candidate.side == Side::Home,
                    line: candidate.now,
                    before: match quarter {
                        0 | 1 => Line::default(),
                        later => candidate.ends[usize::from(later) - 2],
                    },
                    club_line: club_lines[own],
                    score: [score[own], score[other]],
                    past: &candidate.past,
                };
                features::put(&at, self.rules, &mut rows);
            }
        }
        rows
    }

    fn arms(&self, candidate: &Candidate<'_>, remaining: Option<&[f64; 3]>) -> Arms {
        let points = as_points(candidate.points);
        if self.moment == Moment::END {
            return Arms {
                model: None,
                baseline: [points; 3],
            };
        }
        let form = Form::of(&candidate.past, self.rules);
        let left = self.moment.overtime();
        if left > 0.0 {
            // Two of three bring nothing in it, and hardly anybody loses: the points are the middle and the low end.
            let more = form.mean(NEAR) * left + SPREAD * form.deviation() * left.sqrt();
            return Arms {
                model: None,
                baseline: [points, points, points + more.max(0.0)],
            };
        }
        let left = 1.0 - self.moment.progress();
        let (middle, spread) = (points + form.mean(NEAR) * left, SPREAD * form.deviation() * left.sqrt());
        let believed = |remaining: &&[f64; 3]| candidate.is_common && remaining.iter().all(|points| points.abs() <= POINTS_ABS_MAX);
        Arms {
            model: remaining.filter(believed).map(|remaining| remaining.map(|more| points + more)),
            baseline: [middle, middle - spread, middle + spread],
        }
    }
}

/// What is still to come, from the answers for the quarters' ends around the moment.
fn mix(told: &[f32], moment: Moment, players: usize) -> Vec<[f64; 3]> {
    let width = Task::Points.width();
    let mut mixed = vec![[0.0; 3]; players];
    for ((_, weight), answers) in moment.asked().zip(told.chunks(players.max(1) * width)) {
        for (sum, answer) in mixed.iter_mut().zip(answers.chunks_exact(width)) {
            for (sum, value) in sum.iter_mut().zip(answer) {
                *sum += weight * f64::from(*value);
            }
        }
    }
    mixed
}

/// A player's part of the frame, and of the table.
fn told(
    candidate: &Candidate<'_>,
    arms: &Arms,
    leader: Arm,
    source: &Source,
    lines: &GameLines,
    moment: Moment,
    cause: Cause,
) -> (PlayerForecast, GameProjection) {
    let model = arms.model.filter(|_| leader == Arm::Model);
    let expected = match moment {
        // To the last digit.
        Moment::END => Expected {
            points: candidate.points,
            low: candidate.points,
            high: candidate.points,
        },
        _ => expected(model.unwrap_or(arms.baseline)),
    };
    let projection = GameProjection {
        game: lines.head.game.clone(),
        kickoff_us: lines.head.kickoff.unwrap_or_default(),
        side: candidate.side,
        points: candidate.points,
        projected: expected,
        progress: Probability::new((moment.progress() * f64::from(Probability::SCALE)).round() as u16).unwrap_or_default(),
        source: if model.is_some() { source.clone() } else { Source::Historical },
        computed_us: cause.now.wall_us,
    };
    let forecast = PlayerForecast {
        player: candidate.player.clone(),
        points: expected.points,
        low: expected.low,
        high: expected.high,
    };
    (forecast, projection)
}

/// Middle, low and high end as points, in that order of size.
pub(super) fn expected([middle, low, high]: [f64; 3]) -> Expected {
    let points = to_points(middle);
    Expected {
        points,
        low: to_points(low).min(points),
        high: to_points(high).max(points),
    }
}
