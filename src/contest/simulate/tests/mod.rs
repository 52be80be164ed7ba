//! Contests made up from a seed, and what is expected of them.

mod device;
mod kernel;
mod made_up;
mod numbers;
mod odds;
mod plain;
mod refresh;
mod shapes;
