//! What a run does, by scenario: each makes a plan, has it run and adds its own figures.

pub(crate) mod broadcast;
pub(crate) mod slate;
pub(crate) mod stalled;
