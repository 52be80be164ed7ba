//! A GPU that disappears while it serves, as whoever reads predictions, the log and the metrics sees it.

use super::*;
use crate::model::prediction::{Bulletin, ForecastKind, Source};
use crate::model::{IngestTime, Now, Recap, Side};
use crate::predict::board::{News as Moved, Notice};
use crate::predict::predictor::tests::{SETTINGS, begun};
use crate::predict::predictor::{Effort, Knowledge, Predictor};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::io::{self, Write};

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first snap of a game, the home team so many points ahead: of each lead something else is said.
fn coming(lead: u16) -> Recap {
    let mut recap = begun().coming(Side::Home, 1);
    recap.score = Some([lead, 0]);
    recap
}

/// Who says who wins, and of how many kinds something is said.
fn winner(predictor: &mut Predictor<Registry>, lead: u16) -> (Source, usize) {
    let recap = coming(lead);
    let notice = Notice {
        game: recap.head.game.clone(),
        news: Moved::Snap,
        ingest: IngestTime(1),
        feed_ts: None,
    };
    let now = Now {
        steady_us: i64::from(lead),
        wall_us: i64::from(lead),
    };
    let mut told = Vec::new();
    predictor.turn(now);
    predictor.step(&[notice], Effort::Whole, now, &|_| Some(recap.clone()), &mut |bulletin| {
        if let Bulletin::Prediction(prediction) = bulletin {
            told.push(prediction);
        }
    });
    let winner = told.iter().find(|told| told.forecast.kind() == ForecastKind::Win).unwrap();
    (winner.source.clone(), told.len())
}

/// Returns what is left serving: it shows in the metrics as long as it is there.
fn disappears() -> Predictor<Registry> {
    let (says, on_cpu) = (Says::new(), Says::new());
    let mut registry = registry(Serve::default(), [loaded("1", &says, GPU)]);
    let (news, requests) = loader(&mut registry);
    let mut predictor = Predictor::new(registry, Knowledge::shipped(), SETTINGS);
    let by_model = |said: (Source, usize)| matches!(said, (Source::Model { .. }, 3));
    assert!(by_model(winner(&mut predictor, 0)));
    says.fail();
    for lead in 1..6 {
        assert_eq!(winner(&mut predictor, lead), (Source::Historical, 3));
    }
    assert!(matches!(requests.try_recv(), Ok(Request::OnCpu(stem)) if stem == "win-1"));
    assert!(news.send(loaded("1", &on_cpu, CPU)).is_ok());
    assert!(by_model(winner(&mut predictor, 6)));
    let running = predictor.models().list().remove(0).running.unwrap();
    assert_eq!((running.backend, &*running.device), ("tract", "cpu"));
    predictor
}

#[test]
fn history_answers_until_the_cpu_does_and_log_and_metrics_say_so() {
    let (recorder, log) = (PrometheusBuilder::new().build_recorder(), Log::default());
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _serving = metrics::with_local_recorder(&recorder, || tracing::subscriber::with_default(subscriber, disappears));
    let log = String::from_utf8(log.0.lock().clone()).unwrap();
    let cut_off: Vec<&str> = log.lines().filter(|line| line.contains("left alone for a while")).collect();
    assert!(
        cut_off.len() == 1 && cut_off[0].contains("device=cuda:0") && cut_off[0].contains("the device is lost"),
        "{log}"
    );
    let page = recorder.handle().render();
    for line in [
        "scorewire_model_failed_runs_total 3",
        "scorewire_model_cut_offs_total 1",
        "scorewire_models{state=\"serving\"} 1",
    ] {
        assert!(page.lines().any(|told| told == line), "{line}: {page}");
    }
}
