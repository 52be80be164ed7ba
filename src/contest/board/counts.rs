//! How many entries have how much.
//!
//! A count for every value there can be, or, where values are many beside entries, a list of those there are. The first
//! is kept as entries move; the second is made anew when somebody asks.

/// Values whose counts are summed up together.
const GROUP: usize = 64;

/// A count for every cell value from 0.
#[derive(Debug)]
pub(super) struct Dense {
    /// As many as a power of two.
    pub(super) counts: Box<[u32]>,
    /// Zero between shifts: what those who move had.
    pub(super) moving: Box<[u32]>,
    /// By group: how many entries are in groups above it. Right where nothing has moved since.
    above: Vec<u32>,
}

/// The values there are, best first, and how many entries are above each.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    values: Vec<(u32, u32)>,
    entries: u32,
    scratch: Vec<u32>,
}

/// Where values stand.
#[derive(Debug)]
pub(super) enum Counts {
    Dense(Dense),
    Sparse(Sparse),
}

impl Dense {
    pub(super) fn new(width: usize) -> Dense {
        let width = width.next_power_of_two().max(GROUP);
        Dense {
            counts: vec![0; width].into_boxed_slice(),
            moving: vec![0; width].into_boxed_slice(),
            above: vec![0; width / GROUP],
        }
    }

    /// Those gathered in `moving`, all within `low..=high`, go up by so many.
    pub(super) fn settle(&mut self, low: usize, high: usize, moved: i64) {
        let moving = &mut self.moving[low..=high];
        for (count, moving) in self.counts[low..=high].iter_mut().zip(&*moving) {
            *count -= moving;
        }
        let to = (low as i64 + moved) as usize;
        for (count, moving) in self.counts[to..to + moving.len()].iter_mut().zip(&*moving) {
            *count += moving;
        }
        moving.fill(0);
    }

    /// Sums groups up; gives the lowest and the highest value there is.
    fn sum(&mut self, low: u32, high: u32) -> (u32, u32) {
        let (mut low, mut high) = (low as usize, high as usize);
        while low < high && self.counts[low] == 0 {
            low += 1;
        }
        while low < high && self.counts[high] == 0 {
            high -= 1;
        }
        let mut above = 0;
        // Beyond `high` nobody is above, and below `low` nobody asks.
        for group in (low / GROUP..=high / GROUP).rev() {
            self.above[group] = above;
            above += self.counts[group * GROUP..(group + 1) * GROUP].iter().sum::<u32>();
        }
        (low as u32, high as u32)
    }
}

impl Counts {
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Counts::Dense(dense) => dense.counts.len() * 8 + dense.above.len() * 4,
            Counts::Sparse(sparse) => sparse.values.capacity() * 8 + sparse.scratch.capacity() * 4,
        }
    }

    /// Brings it up to date; gives the lowest and the highest value.
    pub(super) fn update(&mut self, low: u32, high: u32, cells: impl Iterator<Item = u32>) -> (u32, u32) {
        match self {
            Counts::Dense(dense) => dense.sum(low, high),
            Counts::Sparse(sparse) => {
                sparse.gather(cells);
                let edge = |value: Option<&(u32, u32)>| value.map_or(low, |(value, _)| *value);
                (edge(sparse.values.last()), edge(sparse.values.first()))
            }
        }
    }

    /// How many entries have more than that value.
    pub(super) fn above(&self, value: u32) -> u32 {
        match self {
            Counts::Dense(dense) => {
                let group = value as usize / GROUP;
                let rest = &dense.counts[value as usize + 1..(group + 1) * GROUP];
                dense.above[group] + rest.iter().sum::<u32>()
            }
            Counts::Sparse(sparse) => {
                let at = sparse.values.partition_point(|(other, _)| *other > value);
                sparse.values.get(at).map_or(sparse.entries, |(_, above)| *above)
            }
        }
    }

    /// How many entries have that value.
    pub(super) fn at(&self, value: u32) -> u32 {
        match self {
            Counts::Dense(dense) => dense.counts[value as usize],
            Counts::Sparse(sparse) => {
                let Ok(at) = sparse.values.binary_search_by(|(other, _)| value.cmp(other)) else {
                    return 0;
                };
                let below = sparse.values.get(at + 1).map_or(sparse.entries, |(_, above)| *above);
                below - sparse.values[at].1
            }
        }
    }

    /// The value at that place, of those between the lowest and the highest there is; the best is at 1.
    pub(super) fn value_at(&self, place: u32, low: u32, high: u32) -> u32 {
        match self {
            Counts::Dense(dense) => {
                // The last group that has fewer than `place` above it.
                let groups = &dense.above[low as usize / GROUP..=high as usize / GROUP];
                let first = groups.partition_point(|above| *above >= place);
                let group = low as usize / GROUP + first.min(groups.len() - 1);
                let mut above = dense.above[group];
                let mut value = (group + 1) * GROUP;
                while value > group * GROUP && above < place {
                    value -= 1;
                    above += dense.counts[value];
                }
                value as u32
            }
            Counts::Sparse(sparse) => {
                let at = sparse.values.partition_point(|(_, above)| *above < place);
                sparse.values[at.max(1) - 1].0
            }
        }
    }
}

impl Sparse {
    fn gather(&mut self, cells: impl Iterator<Item = u32>) {
        let sorted = &mut self.scratch;
        sorted.clear();
        sorted.extend(cells);
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        self.entries = sorted.len() as u32;
        self.values.clear();
        for (above, value) in sorted.iter().enumerate() {
            if self.values.last().is_none_or(|(last, _)| last != value) {
                self.values.push((*value, above as u32));
            }
        }
    }
}
