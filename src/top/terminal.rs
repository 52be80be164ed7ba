//! The terminal: its size, its keys, and how it was before.
//!
//! What is needed of a terminal are its mode and size, which the system is asked for, and a handful of sequences
//! that every terminal since the VT100 knows. However this ends, a panic included, it is put back as it was.

use super::layout::Size;
use super::line::{Line, Palette};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read, Write};
use tokio::sync::mpsc;

/// Another screen, so that what was there before comes back; no cursor; no wrapping of lines.
const ENTER: &str = "\x1b[?1049h\x1b[2J\x1b[?25l\x1b[?7l";
/// The other way round.
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// The size of standard output's terminal; nothing where it is none, or does not know.
pub(super) fn size() -> Option<Size> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(Size {
        columns: size.ws_col,
        lines: size.ws_row,
    })
}

/// A terminal that shows a screen.
pub(super) struct Terminal {
    palette: Palette,
    /// How keys were read before; nothing where they come from no terminal.
    before: Option<Termios>,
}

impl Terminal {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// The system does not let us.
    pub(super) fn enter() -> io::Result<Terminal> {
        let variable = |name| std::env::var(name).ok();
        let (no_color, term) = (variable("NO_COLOR"), variable("TERM"));
        let mut terminal = Terminal {
            palette: Palette::of(no_color.as_deref(), term.as_deref()),
            before: None,
        };
        if io::stdin().is_terminal() {
            let before = tcgetattr(io::stdin())?;
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
            terminal.before = Some(before);
        }
        put(ENTER)?;
        Ok(terminal)
    }

    /// Whether keys can be read.
    pub(super) fn has_keys(&self) -> bool {
        self.before.is_some()
    }

    /// Shows these lines, from the top; they fill the screen, so that nothing is left of what was there.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn show(&self, lines: &[Line]) -> io::Result<()> {
        let mut out = String::new();
        for (place, line) in lines.iter().enumerate() {
            // Writing to a text does not fail.
            let _ = write!(out, "\x1b[{};1H", place + 1);
            line.paint(self.palette, &mut out);
        }
        put(&out)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no putting back.
        let _ = put(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
        }
    }
}

/// In one write, so that no half of a screen is seen.
fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What was pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    /// To end.
    Quit,
    /// For help, and back from it.
    Help,
    /// The next pane, or the one before.
    Turn(isize),
    /// Lines further down, or up.
    Scroll(isize),
    /// Away from what is shown.
    Back,
}

/// The keys in what a terminal sent at once. What means nothing here is passed over.
pub(super) fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        match first {
            // Ctrl-C and Ctrl-D end whatever runs in a terminal.
            b'q' | b'Q' | 3 | 4 => keys.push(Key::Quit),
            b'?' | b'h' => keys.push(Key::Help),
            b'\t' | b'l' => keys.push(Key::Turn(1)),
            b'j' => keys.push(Key::Scroll(1)),
            b'k' => keys.push(Key::Scroll(-1)),
            b' ' => keys.push(Key::Scroll(10)),
            0x1b => {
                let (key, length) = sequence(rest);
                keys.extend(key);
                bytes = &rest[length..];
            }
            _ => {}
        }
    }
    keys
}

/// What follows an escape: its key, and how many bytes it has.
fn sequence(rest: &[u8]) -> (Option<Key>, usize) {
    let [b'[' | b'O', inside @ ..] = rest else {
        return (Some(Key::Back), 0);
    };
    let Some(end) = inside.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return (None, rest.len());
    };
    let key = match (&inside[..end], inside[end]) {
        (_, b'A') => Some(Key::Scroll(-1)),
        (_, b'B') => Some(Key::Scroll(1)),
        (_, b'C') => Some(Key::Turn(1)),
        (_, b'D' | b'Z') => Some(Key::Turn(-1)),
        (b"5", b'~') => Some(Key::Scroll(-10)),
        (b"6", b'~') => Some(Key::Scroll(10)),
        _ => None,
    };
    (key, end + 2)
}

/// Keys as they are pressed, few at a time; the channel's end is the terminal's. The thread that reads them ends
/// with the process: nothing can wake it from a terminal that is silent.
pub(super) fn pressed() -> io::Result<mpsc::Receiver<Key>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
        let mut bytes = [0; 64];
        while let Ok(count @ 1..) = io::stdin().lock().read(&mut bytes) {
            for key in keys(&bytes[..count]) {
                if sender.blocking_send(key).is_err() {
                    return;
                }
            }
        }
    })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_told_apart() {
        assert_eq!(keys(b"q"), [Key::Quit]);
        assert_eq!(keys(b"\x03x?"), [Key::Quit, Key::Help]);
        assert_eq!(
            keys(b"\t\x1b[Z\x1b[C\x1bOD"),
            [Key::Turn(1), Key::Turn(-1), Key::Turn(1), Key::Turn(-1)]
        );
        assert_eq!(
            keys(b"\x1b[A\x1b[B\x1b[1;5B\x1b[6~"),
            [Key::Scroll(-1), Key::Scroll(1), Key::Scroll(1), Key::Scroll(10)]
        );
        assert_eq!(keys(b"\x1b"), [Key::Back]);
        // A key of its own, of which nothing is left over that would mean something.
        assert_eq!(keys(b"\x1b[15~"), []);
        assert_eq!(keys(b"\x1b[15"), []);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(keys(&bytes).len() <= bytes.len());
        }
    }
}
