//! What an operator watches: rules, alerts and dashboard name what there is, and a real Prometheus takes them and
//! the page of a running server.

mod expressions;
mod live;
mod names;
