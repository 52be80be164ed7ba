//! Which counts of each class still make a lineup, as an automaton: one layer a class, a node for each set of
//! counts that may follow.
//!
//! Pure. Bounded by the fillings it is made of.

/// No node.
pub(super) const NONE: u16 = u16::MAX;

/// One class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// Which.
    pub(super) class: u8,
    /// Nodes before it.
    pub(super) nodes: usize,
    /// Most that any node takes of it.
    pub(super) most: usize,
    /// Most that each node takes.
    pub(super) most_of: Vec<u8>,
    /// The node after `count` of a node's, at `node * (most + 1) + count`; [`NONE`] where that makes no lineup.
    pub(super) next: Vec<u16>,
}

impl Layer {
    pub(super) fn next(&self, node: usize, count: usize) -> Option<usize> {
        let next = self.next[node * (self.most + 1) + count];
        (next != NONE).then_some(usize::from(next))
    }
}

/// The automaton. A lineup goes from node 0 of the first layer to node 0 after the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) layers: Vec<Layer>,
}

impl Shape {
    /// From every filling, classes in the order in which they shall come. No filling: `None`.
    pub(super) fn new(fillings: &[Vec<u8>], order: &[u8]) -> Option<Shape> {
        fillings.first()?;
        let in_order = |filling: &Vec<u8>| order.iter().map(|class| filling[usize::from(*class)]).collect::<Vec<u8>>();
        let mut all: Vec<Vec<u8>> = fillings.iter().map(in_order).collect();
        all.sort();
        all.dedup();
        let mut layers = Vec::new();
        let mut nodes = vec![all];
        for &class in order {
            let most_of: Vec<u8> = nodes
                .iter()
                .map(|rest| rest.iter().map(|counts| counts[0]).max().unwrap_or(0))
                .collect();
            let most = most_of.iter().copied().max().map_or(0, usize::from);
            let (mut next, mut after) = (vec![NONE; nodes.len() * (most + 1)], Vec::<Vec<Vec<u8>>>::new());
            for (node, rest) in nodes.iter().enumerate() {
                for count in 0..=most {
                    let tails: Vec<Vec<u8>> = rest
                        .iter()
                        .filter(|counts| usize::from(counts[0]) == count)
                        .map(|counts| counts[1..].to_vec())
                        .collect();
                    if tails.is_empty() {
                        continue;
                    }
                    let known = after.iter().position(|other| *other == tails);
                    let index = known.unwrap_or_else(|| {
                        after.push(tails);
                        after.len() - 1
                    });
                    next[node * (most + 1) + count] = index as u16;
                }
            }
            let nodes_count = nodes.len();
            layers.push(Layer {
                class,
                nodes: nodes_count,
                most,
                most_of,
                next,
            });
            nodes = after;
        }
        Some(Shape { layers })
    }
}

/// What is left of fillings once some are taken, by class.
pub(super) fn without(fillings: &[Vec<u8>], taken: &[u8]) -> Vec<Vec<u8>> {
    let rest = |filling: &Vec<u8>| -> Option<Vec<u8>> {
        let pairs = filling.iter().zip(taken);
        pairs.map(|(count, taken)| count.checked_sub(*taken)).collect()
    };
    fillings.iter().filter_map(rest).collect()
}
