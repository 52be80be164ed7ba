//! Both backends over the models of `tests/models`: what `make.py` there says they answer, and why some are refused.

use super::*;
use crate::test_support::skipped::skipped;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs;

const KINDS: usize = 0;
const PASS: usize = 1;

/// What the models of `tests/models` are made for.
fn signature() -> Signature {
    Signature::new(8, &[("kinds", 5), ("pass", 1)])
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

fn settings(backend: BackendSetting, device: DeviceSetting) -> Settings {
    Settings {
        backend,
        device,
        precision: Precision::Fp32,
        onnxruntime: None,
        engine_cache_dir: std::env::temp_dir().join(format!("scorewire-engines-{}", std::process::id())),
    }
}

/// ONNX Runtime on the CPU; nothing where its library is not here.
fn onnxruntime() -> Option<Backend> {
    let backend = Backend::open(&settings(BackendSetting::OnnxRuntime, DeviceSetting::Only(Device::Cpu)));
    if backend.serving().backend == "onnxruntime" {
        return Some(backend);
    }
    skipped("no ONNX Runtime library; deploy/fetch-onnxruntime fetches one and says what to set ORT_DYLIB_PATH to");
    None
}

/// tract, and ONNX Runtime where it is here.
fn backends() -> Vec<Backend> {
    [Backend::built_in()].into_iter().chain(onnxruntime()).collect()
}

/// Rows, and what each good model's reference gives for them, values in one list each.
#[derive(Deserialize)]
struct Answers {
    rows: Vec<f32>,
    good: HashMap<String, Vec<f32>>,
    opset20: HashMap<String, Vec<f32>>,
}

fn answers() -> Answers {
    serde_json::from_slice(&fs::read(file("answers.json")).unwrap()).unwrap()
}

#[track_caller]
fn assert_close<'a>(rows: impl Iterator<Item = &'a [f32]>, expected: &[f32]) {
    let values: Vec<f32> = rows.flatten().copied().collect();
    assert_eq!(values.len(), expected.len());
    for (at, (value, expected)) in values.iter().zip(expected).enumerate() {
        assert!((value - expected).abs() <= 1e-5, "value {at}: {value} instead of {expected}");
    }
}

#[test]
fn both_backends_answer_as_the_reference_does() {
    let answers = answers();
    for backend in backends() {
        for (name, expected) in [("good.onnx", &answers.good), ("opset20.onnx", &answers.opset20)] {
            let mut model = backend.load_file(&file(name), &signature()).unwrap();
            // 21 rows: a batch of 16, one of 4 and one of 1 by tract.
            let outputs = model.run(&answers.rows).unwrap();
            assert_close(outputs.rows(KINDS), &expected["kinds"]);
            assert_close(outputs.rows(PASS), &expected["pass"]);
        }
    }
}

/// A row's answer is its own: of a batch of any size, padded or cut.
#[test]
fn a_rows_answer_does_not_depend_on_its_batch() {
    let answers = answers();
    let row = |at: usize| &answers.rows[at % 21 * 8..][..8];
    for backend in backends() {
        let mut model = backend.load_file(&file("good.onnx"), &signature()).unwrap();
        for rows in [1, 2, 3, 4, 5, 16, 17, 33, 64, 65, 100, 150] {
            let batch: Vec<f32> = (0..rows).flat_map(row).copied().collect();
            let outputs = model.run(&batch).unwrap();
            let expected: Vec<f32> = (0..rows)
                .flat_map(|at| &answers.good["kinds"][at % 21 * 5..][..5])
                .copied()
                .collect();
            assert_close(outputs.rows(KINDS), &expected);
            assert_close(
                [outputs.row(PASS, rows - 1)].into_iter(),
                &answers.good["pass"][(rows - 1) % 21..][..1],
            );
        }
    }
}

/// Outputs come in the order in which they are asked for; those that are not asked for are left out.
#[test]
fn outputs_are_found_by_name() {
    let answers = answers();
    for backend in backends() {
        let turned = Signature::new(8, &[("pass", 1), ("kinds", 5)]);
        let mut model = backend.load_file(&file("good.onnx"), &turned).unwrap();
        let outputs = model.run(&answers.rows).unwrap();
        assert_close(outputs.rows(0), &answers.good["pass"]);
        assert_close(outputs.rows(1), &answers.good["kinds"]);
        let mut model = backend.load_file(&file("good.onnx"), &Signature::new(8, &[("pass", 1)])).unwrap();
        assert_close(model.run(&answers.rows).unwrap().rows(0), &answers.good["pass"]);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_what_to_do() {
    let pass = Signature::new(8, &[("pass", 1)]);
    for backend in backends() {
        for (name, signature, what) in [
            (
                "seven_features.onnx",
                signature(),
                "takes 7 features where \"features\" of rows × 8 floats",
            ),
            (
                "four_kinds.onnx",
                signature(),
                "\"kinds\" of rows × 4, \"pass\" of rows × 1 where \"kinds\" of rows × 5",
            ),
            (
                "no_pass.onnx",
                pass.clone(),
                "gives \"kinds\" of rows × 4 where \"pass\" of rows × 1 floats is expected",
            ),
            ("one_row.onnx", signature(), "\"features\" has a fixed number of rows"),
            (
                "nan.onnx",
                pass.clone(),
                "does not answer rows of zeros (\"pass\" of row 0 is no finite number)",
            ),
            ("cut.onnx", signature(), "is no ONNX model that"),
            ("make.py", signature(), "is no ONNX model that"),
            ("not_there.onnx", signature(), "cannot be read"),
        ] {
            let error = backend.load_file(&file(name), &signature).err().unwrap().to_string();
            assert!(error.contains(name) && error.contains(what), "{error}");
        }
        let error = backend.load("empty", &[], &pass).err().unwrap().to_string();
        assert!(error.contains("model empty: is no ONNX model"), "{error}");
        let error = backend.load("long", &vec![0; MODEL_BYTES_MAX + 1], &pass).err().unwrap();
        assert!(matches!(error.refusal, Refusal::TooLarge), "{error}");
    }
}

/// A file cut anywhere, or with any byte changed, is refused or runs; the thread goes on.
#[test]
fn damaged_files_end_nothing() {
    let whole = fs::read(file("good.onnx")).unwrap();
    for backend in backends() {
        for at in (0..whole.len()).step_by(97) {
            assert!(backend.load("cut", &whole[..at], &signature()).is_err(), "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _ = backend.load("changed", &changed, &signature());
        }
    }
}

#[test]
fn what_is_no_number_is_an_error_of_the_run() {
    let pass = Signature::new(8, &[("pass", 1)]);
    for backend in backends() {
        let mut model = backend.load_file(&file("late_nan.onnx"), &pass).unwrap();
        let rows: Vec<f32> = [1.0, -1.0, 4.0].iter().flat_map(|value| [*value; 8]).collect();
        let (output, row) = ("pass".to_owned(), 1);
        assert_eq!(model.run(&rows).err(), Some(RunError::NotFinite { output, row }));
        // And the next run is as good as any.
        assert_close(model.run(&[2.0; 8]).unwrap().rows(0), &[4.0]);
    }
}

/// What a backend does not survive is an error of that run, whatever the batch, and the next is as good as any.
#[test]
fn rows_that_a_backend_cannot_run_end_nothing() {
    let pass = Signature::new(8, &[("pass", 1)]);
    let row = |sum: f32| [sum, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for backend in backends() {
        let mut model = backend.load_file(&file("late_panic.onnx"), &pass).unwrap();
        for others in [0, 3, 19, 70] {
            let good: Vec<f32> = [1.0].into_iter().chain(vec![0.0; others]).flat_map(row).collect();
            let bad: Vec<f32> = good.iter().copied().chain(row(9.0)).collect();
            for _ in 0..2 {
                assert!(matches!(model.run(&bad).err(), Some(RunError::Failed(_))), "{others} others");
                let expected: Vec<f32> = [0.75].into_iter().chain(vec![0.25; others]).collect();
                assert_close(model.run(&good).unwrap().rows(0), &expected);
            }
        }
    }
}

#[test]
fn a_model_says_who_runs_it() {
    for backend in backends() {
        let model = backend.load_file(&file("good.onnx"), &signature()).unwrap();
        assert_eq!(model.serving(), backend.serving());
    }
}

#[test]
fn a_file_says_what_it_takes_and_gives() {
    let read = Signature::read(&fs::read(file("good.onnx")).unwrap()).unwrap();
    assert_eq!(read, signature());
}

#[test]
fn a_device_that_is_not_there_leaves_the_cpu() {
    for device in [Device::Cuda(200), Device::TensorRt(200)] {
        for backend in [BackendSetting::Auto, BackendSetting::Tract] {
            let backend = Backend::open(&settings(backend, DeviceSetting::Only(device)));
            assert_eq!(backend.serving().device, Device::Cpu);
            assert_eq!(backend.on_cpu().serving(), backend.serving());
            backend.load_file(&file("good.onnx"), &signature()).unwrap();
        }
    }
    let _ = fs::remove_dir(settings(BackendSetting::Auto, DeviceSetting::Auto).engine_cache_dir);
}
