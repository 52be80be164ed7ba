//! The same on a real disk.

use super::super::{Batch, DiskFiles, Durability, OpenError, Settings, open, repair, verify};
use super::{header, records, replayed};
use std::path::PathBuf;
use std::sync::Arc;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("scorewire-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const SETTINGS: Settings = Settings {
    durability: Durability::Group,
    segment_bytes: 10_000,
    queue_batches_max: 64,
    unsynced_bytes_max: 1 << 20,
    group_wait_us: 2_000,
    commit_timeout_ms: 20_000,
    retry_ms: 10,
};

#[tokio::test]
async fn a_log_on_disk_goes_on_where_it_ended() {
    let folder = Folder::new("goes-on");
    let dir = folder.0.join("deep/log");
    for life in 0..3u64 {
        let opening = open(&dir, Arc::new(DiskFiles)).unwrap();
        assert!(opening.clean);
        assert_eq!(replayed(&opening).unwrap(), (0..life * 100).collect::<Vec<_>>());
        let log = opening.begin(header("e"), SETTINGS, |_: ()| ()).unwrap();
        assert!(matches!(open(&dir, Arc::new(DiskFiles)), Err(OpenError::InUse(_))));
        for batch in 0..20 {
            let first = life * 100 + batch * 5;
            let batch = Batch {
                records: records(first..first + 5),
                count: 5,
                payload: (),
            };
            log.submit(batch).await.unwrap().committed().await.unwrap();
        }
        log.close().await.unwrap();
    }
    assert_eq!(verify(&dir, &DiskFiles).unwrap().records, 300);
    assert_eq!(repair(&dir, &DiskFiles).unwrap(), []);
}
