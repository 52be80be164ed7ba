//! Numbers on the command line: what can't be a value is refused before anything starts.

/// At least 0.
pub(crate) fn zero_or_more(text: &str) -> Result<f64, String> {
    number(text, "at least 0", |number| number >= 0.0)
}

/// Over 0.
pub(crate) fn over_zero(text: &str) -> Result<f64, String> {
    number(text, "over 0", |number| number > 0.0)
}

/// Over 0 and at most 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    number(text, "over 0 and at most 1", |number| number > 0.0 && number <= 1.0)
}

/// A whole number, at least 1.
pub(crate) fn at_least_one<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let count = text.parse().ok().filter(|&count: &u64| count > 0);
    let count = count.and_then(|count| T::try_from(count).ok());
    count.ok_or_else(|| "must be a whole number, at least 1".to_owned())
}

fn number(text: &str, must_be: &str, is_right: impl Fn(f64) -> bool) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number
        .filter(|&number| is_right(number))
        .ok_or_else(|| format!("must be a number, {must_be}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_t_be_a_value_is_refused() {
        assert_eq!((zero_or_more("0"), over_zero("0.5"), share("1")), (Ok(0.0), Ok(0.5), Ok(1.0)));
        for text in ["-1", "nan", "inf", "", "two"] {
            assert!(
                zero_or_more(text).is_err() && over_zero(text).is_err() && share(text).is_err(),
                "{text}"
            );
        }
        assert!(over_zero("0").is_err() && share("0").is_err() && share("1.1").is_err());
        assert_eq!((at_least_one::<usize>("1"), at_least_one::<u32>("7")), (Ok(1), Ok(7)));
        for text in ["0", "-1", "1.5", "5000000000"] {
            assert!(at_least_one::<u32>(text).unwrap_err().contains("at least 1"), "{text}");
        }
    }
}
