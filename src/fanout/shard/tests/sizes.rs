//! What a client costs: the sizes that `docs/memory.md` adds up.

use crate::fanout::shard::access::Held;
use crate::fanout::shard::batch::Piece;
use crate::fanout::shard::conn::{Busy, Conn};
use crate::fanout::shard::subs::{Cursor, Pace, Subs};
use crate::fanout::shard::{Account, ConnKey};

#[test]
fn the_table_of_sizes_is_true() {
    let table = include_str!("../../../../docs/memory.md");
    for (name, bytes) in [
        ("Conn", size_of::<Conn>()),
        ("Subs", size_of::<Subs>()),
        ("Cursor", size_of::<Cursor>()),
        ("Account", size_of::<Account>()),
        ("(u32, u32)", size_of::<(u32, u32)>()),
        ("ConnKey", size_of::<ConnKey>()),
        ("Busy", size_of::<Busy>()),
        ("Pace", size_of::<Pace>()),
        ("Held", size_of::<Held>()),
        ("Piece", size_of::<Piece>()),
    ] {
        let row = table.lines().find(|line| line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/memory.md has no row for `{name}`"));
        assert!(
            row.contains(&format!("| {bytes} |")),
            "`{name}` has {bytes} bytes; docs/memory.md says: {row}"
        );
    }
}
