//! Figures as people read them. Nothing here is exact to the last digit but [`count`].

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 B`, `1.5 KiB`, `12 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit < 4 {
        tenths /= 1_024;
        unit += 1;
    }
    let unit_name = ["B", "KiB", "MiB", "GiB", "TiB"][unit];
    match (unit, tenths < 100) {
        (1.., true) => format!("{}.{} {unit_name}", tenths / 10, tenths % 10),
        _ => format!("{} {unit_name}", tenths / 10),
    }
}

/// A figure that may have a fraction, in at most five characters up to a trillion: `0`, `3.4`, `120`, `12.1k`.
pub(crate) fn short(number: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    if !number.is_finite() {
        return "–".to_owned();
    }
    let (mut scaled, mut unit) = (number, 0);
    // What would be rounded up to a thousand is one.
    while scaled.abs() >= if unit == 0 { 9_999.5 } else { 999.95 } && unit + 1 < UNITS.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    let has_tenths = if unit == 0 {
        scaled.abs() < 9.95 && scaled.fract() != 0.0
    } else {
        true
    };
    format!("{scaled:.*}{}", usize::from(has_tenths), UNITS[unit])
}

/// A time in seconds: `8 µs`, `1.2 ms`, `340 ms`, `2.4 s`, `3 min`, `5 h`, `2 d`; a dash where there is none.
pub(crate) fn duration(seconds: f64) -> String {
    let scaled = |value: f64, unit: &str| format!("{value:.*} {unit}", usize::from(value < 9.95 && unit != "µs"));
    match seconds {
        _ if !seconds.is_finite() => "–".to_owned(),
        ..0.000_999_5 => scaled(seconds.max(0.0) * 1e6, "µs"),
        ..0.999_5 => scaled(seconds * 1e3, "ms"),
        ..119.5 => scaled(seconds, "s"),
        ..7_170.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.0} h", seconds / 3_600.0),
        _ => format!("{:.0} d", seconds / 86_400.0),
    }
}

/// A share of one: `72.1%`, `0%`, `100%`.
pub(crate) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "–".to_owned();
    }
    let percent = share * 100.0;
    let has_tenths = percent > 0.0 && percent < 99.95;
    format!("{percent:.*}%", usize::from(has_tenths))
}

/// The time of day in UTC of a time in microseconds since the Unix epoch: `17:50:00`.
pub(crate) fn clock_time(wall_us: i64) -> String {
    let seconds = wall_us.div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0, 1_023, 1_024, 1_536, 10_239, 10_240, 1 << 20, (1 << 30) + (1 << 29), u64::MAX];
        let texts = [
            "0 B",
            "1023 B",
            "1.0 KiB",
            "1.5 KiB",
            "9.9 KiB",
            "10 KiB",
            "1.0 MiB",
            "1.5 GiB",
            "16777215 TiB",
        ];
        assert_eq!(sizes.map(bytes), texts);
    }

    #[test]
    fn short_figures_keep_what_counts() {
        let figures = [
            0.0,
            0.04,
            3.4,
            3.0,
            9.96,
            120.4,
            9_999.0,
            9_999.6,
            12_100.0,
            999_960.0,
            40e6,
            1e15,
            -2.5,
            f64::NAN,
        ];
        let texts = [
            "0", "0.0", "3.4", "3", "10", "120", "9999", "10.0k", "12.1k", "1.0M", "40.0M", "1000.0T", "-2.5", "–",
        ];
        assert_eq!(figures.map(short), texts);
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let seconds = [
            0.0,
            8e-6,
            0.000_4,
            0.001,
            0.001_24,
            0.034_2,
            0.340_4,
            0.999_6,
            2.44,
            34.2,
            119.4,
            180.0,
            18_000.0,
            200_000.0,
            f64::NAN,
        ];
        let texts = [
            "0 µs", "8 µs", "400 µs", "1.0 ms", "1.2 ms", "34 ms", "340 ms", "1.0 s", "2.4 s", "34 s", "119 s", "3 min", "5 h", "2 d", "–",
        ];
        assert_eq!(seconds.map(duration), texts);
        assert_eq!(duration(-1.0), "0 µs");
        assert_eq!(duration(f64::INFINITY), "–");
    }

    #[test]
    fn shares_and_times_of_day() {
        assert_eq!(
            [0.0, 0.000_4, 0.721, 0.999_6, 1.0, f64::NAN].map(percent),
            ["0%", "0.0%", "72.1%", "100%", "100%", "–"]
        );
        assert_eq!(clock_time(1_506_275_400_123_456), "17:50:00");
        assert_eq!(clock_time(-1), "23:59:59");
    }
}
