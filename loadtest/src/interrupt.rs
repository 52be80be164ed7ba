//! Ctrl-C, or SIGTERM: a run ends early, with a report of what there is. A second one ends the process at once.

use anyhow::{Context as _, Result, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Exit status of a process that a second signal ends: there is no report.
const ENDED_AT_ONCE: i32 = 2;

/// Time between looks at whether somebody asked to stop, of those who wait.
pub(crate) const LOOK: Duration = Duration::from_millis(200);

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Notes signals from now on.
pub(crate) fn watch() -> Result<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        // In this order, so that what ends the process is the second.
        let ends = flag::register_conditional_shutdown(signal, ENDED_AT_ONCE, asked.clone());
        ends.and_then(|_| flag::register(signal, asked.clone()))
            .context("signals can't be caught")?;
    }
    Ok(())
}

/// Whether somebody asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed))
}

/// An error where somebody asked to stop.
pub(crate) fn check() -> Result<()> {
    ensure!(!asked(), "interrupted");
    Ok(())
}

/// Sleeps so long; an error as soon as somebody has asked to stop.
pub(crate) fn sleep(duration: Duration) -> Result<()> {
    let mut left = duration;
    while !left.is_zero() {
        check()?;
        let part = left.min(LOOK);
        thread::sleep(part);
        left -= part;
    }
    check()
}
