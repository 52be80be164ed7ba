//! What an operator watches: rules, alerts and dashboard name what there is, and a real Prometheus takes them and
//! the page of a running server.

mod expressions;
mod live;
mod names;

/// Metrics of the cluster that rules and dashboard read already. Where they are not in the table yet, alerts that
/// read them do not fire and charts are empty.
pub(crate) const COMING: [&str; 3] = [
    "scorewire_cluster_lease_changes_total",
    "scorewire_cluster_late_seconds",
    "scorewire_cluster_connected",
];
