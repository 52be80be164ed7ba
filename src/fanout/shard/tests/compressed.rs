//! Frames for clients who take them compressed.

use super::rig::{Rig, SECOND};
use crate::fanout::shard::ConnKey;
use crate::fanout::topic::Frames;
use crate::model::TopicName;
use crate::wire::Form;
use crate::wire::deflate::Inflater;
use crate::wire::ws::Frame;
use std::sync::Arc;

const DEFLATED: Form = Form {
    deflated: true,
    ..Form::PLAIN
};

/// A client who subscribed to the player and has been told everything so far.
fn subscriber(rig: &mut Rig, form: Form) -> ConnKey {
    let key = rig.client_of(form);
    rig.say(key, r#"{"op":"subscribe","topics":["player:R"]}"#);
    rig.pump();
    rig.wire.sent.remove(&key);
    key
}

/// The only frame that a client was sent: whether it was compressed, and the message.
fn only(rig: &mut Rig, key: ConnKey) -> (bool, String) {
    let bytes = rig.wire.sent.remove(&key).unwrap();
    let at = if bytes[1] == 126 { 4 } else { 2 };
    let payload = match bytes[0] {
        0xc1 => Inflater::default().message(&bytes[at..], 10_000).unwrap(),
        0x81 => bytes[at..].to_vec(),
        other => panic!("{other:#x}"),
    };
    (bytes[0] == 0xc1, String::from_utf8(payload).unwrap())
}

fn newest(rig: &Rig) -> Arc<Frames> {
    let topic = rig.hub.get(&TopicName::parse("player:R").unwrap()).unwrap();
    topic.read(|history| history.frames(history.head))
}

#[test]
fn a_frame_is_compressed_once_for_all_who_share_it() {
    let mut rig = Rig::new();
    let plain = subscriber(&mut rig, Form::PLAIN);
    let deflating = [(); 3].map(|()| subscriber(&mut rig, DEFLATED));
    rig.shard.take_stats();
    rig.play();
    rig.pump();
    let (_, said) = only(&mut rig, plain);
    for key in deflating {
        assert_eq!(only(&mut rig, key), (true, said.clone()));
    }
    let stats = rig.shard.take_stats();
    let header = 4;
    assert_eq!(stats.deflate_in_bytes, (said.len() + header) as u64);
    assert!(stats.deflate_out_bytes < stats.deflate_in_bytes);
    // Another shard finds it in the ring.
    let ruleset = crate::scoring::Rulesets::embedded().index("ppr").unwrap();
    let again = || -> Frame { panic!("it was encoded already") };
    let frame = newest(&rig).frame((ruleset, DEFLATED), again, |_| panic!("it was compressed already"));
    assert!(frame.is_deflated() && frame.bytes().len() as u64 == stats.deflate_out_bytes);
}

#[test]
fn what_is_not_worth_compressing_is_shared_with_everyone() {
    let mut rig = Rig::with(|limits| limits.compress_bytes_min = 100_000);
    let (plain, deflating) = (subscriber(&mut rig, Form::PLAIN), subscriber(&mut rig, DEFLATED));
    rig.play();
    rig.pump();
    assert_eq!(only(&mut rig, deflating), only(&mut rig, plain));
    let ruleset = crate::scoring::Rulesets::embedded().index("ppr").unwrap();
    let kept = |form| newest(&rig).frame((ruleset, form), || panic!("encoded"), |_| panic!("compressed"));
    assert_eq!(kept(Form::PLAIN).bytes().as_ptr(), kept(DEFLATED).bytes().as_ptr());
}

#[test]
fn merged_frames_and_snapshots_are_compressed_too() {
    let mut rig = Rig::new();
    rig.play();
    let key = rig.client_of(DEFLATED);
    rig.say(key, r#"{"op":"subscribe","topics":["game:G"]}"#);
    rig.pump();
    // `subscribed` is short; what follows it is the snapshot.
    let bytes = rig.wire.sent.remove(&key).unwrap();
    let subscribed = usize::from(bytes[1]) + 2;
    assert_eq!((bytes[0], bytes[1] < 126), (0x81, true));
    let end = bytes.len() - subscribed;
    rig.wire.sent.insert(key, bytes[subscribed..].to_vec());
    let (is_deflated, snapshot) = only(&mut rig, key);
    assert!(
        is_deflated && snapshot.len() > end && snapshot.contains("\"snapshot\""),
        "{snapshot}"
    );
    rig.room(key, 0);
    for _ in 0..5 {
        rig.play();
        rig.pump();
    }
    rig.now_us += SECOND;
    rig.room(key, usize::MAX);
    let (is_deflated, merged) = only(&mut rig, key);
    assert!(is_deflated && merged.contains("\"causes\""), "{merged}");
}
