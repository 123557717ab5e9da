//! Decimal numbers compared exactly: `1`, `1.0` and `1e0` are one value, and integers of any length keep all their digits.
//!
//! AWS documents ±10⁹ and five digits after the point
//! (<https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html>) yet accepts more; nothing here
//! rounds or clamps.

use std::cmp::Ordering;

/// A decimal number: `0.d₁d₂d₃… × 10^point`. Zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    /// ASCII digits without leading or trailing zeros.
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// Reads decimal text: an optional sign, digits with at most one point, an optional exponent. No spaces, no hexadecimal, no
    /// infinities. The cost is linear in the length of the text, however large the exponent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..leading);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self { negative: false, digits, point: 0 });
        }
        let point = exponent.saturating_add(whole.len() as i64).saturating_sub(leading as i64);
        Some(Self { negative, digits, point })
    }

    /// Whether it lies in the range and precision that AWS documents: -10⁹ to 10⁹, five digits after the point.
    pub(super) fn is_documented(&self) -> bool {
        let billion = self.point < 10 || (self.point == 10 && self.digits == b"1");
        billion && (self.digits.len() as i64).saturating_sub(self.point) <= 5
    }

    fn size(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Without leading zeros the exponent decides first; then the digits, as text, do.
            (false, false) => self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

fn exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Past what fits, all exponents are alike; a quarter of the range leaves room for the sums above.
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(i64::MAX / 4);
    Some(if negative { -size } else { size })
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.size(other),
            (true, true) => other.size(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn n(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("`{text}` is a number"))
    }

    #[test]
    fn spellings_of_one_value_are_equal() {
        for group in [
            &["1", "1.0", "1e0", "1E+0", "10e-1", "0.1e1", "01", "+1"][..],
            &["0", "-0", "0.0", "0e99", "-0.000"],
            &["301.5", "3.015e2", "3015e-1"],
            &["-100", "-1e2"],
            &["123456789012345678901234567890", "1.2345678901234567890123456789e29"],
        ] {
            for other in group {
                assert_eq!(n(group[0]), n(other), "{other}");
                assert_eq!(n(group[0]).cmp(&n(other)), Ordering::Equal, "{other}");
            }
        }
    }

    #[test]
    fn digits_that_no_float_holds_are_kept() {
        assert!(n("9007199254740993") > n("9007199254740992"));
        assert_ne!(n("0.1"), n("0.1000000000000000055511151231257827"));
        assert!(n("1e400") > n("9e399"));
        assert!(n("-1e400") < n("-9e399"));
    }

    #[test]
    fn huge_exponents_cost_nothing_and_do_not_overflow() {
        assert!(n("1e999999999999999999999") > n("9e99"));
        assert!(n("1e-999999999999999999999") < n("1e-99"));
        assert!(n("1e-999999999999999999999") > n("0"));
        assert_eq!(n("0e999999999999999999999"), n("0"));
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "", "-", "+", ".", "1e", "1e+", "e5", "1.2.3", " 1", "1 ", "0x10", "inf", "NaN", "1_000", "١", "--1",
            "1e1.5",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_documented_range() {
        for text in ["0", "1e9", "-1e9", "999999999.99999", "0.00001"] {
            assert!(n(text).is_documented(), "{text}");
        }
        for text in ["1000000001", "-1e10", "0.000001", "1.000001", "1e-9"] {
            assert!(!n(text).is_documented(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn orders_as_integers_do(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(n(&a.to_string()).cmp(&n(&b.to_string())), a.cmp(&b));
        }

        #[test]
        fn orders_as_floats_do(a in -1e12..1e12f64, b in -1e12..1e12f64) {
            prop_assert_eq!(n(&format!("{a:e}")).cmp(&n(&format!("{b}"))), a.partial_cmp(&b).expect("finite"));
        }
    }
}
