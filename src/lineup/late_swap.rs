//! Late swap: whose game has begun stays in his slot, the rest is solved again.
//!
//! Pure. Bounded by the lineups that are asked for.

use super::constraints::LateSwap;
use super::csv;
use super::pool::{kickoff, takes};
use super::portfolio::Kept;
use super::problem::{ItemIndex, fillings};
use super::slate::{BadConstraint, Slate, game_key};

fn bad<T>(message: impl Into<String>) -> Result<T, BadConstraint> {
    Err(BadConstraint(format!("[late_swap] {}", message.into())))
}

/// Makes the plan one of solving these lineups again.
pub(super) fn apply(slate: &mut Slate<'_>, swap: &LateSwap) -> Result<(), BadConstraint> {
    let started = started(slate, swap)?;
    let lineups = read(slate, &swap.lineups)?;
    if lineups.len() < slate.plan.count {
        return bad(format!(
            "lineups: there are {}, and {} are asked for",
            lineups.len(),
            slate.plan.count
        ));
    }
    let mut stays = Vec::new();
    for lineup in lineups.into_iter().take(slate.plan.count) {
        let stay = lineup.into_iter().map(|item| started[usize::from(item)].then_some(item));
        stays.push(stay.collect::<Vec<Option<ItemIndex>>>());
    }
    let classes = classes(slate);
    for stay in &stays {
        let open = (0..stay.len())
            .filter(|slot| stay[*slot].is_none())
            .fold(0u32, |mask, slot| mask | 1 << slot);
        let Some(fillings) = fillings(&classes, open) else {
            return bad("lineups: too many ways to fill what is open");
        };
        let held = stay.iter().flatten().copied().collect();
        slate.plan.kept.push(Kept { held, fillings });
    }
    for (allowed, started) in slate.plan.allowed.iter_mut().zip(&started) {
        *allowed &= !started;
    }
    // Who is locked and has begun is where he is, or nowhere.
    if let Some(item) = slate.plan.locked.iter().find(|item| started[usize::from(**item)]) {
        let name = &slate.player(*item).name;
        return bad(format!("lock: {name}'s game has begun; he cannot come in any more"));
    }
    slate.stays = stays;
    Ok(())
}

/// The mask of each class.
fn classes(slate: &Slate<'_>) -> Vec<u32> {
    let count = slate.plan.fillings.first().map_or(0, Vec::len);
    let of = |class: usize| slate.plan.problem.items.iter().position(|item| usize::from(item.class) == class);
    (0..count).map(|class| of(class).map_or(0, |item| slate.stands[item])).collect()
}

/// Whose game has begun.
fn started(slate: &Slate<'_>, swap: &LateSwap) -> Result<Vec<bool>, BadConstraint> {
    let now = match &swap.now {
        None => None,
        Some(text) => match kickoff(text) {
            Some(now) => Some(now),
            None => {
                return bad(format!(
                    "now: \"{text}\" is no time; write it as the players' file does, \"09/24/2017 01:05PM ET\""
                ));
            }
        },
    };
    if now.is_none() && swap.started.is_empty() {
        return bad("now or started is needed: which games have begun?");
    }
    let games = slate.games();
    if let Some(unknown) = swap
        .started
        .iter()
        .find(|game| !games.keys().any(|known| known.eq_ignore_ascii_case(game)))
    {
        return bad(format!("started: no game \"{unknown}\" in the players' file (AWAY@HOME)"));
    }
    let mut all = Vec::new();
    for item in slate.all() {
        let player = slate.player(item);
        let game = game_key(player);
        let is_named = swap.started.iter().any(|name| name.eq_ignore_ascii_case(&game));
        all.push(match (is_named, now, player.kickoff) {
            (true, _, _) | (false, None, _) => is_named,
            (false, Some(now), Some(kickoff)) => kickoff <= now,
            (false, Some(_), None) => {
                return bad(format!(
                    "now: the players' file does not say when {game} begins; name begun games in `started`"
                ));
            }
        });
    }
    Ok(all)
}

/// The lineups of a file, as items slot by slot: as written here, or as the site's entries have them.
fn read(slate: &Slate<'_>, text: &str) -> Result<Vec<Vec<ItemIndex>>, BadConstraint> {
    let lines = csv::parse(text).or_else(|problem| bad(format!("lineups: {problem}")))?;
    let names: Vec<&str> = slate.slots.iter().map(|slot| slot.name.as_str()).collect();
    let starts = |fields: &[String]| {
        let fits = |window: &[String]| window.iter().zip(&names).all(|(field, name)| field.eq_ignore_ascii_case(name));
        fields.windows(names.len()).position(fits)
    };
    let Some((first, from)) = lines
        .iter()
        .enumerate()
        .find_map(|(at, line)| Some((at + 1, starts(&line.fields)?)))
    else {
        return bad(format!("lineups: no line has the slots {}", names.join(",")));
    };
    let mut lineups = Vec::new();
    for line in &lines[first..] {
        let fields: Vec<&str> = line.fields.iter().skip(from).take(names.len()).map(String::as_str).collect();
        // An entries template goes on with the players alone.
        if fields.iter().all(|field| field.is_empty()) {
            continue;
        }
        let mut lineup = Vec::new();
        for (slot, name) in names.iter().enumerate() {
            let field = fields.get(slot).copied().unwrap_or_default();
            match item(slate, slot, field) {
                Some(item) if !lineup.contains(&item) => lineup.push(item),
                Some(_) => return bad(format!("lineups: line {}: {field} is there twice", line.number)),
                None => {
                    return bad(format!(
                        "lineups: line {}: {}: nobody in the players' file is \"{field}\" and may stand there",
                        line.number, name
                    ));
                }
            }
        }
        lineups.push(lineup);
    }
    Ok(lineups)
}

/// Who a field means in a slot.
fn item(slate: &Slate<'_>, slot: usize, field: &str) -> Option<ItemIndex> {
    let field = field.trim_end_matches("(LOCKED)").trim();
    let stands = |item: &ItemIndex| slate.stands[usize::from(*item)] >> slot & 1 == 1;
    let is_it = |item: &ItemIndex| {
        let player = slate.player(*item);
        let is_written = written(&slate.site.upload.player, &player.id, &player.name) == field;
        is_written || !player.id.is_empty() && player.id == field || player.id.is_empty() && player.name == field
    };
    let fits = |item: &ItemIndex| takes(&slate.slots[slot].name, &slate.slots[slot].positions, slate.player(*item));
    slate.all().filter(stands).filter(fits).find(is_it)
}

/// A player as the upload has him.
pub(super) fn written(pattern: &str, id: &str, name: &str) -> String {
    pattern.replace("{id}", id).replace("{name}", name)
}
