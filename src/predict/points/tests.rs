//! Features against the files that `training/` writes; forecasts of made-up games; tables of earlier games; models
//! that fail, and folders of them.

mod corrections;
mod forecasts;
mod golden;
mod models;
mod recorded;
mod seasons;
mod tables;
