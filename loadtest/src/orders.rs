//! A child's end of the conversation: standard input, read without ever blocking the epoll loop.

use crate::crew::Order;
use anyhow::{Context as _, Result};
use std::io::Stdin;
use std::os::fd::AsFd as _;

/// Lines from the parent.
pub(crate) struct Orders {
    input: Stdin,
    pending: Vec<u8>,
    ended: bool,
}

impl Orders {
    /// Takes over standard input once the job's line has been read from it.
    pub(crate) fn new(input: Stdin, pending: Vec<u8>) -> Self {
        Self {
            input,
            pending,
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
        let mut chunk = [0; 4_096];
        let count = rustix::io::read(self.input.as_fd(), &mut chunk).context("standard input can't be read")?;
        self.ended |= count == 0;
        self.pending.extend_from_slice(&chunk[..count]);
        Ok(())
    }

    /// The next whole line, if there is one.
    pub(crate) fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.pending.iter().position(|&byte| byte == b'\n')?;
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
            self.read()?;
        }
        Ok(())
    }
}
