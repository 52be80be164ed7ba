//! A contest as it is stored: the body that would post it, its entries JSON lines. What entries may cost and how many
//! games they need was asked when they came, and is not asked again.

use crate::contest::{Definition, Limits, Players, Reader};
use crate::model::Points;
use crate::wire::json::Json;

/// The contest as lines.
pub(super) fn write(definition: &Definition) -> Vec<u8> {
    let terms = definition.terms();
    let mut out = Vec::with_capacity(1024 + definition.entry_count() * 160);
    Json::new(&mut out).object(|json| {
        json.text("contest", terms.id.as_str())
            .text("name", &terms.name)
            .text("ruleset", &terms.ruleset);
        json.list_at("slots", |list| {
            for slot in &terms.slots {
                list.object(|json| {
                    json.text("slot", &slot.name)
                        .points("multiplier", slot.multiplier.of(Points(Points::SCALE)));
                });
            }
        });
        let tier = |tier: &crate::contest::Tier| format!("{}-{}:{}", tier.first, tier.last, tier.each);
        let tiers: Vec<String> = terms.payouts.tiers().iter().map(tier).collect();
        json.text("payouts", &tiers.join(","));
    });
    for entry in definition.entries() {
        out.push(b'\n');
        Json::new(&mut out).object(|json| {
            let (id, name) = (definition.entry_id(entry), definition.entry_name(entry));
            json.text("entry", id.as_str());
            if *name != *id.as_str() {
                json.text("name", &name);
            }
            json.list_at("lineup", |list| {
                for player in definition.roster(entry) {
                    list.text_item(definition.players()[usize::from(player.0)].as_str());
                }
            });
        });
    }
    out
}

/// The contest of those lines; nothing where they are none, or one of them is wrong.
pub(super) fn read(lines: &[u8]) -> Option<Definition> {
    let limits = Limits {
        entries_max: usize::MAX,
        players_max: usize::MAX,
        // The terms may have thousands of tiers.
        line_bytes_max: 4 << 20,
        ..Limits::DEFAULT
    };
    let mut reader = Reader::new(Players::default(), limits);
    reader.feed(lines).ok()?;
    let (definition, report) = reader.finish().ok()?;
    (report.bad == 0).then_some(definition)
}
