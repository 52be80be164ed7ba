//! A loaded model: what goes in and comes out is looked at on every run, whoever runs it.

use crate::predict::onnx::Serving;
use crate::predict::onnx::signature::Signature;

/// Most rows of one run.
pub const ROWS_MAX: usize = 4096;

/// Rows of the runs that warm a model up: one for each plan of tract's.
const WARM_UP_ROWS: [usize; 5] = super::tract::BATCH_ROWS;

/// What runs a model. One thread's own; [`Model`] looks at what goes in and comes out.
pub trait Network: Send {
    /// Takes whole rows of features, row after row, at most [`ROWS_MAX`], and adds as many rows to each output.
    ///
    /// # Errors
    /// What the backend says.
    fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError>;

    /// Who it is, and what it runs on.
    fn serving(&self) -> Serving;
}

/// A run that gave nothing to go by.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RunError {
    /// Not whole rows, or too many.
    #[error("{values} values are not 0 to {ROWS_MAX} rows of {features}")]
    Rows {
        /// Values given.
        values: usize,
        /// Features of a row.
        features: usize,
    },
    /// The backend failed.
    #[error("{0}")]
    Failed(String),
    /// An answer of another size than the model's file promised.
    #[error("\"{output}\" has {values} values for {rows} rows")]
    Size {
        /// The output.
        output: String,
        /// Values it has.
        values: usize,
        /// Rows asked for.
        rows: usize,
    },
    /// NaN or infinity among the answers; without that row the others may be run again.
    #[error("\"{output}\" of row {row} is no finite number")]
    NotFinite {
        /// The output.
        output: String,
        /// The first such row.
        row: usize,
    },
}

/// A model that is ready to run. It belongs to one thread at a time.
pub struct Model {
    network: Box<dyn Network>,
    signature: Signature,
    answers: Outputs,
}

/// What a run gave: an output for each that the [`Signature`] names, in its order.
#[derive(Default)]
pub struct Outputs {
    widths: Vec<usize>,
    values: Vec<Vec<f32>>,
}

impl Outputs {
    /// One row of an output.
    ///
    /// # Panics
    /// Where there is no such output or row.
    pub fn row(&self, output: usize, row: usize) -> &[f32] {
        let width = self.widths[output];
        &self.values[output][row * width..][..width]
    }

    /// The rows of an output.
    ///
    /// # Panics
    /// Where there is no such output.
    pub fn rows(&self, output: usize) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values[output].chunks_exact(self.widths[output])
    }
}

impl Model {
    /// Warms a network up, with zeros.
    ///
    /// # Errors
    /// Answers that no run may give.
    pub fn new(network: Box<dyn Network>, signature: Signature) -> Result<Model, RunError> {
        let widths: Vec<usize> = signature.outputs().iter().map(|output| output.width).collect();
        let answers = Outputs {
            values: vec![Vec::new(); widths.len()],
            widths,
        };
        let mut model = Model {
            network,
            signature,
            answers,
        };
        for rows in WARM_UP_ROWS {
            model.run(&vec![0.0; rows * model.signature.features()])?;
        }
        Ok(model)
    }

    /// What it takes and gives.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Who runs it, and on what.
    pub fn serving(&self) -> Serving {
        self.network.serving()
    }

    /// Runs whole rows of features, row after row. What it gives is good until the next run; nothing is
    /// allocated for it once it was as large before.
    ///
    /// # Errors
    /// Rows that are none, a backend that fails, answers that are no finite numbers.
    pub fn run(&mut self, features: &[f32]) -> Result<&Outputs, RunError> {
        let width = self.signature.features();
        let rows = features.len() / width;
        if rows * width != features.len() || rows > ROWS_MAX {
            return Err(RunError::Rows {
                values: features.len(),
                features: width,
            });
        }
        self.answers.values.iter_mut().for_each(Vec::clear);
        if rows > 0 {
            self.network.run(features, &mut self.answers.values)?;
        }
        for (output, values) in self.signature.outputs().iter().zip(&self.answers.values) {
            if values.len() != rows * output.width {
                return Err(RunError::Size {
                    output: output.name.clone(),
                    values: values.len(),
                    rows,
                });
            }
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return Err(RunError::NotFinite {
                    output: output.name.clone(),
                    row: at / output.width,
                });
            }
        }
        Ok(&self.answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives what it is told to, whatever it is asked.
    struct Fixed(Result<Vec<f32>, RunError>);

    impl Network for Fixed {
        fn run(&mut self, features: &[f32], outputs: &mut [Vec<f32>]) -> Result<(), RunError> {
            let values = self.0.clone()?;
            for _ in 0..features.len() / 2 {
                outputs[0].extend(&values);
            }
            Ok(())
        }

        fn serving(&self) -> Serving {
            Serving::BUILT_IN
        }
    }

    fn model(values: &[f32]) -> Result<Model, RunError> {
        Model::new(Box::new(Fixed(Ok(values.to_vec()))), Signature::new(2, &[("out", 3)]))
    }

    #[test]
    fn answers_are_rows_of_each_output() {
        let mut model = model(&[1.0, 2.0, 3.0]).unwrap();
        let answers = model.run(&[0.5; 8]).unwrap();
        assert_eq!(answers.rows(0).len(), 4);
        assert_eq!(answers.row(0, 3), [1.0, 2.0, 3.0]);
        assert_eq!(model.run(&[]).unwrap().rows(0).len(), 0, "no rows are no error");
    }

    #[test]
    fn only_whole_rows_are_run_and_not_too_many() {
        let mut model = model(&[1.0, 2.0, 3.0]).unwrap();
        for values in [1, 3, 2 * (ROWS_MAX + 1)] {
            let refused = model.run(&vec![0.0; values]).err();
            assert_eq!(refused, Some(RunError::Rows { values, features: 2 }));
        }
        assert!(model.run(&[0.0; 2 * ROWS_MAX]).is_ok());
    }

    #[test]
    fn answers_that_are_no_numbers_or_too_few_are_errors() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let output = "out".to_owned();
            assert_eq!(model(&[0.0, value, 0.0]).err(), Some(RunError::NotFinite { output, row: 0 }));
        }
        let (output, values, rows) = ("out".to_owned(), 2, 1);
        assert_eq!(model(&[0.0, 0.0]).err(), Some(RunError::Size { output, values, rows }));
        let failed = RunError::Failed("no device".into());
        let refused = Model::new(Box::new(Fixed(Err(failed.clone()))), Signature::new(2, &[("out", 3)]));
        assert_eq!(refused.err(), Some(failed));
    }
}
