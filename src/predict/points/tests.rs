//! Features against the files that `training/` writes; forecasts of made-up games; tables of earlier games.

mod forecasts;
mod golden;
mod recorded;
mod tables;
