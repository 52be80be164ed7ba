//! A shard by hand: one socket's bytes at a time, virtual time, real hub and engine.

mod access;
mod bounds;
mod clocks;
mod closing;
mod compressed;
mod expiry;
mod followers;
mod lineups;
mod looks;
mod predictions;
mod rates;
mod reading;
mod relief;
mod rests;
mod rig;
mod sizes;
mod slices;
mod streams;
mod subscriptions;
mod survey;
mod writing;
