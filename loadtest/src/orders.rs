//! A child's end of the conversation: standard input, read without ever blocking the epoll loop.

use crate::crew::Order;
use anyhow::{Context as _, Result};
use std::io::Stdin;
use std::os::fd::AsFd as _;

/// Lines from the parent.
pub(crate) struct Orders {
    input: Stdin,
    pending: Vec<u8>,
    /// Bytes of `pending` that hold no end of a line.
    scanned: usize,
    ended: bool,
}

impl Orders {
    /// Takes over standard input once the job's line has been read from it.
    pub(crate) fn new(input: Stdin, pending: Vec<u8>) -> Self {
        Self {
            input,
            pending,
            scanned: 0,
            ended: false,
        }
    }

    /// The descriptor to watch.
    pub(crate) fn input(&self) -> &Stdin {
        &self.input
    }

    /// Whether the parent is gone (or wants this process gone).
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Reads what is there (blocks where nothing is).
    pub(crate) fn read(&mut self) -> Result<()> {
        let mut chunk = [0; 65_536];
        let count = rustix::io::read(self.input.as_fd(), &mut chunk).context("standard input can't be read")?;
        self.ended |= count == 0;
        self.pending.extend_from_slice(&chunk[..count]);
        Ok(())
    }

    /// The next whole line, if there is one.
    pub(crate) fn line(&mut self) -> Option<Vec<u8>> {
        let Some(end) = self.pending[self.scanned..].iter().position(|&byte| byte == b'\n') else {
            self.scanned = self.pending.len();
            return None;
        };
        let end = std::mem::take(&mut self.scanned) + end;
        Some(self.pending.drain(..=end).collect())
    }

    /// The next order, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Order>> {
        self.line()
            .map(|line| serde_json::from_slice(&line).context("unreadable order"))
            .transpose()
    }

    /// Blocks until the parent closes standard input.
    pub(crate) fn wait_for_end(&mut self) -> Result<()> {
        while !self.ended {
            self.pending.clear();
            self.scanned = 0;
            self.read()?;
        }
        Ok(())
    }
}
