//! Times and tables as people read them.

use crate::model::IngestTime;
use std::fmt::Write as _;

/// Rows under a heading, each column as wide as it needs to be.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns whose figures stand below each other.
    right: Vec<bool>,
}

impl Table {
    /// Headings; one that begins with `>` is of a column of figures.
    pub(super) fn new(headings: &[&str]) -> Table {
        let heading = |heading: &&str| heading.trim_start_matches('>').to_owned();
        Table {
            rows: vec![headings.iter().map(heading).collect()],
            right: headings.iter().map(|heading| heading.starts_with('>')).collect(),
        }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.map(str::to_owned).to_vec());
    }

    /// All of it, a line each.
    pub(super) fn text(&self) -> String {
        let widest = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.right.len()).map(widest).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let space = " ".repeat(width - cell.chars().count());
                line += &if *right {
                    format!("{space}{cell}  ")
                } else {
                    format!("{cell}{space}  ")
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// `2026-11-21 18:00:01`, in UTC.
pub(super) fn time(at: IngestTime) -> String {
    const DAY_S: i64 = 86_400;
    let seconds = at.0.div_euclid(1_000_000);
    let (days, of_day) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
    let (year, month, day) = date(days);
    let mut text = format!("{year:04}-{month:02}-{day:02}");
    // Writing to a text does not fail.
    let _ = write!(text, " {:02}:{:02}:{:02}", of_day / 3_600, of_day / 60 % 60, of_day % 60);
    text
}

/// Year, month and day of a day since 1970-01-01. Source: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (us, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_400_000_000, "2000-02-29 00:00:00"),
            (1_506_275_400_123_456, "2017-09-24 17:50:00"),
            (4_102_444_799_999_999, "2099-12-31 23:59:59"),
        ] {
            assert_eq!(time(IngestTime(us)), text);
        }
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(&["name", ">size", "end"]);
        table.row(["a", "1", "x"]);
        table.row(["longer", "100", ""]);
        assert_eq!(table.text(), "name    size  end\na          1  x\nlonger   100\n");
    }
}
