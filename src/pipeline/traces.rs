//! Traces, wired: who is told of traced events, and the task that sends them.

use super::{StartError, nodes};
use crate::config::Config;
use crate::traces::{self, Exporter, Tracer};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The task that sends traces, while it runs.
pub(super) struct Sending {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Who is told of traced events; nothing where none is traced.
///
/// # Errors
/// The collector's address is none.
pub(super) fn begin(config: &Config) -> Result<Option<(Arc<Tracer>, Exporter)>, StartError> {
    let settings = config.traces.settings(nodes::name(config));
    settings
        .map(|settings| traces::start(settings).map_err(StartError::Traces))
        .transpose()
}

/// Starts the task. What other nodes took in before is not traced.
pub(super) fn run(tracer: &Tracer, exporter: Exporter) -> Sending {
    tracer.go_live();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(exporter.run(stopped));
    Sending { stop, task }
}

impl Sending {
    /// Sends what there is, where the collector takes it soon.
    pub(super) async fn end(self) {
        drop(self.stop);
        // One that panicked has ended too.
        let _ = self.task.await;
    }
}
