//! A shard by hand: one socket's bytes at a time, virtual time, real hub and engine.

mod bounds;
mod clocks;
mod closing;
mod compressed;
mod expiry;
mod looks;
mod rates;
mod reading;
mod rests;
mod rig;
mod sizes;
mod slices;
mod streams;
mod subscriptions;
mod writing;
