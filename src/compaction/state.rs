//! What a snapshot says besides records: a piece of JSON for each id of a game that was let go of, for each
//! topic, for the slate, and for records that are missing.

use crate::engine::Remains;
use crate::fanout::topic::{ShownGame, Standing};
use crate::model::{GameId, TopicName};
use serde::{Deserialize, Serialize};

/// All of it.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct State {
    /// Of games that were let go of, and of topics.
    pub(super) remains: Remains,
    /// Records of those that the snapshot covers that a repair had to leave out.
    pub(super) missing: u64,
}

/// One piece.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Piece {
    /// A game that was let go of.
    Expired(String),
    /// So many records were left out by a repair; not there for none.
    Missing(u64),
    /// The days that decide what the slate shows.
    Slate { begun_day: Option<i64>, first_day: Option<i64> },
    /// Where a topic stands.
    Topic {
        name: String,
        seq: u64,
        #[serde(default, skip_serializing_if = "is_zero")]
        cleared: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shows: Option<Shows>,
        whole: bool,
    },
}

/// The game that a topic shows.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shows {
    game: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kickoff: Option<i64>,
    begun: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Hands out the pieces, in an order that is always the same.
pub(super) fn write(state: &State, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let standings = &state.remains.standings;
    let missing = (state.missing > 0).then_some(Piece::Missing(state.missing));
    let expired = state.remains.expired.iter().map(|game| Piece::Expired(game.to_string()));
    let slate = Piece::Slate {
        begun_day: standings.begun_day,
        first_day: standings.first_day,
    };
    let topics = standings.topics.iter().map(|(name, standing)| Piece::Topic {
        name: name.to_string(),
        seq: standing.seq,
        cleared: standing.cleared,
        shows: standing.game.as_ref().map(|shown| Shows {
            game: shown.game.to_string(),
            kickoff: shown.kickoff,
            begun: shown.begun,
        }),
        whole: standing.is_whole,
    });
    for piece in expired.chain(missing).chain([slate]).chain(topics) {
        each(&serde_json::to_vec(&piece)?)?;
    }
    Ok(())
}

/// Adds a piece to what is known.
///
/// # Errors
/// What is not understood, for people.
pub(super) fn read(piece: &[u8], state: &mut State) -> Result<(), String> {
    let State { remains, missing } = state;
    let piece = serde_json::from_slice(piece).map_err(|error| format!("a piece of its state is not understood: {error}"))?;
    let no_id = |id: &str| format!("its state names {id:?}, which is no id");
    let game_id = |id: &str| GameId::new(id).ok_or_else(|| no_id(id));
    match piece {
        Piece::Expired(game) => remains.expired.push(game_id(&game)?),
        Piece::Missing(records) => *missing = records,
        Piece::Slate { begun_day, first_day } => {
            (remains.standings.begun_day, remains.standings.first_day) = (begun_day, first_day);
        }
        Piece::Topic {
            name,
            seq,
            cleared,
            shows,
            whole,
        } => {
            let game = match shows {
                Some(shows) => Some(ShownGame {
                    game: game_id(&shows.game)?,
                    kickoff: shows.kickoff,
                    begun: shows.begun,
                }),
                None => None,
            };
            let standing = Standing {
                seq,
                cleared,
                game,
                is_whole: whole,
            };
            let name = TopicName::parse(&name).map_err(|_| no_id(&name))?;
            remains.standings.topics.push((name, standing));
        }
    }
    Ok(())
}
