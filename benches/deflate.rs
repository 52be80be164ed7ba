//! What `permessage-deflate` costs and saves, over every frame of a simulated slate by kind (topic, and
//! delta, merged delta or snapshot).
//!
//! `cargo bench --bench deflate`. First a line a kind: how many frames, their mean bytes as JSON and
//! compressed, and the ratio of the two (lower saves more). Then the time of compressing one frame,
//! paid once for all who share it, and of inflating one message (`inflate/…`), paid for each.

mod rig;

use criterion::{Criterion, criterion_group, criterion_main};
use rig::Rig;
use scorewire::fanout::encode::{self, Subject};
use scorewire::fanout::snapshot;
use scorewire::feed::simulator::{Options, Simulator};
use scorewire::model::{IngestTime, TopicName};
use scorewire::scoring::Rulesets;
use scorewire::wire::deflate::{Deflater, Inflater};
use scorewire::wire::ws::Frame;
use std::collections::BTreeMap;
use std::hint::black_box;

/// Changes in one merged frame.
const MERGED: usize = 8;

/// Frames by what they are.
fn frames() -> BTreeMap<String, Vec<Frame>> {
    let events = Simulator::new(&Options::default()).flat_map(|step| step.events);
    let (rig, _inbox) = Rig::after(events, IngestTime(1_700_000_000_000_000));
    let mut names = vec![("slate", TopicName::Slate)];
    for (head, _) in rig.engine.games() {
        let now = rig.engine.game(&head.game).expect("the game was played");
        names.push(("game", TopicName::Game(head.game.clone())));
        names.extend(now.team_seqs.iter().map(|(team, ..)| ("team", TopicName::Team(team.clone()))));
        names.extend(
            now.players
                .iter()
                .map(|slot| ("player", TopicName::Player(slot.who.card.player.clone()))),
        );
    }
    let rulesets = Rulesets::embedded();
    let mut frames: BTreeMap<String, Vec<Frame>> = BTreeMap::new();
    for (kind, name) in names {
        let Some(topic) = rig.hub.get(&name) else { continue };
        let subject = Subject {
            topic: &topic,
            ruleset: rulesets.get("draftkings").expect("it is built in"),
            form: scorewire::wire::Form::PLAIN,
            wall_us: 1_700_000_000_001_000,
            shift: 0,
        };
        let entries: Vec<_> = topic.read(|history| history.after(0).collect());
        let entries: Vec<_> = entries.into_iter().filter(|entry| !entry.new_game).collect();
        let deltas = entries.chunks(1).map(|one| encode::delta(subject, one, None));
        frames.entry(format!("{kind}/delta")).or_default().extend(deltas);
        let merged = entries.chunks_exact(MERGED).map(|some| encode::delta(subject, some, None));
        frames.entry(format!("{kind}/merged_{MERGED}")).or_default().extend(merged);
        let now = snapshot::take(&rig.hub, &rig.games, subject, "subscribe").frame;
        frames.entry(format!("{kind}/snapshot")).or_default().push(now);
    }
    frames
}

fn deflate(criterion: &mut Criterion) {
    let frames = frames();
    let mut deflater = Deflater::new(0);
    let mut sent = |frame: &Frame| deflater.frame(frame).unwrap_or_else(|| frame.clone()).bytes().len();
    println!("kind: frames, mean bytes of JSON on the wire, compressed, ratio");
    for (kind, frames) in &frames {
        let plain: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
        let deflated: usize = frames.iter().map(&mut sent).sum();
        let (count, ratio) = (frames.len(), deflated as f64 / plain as f64);
        println!("{kind}: {count}, {}, {}, {ratio:.2}", plain / count, deflated / count);
    }
    let mut group = criterion.benchmark_group("deflate");
    for (kind, frames) in &frames {
        let mut next = frames.iter().cycle();
        let mut deflater = Deflater::new(0);
        group.bench_function(kind, |bencher| {
            bencher.iter(|| deflater.frame(black_box(next.next().expect("it goes round"))))
        });
    }
    group.finish();
    let subscribe = Frame::text(|out| out.extend_from_slice(br#"{"op":"subscribe","id":1,"topics":["slate","game:1","game:2","game:3"]}"#));
    // A client compresses as the server does; the mask is off by then.
    let message = Deflater::new(0).frame(&subscribe).expect("it gets smaller");
    let mut inflater = Inflater::default();
    criterion.bench_function("inflate/subscribe", |bencher| {
        bencher.iter(|| inflater.message(black_box(message.payload()), 65_536))
    });
}

criterion_group!(benches, deflate);
criterion_main!(benches);
