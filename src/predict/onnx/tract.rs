//! Models run by tract, in this process, on the CPU, with nothing installed.
//!
//! A plan is made for each of a few batch sizes, because tract optimises for shapes it knows; a batch in between
//! is padded up or cut, whichever computes less.
//!
//! It panics where others say no: on some graphs when they are loaded, on some rows when they are run. Either is an
//! error here, and what a plan held in between is never used again.

use crate::predict::onnx::Serving;
use crate::predict::onnx::model::{Network, RunError};
use crate::predict::onnx::signature::Refusal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::SimpleState;

/// The batch sizes that plans are made for, in rows.
pub(super) const BATCH_ROWS: [usize; 5] = [1, 4, 16, 32, 64];

/// What runs batches of one size.
struct Plan {
    runnable: Arc<TypedRunnableModel>,
    /// What it keeps between runs. Nothing before the first one, and after one that failed: made anew then.
    state: Option<SimpleState<TypedFact, Box<dyn TypedOp>>>,
}

/// A model by tract.
pub(super) struct TractNetwork {
    features: usize,
    /// Where the wanted outputs stand among the graph's.
    places: Vec<usize>,
    /// One for each of [`BATCH_ROWS`].
    plans: Vec<Plan>,
    /// Rows that fill a batch up, at the end zeros.
    padded: Vec<f32>,
}

impl TractNetwork {
    pub(super) fn load(graph: &ModelProto, features: usize, places: Vec<usize>) -> Result<TractNetwork, Refusal> {
        let broken = |error: String| Refusal::Broken { by: "tract", error };
        // On graphs that it does not know (a GRU for one). Nothing of what was begun is kept.
        let plans = caught(|| plans(graph, features)).map_err(broken)?;
        Ok(TractNetwork {
            features,
            places,
            plans,
            padded: Vec::new(),
        })
    }

    /// Runs the first rows there are, as many as a plan takes, and says how many that were.
    fn run_some(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<usize, String> {
        let there = features.len() / self.features;
        let plan = plan_for(there);
        let (rows, taken) = (BATCH_ROWS[plan], there.min(BATCH_ROWS[plan]));
        let mut batch = &features[..taken * self.features];
        if taken < rows {
            self.padded.clear();
            self.padded.extend_from_slice(batch);
            self.padded.resize(rows * self.features, 0.0);
            batch = &self.padded;
        }
        let Plan { runnable, state } = &mut self.plans[plan];
        let mut taken_out = state.take();
        caught(|| {
            let state = match &mut taken_out {
                Some(state) => state,
                None => taken_out.insert(runnable.spawn()?),
            };
            let input = Tensor::from_shape(&[rows, self.features], batch)?;
            let answers = state.run(tvec!(input.into_tvalue()))?;
            for (values, &place) in outputs.iter_mut().zip(&self.places) {
                let answer = answers[place].try_as_plain_ram()?;
                let answer = answer.as_slice::<f32>()?;
                values.extend_from_slice(&answer[..answer.len() / rows * taken]);
            }
            Ok(())
        })?;
        *state = taken_out;
        Ok(taken)
    }
}

impl Network for TractNetwork {
    fn run(&mut self, mut features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
        while !features.is_empty() {
            let taken = self
                .run_some(features, outputs)
                .map_err(|error| RunError::Failed(format!("tract: {error}")))?;
            features = &features[taken * self.features..];
        }
        Ok(())
    }

    fn serving(&self) -> Serving {
        Serving::BUILT_IN
    }
}

/// A panic is an error, too; of what was worked on nothing may be used after it.
fn caught<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| format!("{error:#}")),
        Err(_) => Err("it panicked".into()),
    }
}

fn plans(graph: &ModelProto, features: usize) -> TractResult<Vec<Plan>> {
    // What exporters note of shapes in between says "N" where a plan has a number.
    let model = tract_onnx::onnx().with_ignore_value_info(true).model_for_proto_model(graph)?;
    let plan = |rows: usize| {
        let fact = f32::fact([rows, features]).into();
        let model = model.clone().with_input_fact(0, fact)?;
        let runnable = model.into_optimized()?.into_runnable()?;
        Ok(Plan { runnable, state: None })
    };
    BATCH_ROWS.into_iter().map(plan).collect()
}

/// The plan for the first of so many rows: the smallest that takes them all, unless more than half of it would
/// be padding and a smaller one is full.
fn plan_for(rows: usize) -> usize {
    let Some(holds) = BATCH_ROWS.iter().position(|&size| size >= rows) else {
        return BATCH_ROWS.len() - 1;
    };
    match holds {
        0 => 0,
        holds if BATCH_ROWS[holds] > 2 * rows => holds - 1,
        holds => holds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_computes_more_than_twice_its_rows() {
        for rows in 1..=300 {
            let (mut left, mut computed) = (rows, 0);
            while left > 0 {
                let size = BATCH_ROWS[plan_for(left)];
                computed += size;
                left = left.saturating_sub(size);
            }
            assert!(computed <= 2 * rows, "{computed} for {rows}");
        }
        assert_eq!([1, 2, 4, 5, 9, 16, 20, 33, 65].map(plan_for), [0, 1, 1, 1, 2, 2, 3, 4, 4]);
    }
}
