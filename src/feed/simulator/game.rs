//! One game from kickoff to final: clock, drives, downs, score, and the events a feed would send.
//!
//! Owns the state of play and the clock on the wall. A score only moves by
//! [`gsis::scoring_points`] of the records that go out, so the two can't disagree. Bounded by the
//! clock: a game ends after at most one overtime. Reads no time; all of it is counted from kickoff.

use super::coach::{Call, View};
use super::kicks::{self, Kick};
use super::play::{Ball, Draft, End, Field};
use super::rng::Rng;
use super::roster::Roster;
use super::scrimmage::{self, Scramble};
use crate::model::{Clock, Event, GameId, GameStatus, PlayId, PlayKind, gsis};

const SECOND_US: u64 = 1_000_000;
const QUARTER_S: u16 = 900;
const OVERTIME_S: u16 = 600;
const TWO_MINUTES_S: u16 = 120;
/// Fouls that nullify a snap, in 1,000.
const NO_PLAY: u32 = 74;
/// Tries for two, in 1,000, where the score does not call for one.
const TWO_POINT: u32 = 25;

/// An event and when it is due, in microseconds since the slate's first kickoff.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timed {
    /// Since the first kickoff.
    pub(super) due_us: u64,
    /// What is sent.
    pub(super) event: Event,
}

/// What makes a game.
pub(super) struct Setup {
    pub(super) id: GameId,
    /// Home and away.
    pub(super) sides: [Roster; 2],
    /// The slate's first kickoff, microseconds since the Unix epoch.
    pub(super) epoch_us: i64,
    /// This game's kickoff after that.
    pub(super) start_us: u64,
    /// Whether formation is told.
    pub(super) formation: bool,
    pub(super) rng: Rng,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Kickoff { free: bool },
    Scrimmage,
    Try,
    Over,
}

/// A game being played.
pub(super) struct Game {
    pub(super) setup: Setup,
    pub(super) phase: Phase,
    pub(super) quarter: u8,
    pub(super) left: u16,
    pub(super) clock_runs: bool,
    pub(super) warned: bool,
    pub(super) ball: Ball,
    pub(super) score: [u16; 2],
    pub(super) timeouts: [u8; 2],
    pub(super) kicks_second_half: usize,
    pub(super) overtime_drives: u8,
    pub(super) wall_us: u64,
    pub(super) pause_s: u64,
    pub(super) pace_s: i8,
    pub(super) play_number: u64,
    pub(super) last_play: Option<PlayId>,
    pub(super) game_rev: u64,
    pub(super) situation_rev: u64,
    pub(super) out: Vec<Timed>,
}

impl Game {
    /// A game about to kick off.
    pub(super) fn new(mut setup: Setup) -> Game {
        let kicks = setup.rng.below(2) as usize;
        // Kickoffs of one window fall within one second.
        let wall_us = setup.start_us + setup.rng.below(SECOND_US / 2);
        Game {
            phase: Phase::Kickoff { free: false },
            quarter: 1,
            left: QUARTER_S,
            clock_runs: false,
            warned: false,
            ball: Ball::first(kicks, 65),
            score: [0; 2],
            timeouts: [3; 2],
            kicks_second_half: 1 - kicks,
            overtime_drives: 0,
            wall_us,
            pause_s: 0,
            pace_s: setup.rng.between(-5, 5) as i8,
            play_number: 20,
            last_play: None,
            game_rev: 0,
            situation_rev: 0,
            out: Vec::with_capacity(440),
            setup,
        }
    }

    /// The announcement of the game, due before everything else.
    pub(super) fn scheduled(&mut self) -> Event {
        self.game_event(GameStatus::Scheduled, 0)
    }

    /// Plays it out: every event in the order of its due time.
    pub(super) fn play(mut self) -> Vec<Timed> {
        self.status(GameStatus::Live, self.setup.start_us);
        while self.phase != Phase::Over {
            self.step();
        }
        self.status(GameStatus::Final, self.wall_us + 12 * SECOND_US);
        self.out
    }

    fn step(&mut self) {
        if self.phase != Phase::Try {
            if self.left == 0 {
                return self.end_quarter();
            }
            if !self.warned && self.left <= TWO_MINUTES_S && matches!(self.quarter, 2 | 4) {
                self.warned = true;
                self.pause_s += 100;
                return self.marker(Draft::new(PlayKind::Timeout));
            }
        }
        let was_running = self.clock_runs;
        let mut gap_s = self.pause_s + self.setup.rng.between(24, 38) as u64;
        if self.phase == Phase::Scrimmage && was_running {
            if let Some(who) = self.view().timeout(&mut self.setup.rng) {
                return self.timeout(if who == 0 { self.ball.side } else { 1 - self.ball.side });
            }
            let tempo = self.view().tempo(&mut self.setup.rng);
            let warning = !self.warned && matches!(self.quarter, 2 | 4) && self.left - tempo.min(self.left) <= TWO_MINUTES_S;
            if warning || tempo >= self.left {
                let stop = if warning { TWO_MINUTES_S } else { 0 };
                self.wall_us += u64::from(self.left - stop) * SECOND_US;
                self.left = stop;
                self.clock_runs = false;
                return;
            }
            self.left -= tempo;
            gap_s = u64::from(tempo) + self.pause_s;
        }
        if self.last_play.is_none() {
            gap_s = 0;
        }
        self.pause_s = 0;
        self.snap(gap_s, was_running);
    }

    /// One snap: announced, played, sent, applied.
    fn snap(&mut self, gap_s: u64, was_running: bool) {
        let call = match self.phase {
            Phase::Scrimmage => Some(self.view().call(was_running, &mut self.setup.rng)),
            _ => None,
        };
        let situation = self.situation(call);
        let snap_us = self.wall_us + gap_s * SECOND_US + self.setup.rng.below(SECOND_US / 4);
        let announced_us = snap_us.saturating_sub(8 * SECOND_US).max(self.wall_us + 3 * SECOND_US);
        self.announce(situation.clone(), announced_us.min(snap_us));
        let clock = self.clock();
        let draft = self.draft(call);
        self.wall_us = snap_us + u64::from(draft.seconds) * SECOND_US;
        let due_us = self.wall_us + SECOND_US / 4 + self.setup.rng.below(SECOND_US);
        let scored = self.count(&draft);
        self.send(&draft, clock, Some(situation), due_us);
        if scored {
            self.status(GameStatus::Live, due_us);
        }
        self.settle(&draft);
    }

    fn draft(&mut self, call: Option<Call>) -> Draft {
        let two = self.phase == Phase::Try && self.goes_for_two();
        let lead = self.lead();
        let (late, kicker_trails) = (self.quarter == 4 && self.left <= 150, (-16..0).contains(&lead));
        let side = self.ball.side;
        let Setup { sides, rng, .. } = &mut self.setup;
        let mut field = Field {
            offence: &sides[side],
            defence: &sides[1 - side],
            ball: self.ball,
            rng,
        };
        let field = &mut field;
        match (self.phase, call) {
            (Phase::Kickoff { free: true }, _) => kicks::kickoff(field, Kick::Free),
            (Phase::Kickoff { .. }, _) if late && kicker_trails => kicks::kickoff(field, Kick::Onside),
            (Phase::Kickoff { .. }, _) => kicks::kickoff(field, Kick::Deep),
            (Phase::Try, _) if two => kicks::two_point(field),
            (Phase::Try, _) => kicks::extra_point(field),
            (_, Some(Call::Kneel)) => scrimmage::kneel(field),
            (_, Some(Call::Spike)) => scrimmage::spike(field),
            (_, Some(Call::Laterals)) => scrimmage::laterals(field),
            _ if field.rng.permille(NO_PLAY) => scrimmage::no_play(field),
            (_, Some(Call::Punt)) => kicks::punt(field),
            (_, Some(Call::FieldGoal)) => kicks::field_goal(field),
            (_, Some(Call::Pass)) => scrimmage::pass(field),
            _ => scrimmage::run(field, Scramble::No),
        }
    }

    fn goes_for_two(&mut self) -> bool {
        let needed = self.quarter == 4 && matches!(self.lead(), -10 | -5 | -2 | 1 | 5);
        self.setup.rng.permille(if needed { 850 } else { TWO_POINT })
    }

    /// Adds up what the records bring: a safety counts once however many tacklers carry it.
    fn count(&mut self, draft: &Draft) -> bool {
        let before = self.score;
        let mut safety = false;
        for record in &draft.stats {
            if record.stat == gsis::SAFETY && std::mem::replace(&mut safety, true) {
                continue;
            }
            if let Some((points, _)) = gsis::scoring_points(record.stat) {
                let side = usize::from(record.team != self.setup.sides[0].team);
                self.score[side] += points;
            }
        }
        self.score != before
    }

    /// Clock, ball and phase after a play.
    fn settle(&mut self, draft: &Draft) {
        let was = self.phase;
        if was != Phase::Try {
            self.left = self.left.saturating_sub(draft.seconds);
        }
        self.clock_runs = draft.clock_runs;
        let side = self.ball.side;
        match draft.end {
            End::Gain(yards) => {
                let ball = self.ball.moved(yards);
                self.ball = match (ball.distance, ball.down) {
                    (..=0, _) => Ball::first(side, ball.to_goal),
                    (_, 4..) => Ball::first(1 - side, 100 - ball.to_goal),
                    (_, down) => Ball { down: down + 1, ..ball },
                };
            }
            End::Flag { yards, first_down } => {
                let ball = self.ball.moved(yards);
                let first = first_down || ball.distance <= 0;
                self.ball = if first { Ball::first(side, ball.to_goal) } else { ball };
            }
            End::Possession { side, to_goal } => {
                self.phase = Phase::Scrimmage;
                self.ball = Ball::first(side, to_goal);
            }
            End::Touchdown { side } => {
                self.phase = Phase::Try;
                self.ball = Ball::first(side, 15);
                self.pause_s = 25;
            }
            End::Kickoff { by } => {
                self.phase = Phase::Kickoff { free: false };
                self.ball = Ball::first(by, 65);
                self.pause_s = 125;
            }
            End::Safety { by } => {
                self.phase = Phase::Kickoff { free: true };
                self.ball = Ball::first(by, 80);
                self.pause_s = 60;
            }
        }
        let drive_over = was == Phase::Scrimmage && (self.phase != was || self.ball.side != side);
        if drive_over {
            self.clock_runs = false;
            self.pause_s = self.pause_s.max(105);
        }
        self.overtime(drive_over, draft.end);
    }

    /// Overtime: a touchdown or a safety ends it at once, a field goal once both had the ball.
    fn overtime(&mut self, drive_over: bool, end: End) {
        if self.quarter < 5 {
            return;
        }
        self.overtime_drives = self.overtime_drives.saturating_add(u8::from(drive_over));
        let at_once = matches!(end, End::Touchdown { .. } | End::Safety { .. });
        if self.score[0] != self.score[1] && (at_once || self.overtime_drives >= 2) {
            self.phase = Phase::Over;
        }
    }

    fn end_quarter(&mut self) {
        self.marker(Draft::new(PlayKind::Other));
        self.clock_runs = false;
        self.pause_s = 110;
        match self.quarter {
            2 => {
                let due_us = self.wall_us + 2 * SECOND_US;
                self.status(GameStatus::Halftime, due_us);
                self.wall_us += 750 * SECOND_US;
                self.status(GameStatus::Live, self.wall_us);
                self.kick_off(self.kicks_second_half, 3);
            }
            4 if self.score[0] == self.score[1] => {
                let kicks = self.setup.rng.below(2) as usize;
                self.kick_off(kicks, 2);
            }
            4.. => self.phase = Phase::Over,
            _ => {}
        }
        self.quarter += u8::from(self.phase != Phase::Over);
        self.left = if self.quarter > 4 { OVERTIME_S } else { QUARTER_S };
    }

    fn kick_off(&mut self, by: usize, timeouts: u8) {
        self.phase = Phase::Kickoff { free: false };
        self.ball = Ball::first(by, 65);
        self.timeouts = [timeouts; 2];
        self.warned = false;
    }

    fn timeout(&mut self, side: usize) {
        self.timeouts[side] -= 1;
        self.clock_runs = false;
        self.pause_s += 75;
        self.left = self.left.saturating_sub(3).max(1);
        let mut draft = Draft::new(PlayKind::Timeout);
        draft.add_team(&self.setup.sides[side], 68, 0);
        self.marker(draft);
    }

    /// A line of the play list that is no snap.
    fn marker(&mut self, draft: Draft) {
        self.wall_us += 4 * SECOND_US;
        let due_us = self.wall_us + self.setup.rng.below(SECOND_US);
        self.send(&draft, self.clock(), None, due_us);
    }

    fn view(&self) -> View {
        let side = self.ball.side;
        View {
            quarter: self.quarter,
            left: self.left,
            ball: self.ball,
            lead: self.lead(),
            timeouts: [self.timeouts[side], self.timeouts[1 - side]],
            pass_tilt: self.setup.sides[side].pass_tilt,
            pace_s: self.pace_s,
        }
    }

    fn lead(&self) -> i32 {
        i32::from(self.score[self.ball.side]) - i32::from(self.score[1 - self.ball.side])
    }

    pub(super) fn clock(&self) -> Clock {
        Clock {
            quarter: self.quarter,
            seconds_left: self.left,
        }
    }
}
