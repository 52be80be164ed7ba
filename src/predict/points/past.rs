//! Players' and clubs' earlier games: what forecasts of points are made from beside the game itself.
//!
//! A game has its place by season and week, so the order in which games are told does not matter, one told again
//! takes its own place, and no game is in its own past. Bounded: [`GAMES`] games of a player, [`CLUB_GAMES`] of
//! a club, [`CLUBS_MAX`] clubs and `predict.players_max` players; the oldest games go first. A newcomer takes the
//! place of whoever has been longest without a game; where all have played as lately he is counted and left out.

use super::calendar::When;
use super::line::{Line, PASS_ATT, PASS_TD, PASS_YDS, REC, ROLE, RUSH_ATT, RUSH_TD, RUSH_YDS};
use crate::model::{GameId, PlayerId, Team};
use std::collections::{HashMap, VecDeque};

/// Games of a player that are kept.
pub const GAMES: usize = 16;
/// Games that most features look at.
pub const NEAR: usize = 8;
/// Games of a club that are kept: so many that they have [`PLAYS`] plays.
pub const CLUB_GAMES: usize = 24;
/// Plays of a club that features sum over; the game in which they are reached counts whole.
pub const PLAYS: f64 = 1_000.0;
/// Most clubs.
pub const CLUBS_MAX: usize = 256;

/// Sums of a club's lines, in this order after its points.
const CLUB_COLUMNS: [usize; 7] = [PASS_ATT, RUSH_ATT, REC, PASS_YDS, RUSH_YDS, PASS_TD, RUSH_TD];

/// Points and the columns of a club of one side of a game.
pub type ClubSums = [i16; 1 + CLUB_COLUMNS.len()];

/// Over a club's runs, passes and sacks: how many, passes, yards, successes, turnovers, touchdowns, from the
/// shotgun, first downs.
pub type PlaySums = [i16; 8];

/// A club's letters in the tables that models learn from, which keep a club's past when it moves.
pub fn club(team: &Team) -> Team {
    let now = match team.as_str() {
        "JAC" => "JAX",
        "STL" => "LA",
        "SD" => "LAC",
        "OAK" => "LV",
        _ => return team.clone(),
    };
    Team::new(now).expect("letters are a team")
}

/// A player's game that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastGame {
    /// When.
    pub when: When,
    /// For which club.
    pub club: Team,
    /// What he did.
    pub line: Line,
    /// Passes thrown, runs and catches of his club.
    pub club_role: [i16; ROLE.len()],
}

/// A club's game that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClubGame {
    /// When.
    pub when: When,
    /// Which; nothing where it is a table's.
    pub game: Option<GameId>,
    /// Its own points and sums.
    pub had: ClubSums,
    /// Its opponent's.
    pub allowed: ClubSums,
    /// Its plays; zeros where they are not known.
    pub plays: PlaySums,
}

/// One side of a game that is over.
#[derive(Clone, Debug)]
pub struct Result {
    /// Which game; nothing where it is a table's.
    pub game: Option<GameId>,
    /// Who.
    pub club: Team,
    /// Its points.
    pub score: u16,
    /// Its players' lines. Those of zeros are as if they were not there.
    pub players: Vec<(PlayerId, Line)>,
    /// Its plays; zeros where they are not known.
    pub plays: PlaySums,
}

impl Result {
    fn sum(&self) -> Line {
        let mut sum = Line::default();
        self.players.iter().for_each(|(_, line)| sum.add(line));
        sum
    }
}

/// All earlier games.
pub struct Past {
    players: HashMap<PlayerId, VecDeque<PastGame>>,
    clubs: HashMap<Team, VecDeque<ClubGame>>,
    players_max: usize,
    latest: Option<When>,
    left_out: u64,
}

impl Past {
    /// Of nobody.
    pub fn new(players_max: usize) -> Past {
        Past {
            players: HashMap::new(),
            clubs: HashMap::new(),
            players_max,
            latest: None,
            left_out: 0,
        }
    }

    /// Takes in a game that is over, whichever order games are told in; one that was told before is told anew.
    /// Returns who is in no game any more: he was let go of to make room, or did nothing in this one after all.
    pub fn take(&mut self, when: When, sides: &[Result; 2]) -> Vec<PlayerId> {
        let mut gone = Vec::new();
        let sums = sides.each_ref().map(|side| (side.score, side.sum()));
        for (place, side) in sides.iter().enumerate() {
            let known = self.clubs.get(&side.club);
            if known.is_none() && self.clubs.len() >= CLUBS_MAX {
                continue;
            }
            if known.is_some_and(|games| games.iter().any(|game| game.when == when)) {
                gone.extend(self.forget(when, &side.club));
            }
            let game = ClubGame {
                when,
                game: side.game.clone(),
                had: club_sums(&sums[place]),
                allowed: club_sums(&sums[1 - place]),
                plays: side.plays,
            };
            put(self.clubs.entry(side.club.clone()).or_default(), game, CLUB_GAMES, |game| game.when);
            let club_role = ROLE.map(|column| sums[place].1.0[column]);
            for (player, line) in side.players.iter().filter(|(_, line)| !line.is_zero()) {
                if !self.players.contains_key(player) && self.players.len() >= self.players_max {
                    let Some(last) = self.let_one_go(when) else {
                        self.left_out += 1;
                        continue;
                    };
                    gone.push(last);
                }
                let game = PastGame {
                    when,
                    club: side.club.clone(),
                    line: *line,
                    club_role,
                };
                put(self.players.entry(player.clone()).or_default(), game, GAMES, |game| game.when);
            }
        }
        self.latest = self.find_latest();
        // Who moved from one side to the other is there again.
        gone.retain(|player| !self.knows(player));
        gone
    }

    /// Takes a game back that was told of that week and these clubs; not another that was told there since. Returns who
    /// is in no game any more.
    pub fn take_back(&mut self, game: &GameId, when: When, clubs: &[Team; 2]) -> Vec<PlayerId> {
        let mut gone = Vec::new();
        for club in clubs {
            let Some(games) = self.clubs.get_mut(club) else { continue };
            let is_it = |known: &ClubGame| known.when == when && known.game.as_ref() == Some(game);
            let Some(place) = games.iter().position(is_it) else { continue };
            games.remove(place);
            if games.is_empty() {
                self.clubs.remove(club);
            }
            gone.extend(self.forget(when, club));
        }
        self.latest = self.find_latest();
        gone
    }

    /// Lets go of the player who has been longest without a game, if that was before the week.
    fn let_one_go(&mut self, when: When) -> Option<PlayerId> {
        let last = |games: &VecDeque<PastGame>| games.front().map(|game| game.when);
        let (player, games) = self.players.iter().min_by_key(|(player, games)| (last(games), *player))?;
        if last(games) >= Some(when) {
            return None;
        }
        let player = player.clone();
        self.players.remove(&player);
        Some(player)
    }

    /// The week of the newest game but one, or of the only one: a single game, whose kickoff may be wrong by years,
    /// moves nobody but its own clubs.
    fn find_latest(&self) -> Option<When> {
        // Each game is there twice, once for each club.
        let mut newest = [None; 3];
        for game in self.clubs.values().flatten() {
            let mut when = Some(game.when);
            for place in &mut newest {
                if *place < when {
                    std::mem::swap(place, &mut when);
                }
            }
        }
        newest[2].or(newest[0])
    }

    /// Forgets what that club's players did then. Returns who is in no other game.
    fn forget(&mut self, when: When, club: &Team) -> Vec<PlayerId> {
        let gone = self.players.extract_if(|_, games| {
            games.retain(|game| game.when != when || game.club != *club);
            games.is_empty()
        });
        gone.map(|(player, _)| player).collect()
    }

    /// A player's games before a week, the newest first.
    pub fn of(&self, player: &PlayerId, before: When) -> Vec<&PastGame> {
        let games = self.players.get(player).into_iter().flatten();
        games.filter(|game| game.when < before).collect()
    }

    /// A club's games before a week, the newest first.
    pub fn of_club(&self, club: &Team, before: When) -> Vec<&ClubGame> {
        let games = self.clubs.get(club).into_iter().flatten();
        games.filter(|game| game.when < before).collect()
    }

    /// Players of whom a game before that week is known, whose last one was for that club and among the last
    /// `games` of it.
    pub fn squad(&self, club: &Team, before: When, games: usize) -> Vec<&PlayerId> {
        let club_games = self.of_club(club, before);
        let Some(oldest) = club_games[..club_games.len().min(games)].last() else {
            return Vec::new();
        };
        let is_in = |history: &VecDeque<PastGame>| {
            let last = history.iter().find(|game| game.when < before);
            last.is_some_and(|last| last.club == *club && last.when >= oldest.when)
        };
        let squad = self.players.iter().filter(|(_, history)| is_in(history));
        squad.map(|(player, _)| player).collect()
    }

    /// All players.
    pub fn players(&self) -> impl Iterator<Item = (&PlayerId, &PastGame)> {
        self.players.iter().filter_map(|(player, games)| Some((player, games.front()?)))
    }

    /// The newest week that more than one game speaks for; the only game's, where there is one.
    pub fn latest(&self) -> Option<When> {
        self.latest
    }

    /// Whether a game of a player is known.
    pub fn knows(&self, player: &PlayerId) -> bool {
        self.players.contains_key(player)
    }

    /// Players known.
    pub fn len(&self) -> usize {
        self.players.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.players.is_empty()
    }

    /// Lines of players for whom there was no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

fn club_sums((score, sum): &(u16, Line)) -> ClubSums {
    let mut sums = [0; 1 + CLUB_COLUMNS.len()];
    sums[0] = i16::try_from(*score).unwrap_or(i16::MAX);
    for (sum_of, column) in sums[1..].iter_mut().zip(CLUB_COLUMNS) {
        *sum_of = sum.0[column];
    }
    sums
}

/// Puts a game into its place, the newest first; another of the same week goes.
fn put<G>(games: &mut VecDeque<G>, game: G, games_max: usize, when: impl Fn(&G) -> When) {
    let place = games.partition_point(|known| when(known) > when(&game));
    match games.get_mut(place) {
        Some(known) if when(known) == when(&game) => *known = game,
        _ => games.insert(place, game),
    }
    games.truncate(games_max);
}
