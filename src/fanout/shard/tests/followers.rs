//! Predictions, outcomes and clients in any order, held against what a careful client keeps.

use super::predictions::{TOPIC, drive, next_play, outcome, points, prediction, rig, win};
use super::rig::{Rig, SECOND};
use crate::fanout::shard::{ConnKey, Kind};
use crate::model::prediction::{DriveEnd, PlayCall, Verdict};
use crate::model::{Bulletin, Side, TopicName};
use crate::wire::Form;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a client holds by what it was told: `seq`, and the play that each kind of prediction knows of.
#[derive(Default)]
struct Follower {
    key: Option<ConnKey>,
    seq: u64,
    held: BTreeMap<String, u64>,
}

impl Follower {
    fn take(&mut self, frames: &[Value]) {
        for frame in frames.iter().filter(|frame| frame["seq"].is_u64()) {
            let seq = frame["seq"].as_u64().unwrap();
            if frame["type"] == "snapshot" {
                assert!(seq >= self.seq, "{frame}");
                self.held.clear();
                for prediction in frame["predictions"].as_array().unwrap() {
                    let after = prediction["after_play"].as_str().unwrap();
                    self.held
                        .insert(prediction["kind"].as_str().unwrap().to_owned(), after.parse().unwrap());
                }
            } else {
                assert_eq!(frame["prev"].as_u64(), Some(self.seq), "{frame}");
                assert!(seq > self.seq, "{frame}");
                let kind = frame["kind"].as_str().unwrap();
                match (frame["type"] == "prediction", kind) {
                    (true, _) => {
                        let after: u64 = frame["after_play"].as_str().unwrap().parse().unwrap();
                        let before = self.held.insert(kind.to_owned(), after);
                        assert!(before.is_none_or(|before| before < after), "an older one came later: {frame}");
                    }
                    (false, "win") => self.held.clear(),
                    (false, kind) => drop(self.held.remove(kind)),
                }
            }
            self.seq = seq;
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Predict(usize),
    Judge(usize),
    Room(usize, usize),
    Leave(usize),
    Pass(i64),
    Pump,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => (0..4usize).prop_map(Act::Predict),
        3 => (0..3usize).prop_map(Act::Judge),
        3 => (0..3usize, prop::sample::select(vec![0, 1, 100, 1_000, usize::MAX / 4])).prop_map(|(place, room)| Act::Room(place, room)),
        2 => (0..3usize).prop_map(Act::Leave),
        1 => (1..SECOND / 4).prop_map(Act::Pass),
        4 => Just(Act::Pump),
    ];
    prop::collection::vec(act, 0..80)
}

/// One follower keeps no limit, one asks for a frame a second, one for ten.
fn come(rig: &mut Rig, place: usize, follower: &mut Follower) {
    let key = rig.shard.connect(Kind::WebSocket(Form::PLAIN), rig.now());
    let rate = [json!(null), json!(1), json!(10)][place].clone();
    let since = if follower.seq > 0 {
        json!({TOPIC: follower.seq})
    } else {
        json!({})
    };
    let message = json!({"op": "subscribe", "topics": [TOPIC], "epoch": "e1", "since": since, "max_rate_hz": rate});
    rig.say(key, &message.to_string());
    follower.key = Some(key);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes in between: each frame follows what its client holds, nothing that has expired comes, every
    /// change is accounted for, and once all is quiet everybody holds what the topic shows.
    #[test]
    fn everybody_ends_with_what_has_not_expired(acts in acts(), let_go_at in 0..200usize) {
        let mut rig = rig([]);
        let mut followers: [Follower; 3] = Default::default();
        let mut played = 1;
        for (place, follower) in followers.iter_mut().enumerate() {
            come(&mut rig, place, follower);
        }
        for (at, act) in acts.into_iter().enumerate() {
            if at == let_go_at {
                rig.expire_unnoticed("G");
            }
            match act {
                Act::Predict(kind) => {
                    played += 1;
                    let forecast = [next_play(), drive(), win(), points()][kind].clone();
                    let bulletin = prediction(&rig, &played.to_string(), forecast);
                    prop_assert_eq!(rig.predict(bulletin), at < let_go_at);
                }
                Act::Judge(kind) => {
                    let (end, side) = (DriveEnd::Punt, Side::Home);
                    let verdicts = [
                        Verdict::NextPlay { call: PlayCall::Run, actual: PlayCall::Run },
                        Verdict::Drive { call: end, actual: end },
                        Verdict::Win { call: side, actual: Some(side) },
                    ];
                    prop_assert_eq!(rig.predict(outcome(verdicts[kind], 1, 1)), at < let_go_at);
                }
                Act::Room(place, room) => rig.room(followers[place].key.unwrap(), room),
                Act::Leave(place) => {
                    let follower = &mut followers[place];
                    let key = follower.key.unwrap();
                    // What was not read whole before it left is lost to it.
                    rig.room(key, usize::MAX / 4);
                    follower.take(&rig.read(key));
                    rig.shard.gone(key, &mut rig.wire);
                    come(&mut rig, place, follower);
                }
                Act::Pass(us) => rig.pass(us),
                Act::Pump => rig.pump(),
            }
        }
        for follower in &followers {
            rig.room(follower.key.unwrap(), usize::MAX / 4);
        }
        rig.deliver();
        rig.pass(2 * SECOND);
        let topic = rig.hub.get(&TopicName::parse(TOPIC).unwrap()).unwrap();
        let (head, shown) = topic.read(|history| (history.head, history.bulletins().to_vec()));
        let shown: BTreeMap<String, u64> = shown
            .iter()
            .filter_map(|posted| match &posted.bulletin {
                Bulletin::Prediction(prediction) => {
                    let after = prediction.after_play.as_ref().unwrap().as_str().parse().unwrap();
                    Some((prediction.forecast.kind().name().to_owned(), after))
                }
                Bulletin::Outcome(_) => None,
            })
            .collect();
        for follower in &mut followers {
            let key = follower.key.unwrap();
            follower.take(&rig.read(key));
            prop_assert_eq!((follower.seq, &follower.held), (head, &shown));
            let (account, pending) = rig.account(key);
            prop_assert_eq!((account.merged, pending), (0, 0));
            prop_assert_eq!(account.offered, account.written + account.expired);
        }
    }
}
