//! `scorewire top`: one screen on a running server.
//!
//! Owns the questions to the server (`look`), what follows from two answers (`window`), the page (`page`, `tables`,
//! `layout`) and the terminal (`terminal`). It is a client like any other: it knows what the server answers and the
//! names of its metrics, and nothing of its inside. What a server says is text from outside: it is shown as
//! printable ASCII and cut to the screen. Bounded: the looks of a few seconds, and one at a time.

mod alarms;
mod exposition;
mod histogram;
mod layout;
mod line;
mod live;
mod look;
mod page;
mod refusals;
mod tables;
mod terminal;
mod window;

#[cfg(test)]
mod tests;

pub use look::Server;

use crate::source::SourceError;
use layout::Size;
use line::Palette;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use window::History;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// It does not answer.
    #[error("{0}{hint}", hint = hint(.0))]
    Unreachable(#[from] SourceError),
    /// Something else answers.
    #[error("{0}: what answers there is no scorewire server")]
    NoServer(String),
    /// Its metrics are elsewhere, or nowhere.
    #[error(
        "there is nothing at {0}: where server.admin_bind is set, metrics are at that address (--metrics http://ADDRESS); where \
         metrics.enabled is off, there are none"
    )]
    NoMetrics(String),
    /// Its metrics are not for everybody.
    #[error("{url}: {error} (--key-file FILE, or the variable SCOREWIRE_KEY)")]
    Key {
        /// Where.
        url: String,
        /// What the server says.
        error: String,
    },
    /// The screen.
    #[error("the terminal cannot be used: {0}; `--once` needs none")]
    Terminal(#[from] std::io::Error),
    /// There is no screen.
    #[error("standard output is no terminal: `--once` prints one page")]
    NoTerminal,
}

/// What a server that is there and does not answer may be about.
fn hint(error: &SourceError) -> &'static str {
    match error {
        SourceError::Unreachable { error, .. } if error.contains("no answer within") => {
            "; one that has just started answers once its event log is read"
        }
        SourceError::Unreachable { error, .. } if error.contains("HTTP") => {
            "; an address that speaks TLS cannot be asked: give that of server.admin_bind"
        }
        _ => "",
    }
}

/// Columns of a page that goes nowhere wide.
const ONCE_COLUMNS: u16 = 120;
/// Lines of a page that is printed: all there is.
const ONCE_LINES: u16 = 200;

/// Prints one page of two looks, that far apart.
///
/// # Errors
/// The server cannot be asked.
pub async fn once(server: &Server, apart: Duration) -> Result<(), TopError> {
    let mut history = History::new(server.name(), server.look().await?);
    tokio::time::sleep(apart).await;
    history.add(server.look().await?);
    let size = Size {
        columns: terminal::size().map_or(ONCE_COLUMNS, |size| size.columns.clamp(80, 200)),
        lines: ONCE_LINES,
    };
    let mut text = String::new();
    for line in layout::printed(&history.window(), size) {
        line.paint(Palette::Plain, &mut text);
        text.push('\n');
    }
    // Whoever reads this may stop reading.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(())
}

/// Shows the server until told to stop, with a look each `interval`.
///
/// # Errors
/// The server cannot be asked at the start, or there is no terminal. One that goes away later is waited for.
pub async fn live(server: &Server, interval: Duration) -> Result<(), TopError> {
    if !std::io::stdout().is_terminal() {
        return Err(TopError::NoTerminal);
    }
    let history = History::new(server.name(), server.look().await?);
    live::run(server, history, interval).await
}
