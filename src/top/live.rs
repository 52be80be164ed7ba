//! The screen as time goes on: looks, keys, and the terminal's size.

use super::TopError;
use super::layout::{self, Pane, Size};
use super::look::{Look, Server};
use super::terminal::{self, Key, Terminal};
use super::window::History;
use crate::clock::Clock;
use std::pin::Pin;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio::time::MissedTickBehavior;

/// Where a terminal does not know how large it is.
const SIZE: Size = Size { columns: 80, lines: 24 };

/// What is shown, and how far down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Place {
    pane: Pane,
    scroll: usize,
}

impl Place {
    /// What a key makes of it; nothing where it ends.
    fn after(self, key: Key, scroll_max: usize) -> Option<Place> {
        let of = |pane| Place { pane, scroll: 0 };
        Some(match key {
            Key::Quit => return None,
            Key::Help if self.pane == Pane::Help => of(Pane::Overview),
            Key::Help => of(Pane::Help),
            Key::Back => of(Pane::Overview),
            Key::Turn(steps) => of(self.pane.turned(steps)),
            Key::Scroll(lines) => Place {
                scroll: self.scroll.saturating_add_signed(lines).min(scroll_max),
                ..self
            },
        })
    }
}

/// A look under way.
type Looking<'a> = Pin<Box<dyn Future<Output = Result<Look, TopError>> + 'a>>;

/// Shows the server until a key or a signal ends it.
pub(super) async fn run(server: &Server, mut history: History, interval: Duration) -> Result<(), TopError> {
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .map(signal)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let mut resized = signal(SignalKind::window_change())?;
    let terminal = Terminal::enter()?;
    let mut keys = terminal.has_keys().then(terminal::pressed).transpose()?;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut place = Place::default();
    // A look takes as long as the server takes; keys do not wait for it.
    let mut looking: Option<Looking<'_>> = None;
    loop {
        let size = terminal::size().unwrap_or(SIZE);
        terminal.show(&layout::screen(&history.window(), place.pane, place.scroll, size))?;
        let [interrupted, terminated, hung_up] = &mut signals[..] else {
            return Ok(());
        };
        tokio::select! {
            _ = interrupted.recv() => return Ok(()),
            _ = terminated.recv() => return Ok(()),
            _ = hung_up.recv() => return Ok(()),
            _ = resized.recv() => {}
            key = next(&mut keys) => {
                let scroll_max = layout::scroll_max(&history.window(), place.pane, size);
                match key.map(|key| place.after(key, scroll_max)) {
                    Some(Some(after)) => place = after,
                    Some(None) => return Ok(()),
                    // No more keys will come; signals still end it.
                    None => keys = None,
                }
            }
            _ = ticks.tick(), if looking.is_none() => looking = Some(Box::pin(server.look())),
            look = finished(&mut looking) => {
                looking = None;
                match look {
                    Ok(look) => history.add(look),
                    Err(error) => history.lose(Clock.steady_us(), error.to_string()),
                }
            }
        }
    }
}

/// The next key; never, where there are none.
async fn next(keys: &mut Option<Receiver<Key>>) -> Option<Key> {
    match keys {
        Some(keys) => keys.recv().await,
        None => std::future::pending().await,
    }
}

/// A look under way; never, where there is none.
async fn finished<F: Future + Unpin>(looking: &mut Option<F>) -> F::Output {
    match looking {
        Some(look) => look.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_from_pane_to_pane() {
        let go = |keys: &[Key]| keys.iter().try_fold(Place::default(), |place, key| place.after(*key, 3));
        let pane = |keys| go(keys).map(|place| place.pane);
        assert_eq!(pane(&[Key::Turn(1)]), Some(Pane::Clients));
        assert_eq!(pane(&[Key::Turn(-1)]), Some(Pane::Partitions));
        assert_eq!(pane(&[Key::Turn(1); 5]), Some(Pane::Overview));
        assert_eq!(pane(&[Key::Help]), Some(Pane::Help));
        assert_eq!(pane(&[Key::Help, Key::Help]), Some(Pane::Overview));
        assert_eq!(pane(&[Key::Turn(2), Key::Back]), Some(Pane::Overview));
        assert_eq!(go(&[Key::Turn(1), Key::Quit]), None);
        let scrolled = |keys| go(keys).map(|place| place.scroll);
        assert_eq!(scrolled(&[Key::Scroll(10), Key::Scroll(-1)]), Some(2));
        assert_eq!(scrolled(&[Key::Scroll(-1)]), Some(0));
        assert_eq!(scrolled(&[Key::Scroll(2), Key::Turn(1)]), Some(0));
    }
}
