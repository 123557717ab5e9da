//! Numbers between bounds, on a grid.

use serde_json::{Number, Value, json};

use super::random::Random;
use crate::schema::flat::{Flat, types};

/// A number for `flat`; `None` where none was found.
pub(super) fn make(flat: &Flat<'_>, kind: u8, name: &str, random: &mut Random) -> Option<Value> {
    let (mut low, mut high): (Option<f64>, Option<f64>) = (None, None);
    let (mut low_open, mut high_open) = (false, false);
    let (mut least, mut most): (Option<i128>, Option<i128>) = (None, None);
    for part in &flat.parts {
        for (keyword, switch, upper) in [
            ("minimum", "exclusiveMinimum", false),
            ("exclusiveMinimum", "exclusiveMinimum", false),
            ("maximum", "exclusiveMaximum", true),
            ("exclusiveMaximum", "exclusiveMaximum", true),
        ] {
            let Some(Value::Number(number)) = part.get(keyword) else { continue };
            let open = keyword == switch || part.get(switch) == Some(&Value::Bool(true));
            let limit = number.as_f64()?;
            let edge = whole_edge(number, open, upper);
            if upper {
                most = Some(most.map_or(edge, |known| known.min(edge)));
                if high.is_none_or(|known| limit < known || limit == known && open) {
                    (high, high_open) = (Some(limit), open);
                }
            } else {
                least = Some(least.map_or(edge, |known| known.max(edge)));
                if low.is_none_or(|known| limit > known || limit == known && open) {
                    (low, low_open) = (Some(limit), open);
                }
            }
        }
    }
    let steps: Vec<&Number> = flat
        .parts
        .iter()
        .filter_map(|part| match part.get("multipleOf") {
            Some(Value::Number(step)) => Some(step),
            _ => None,
        })
        .collect();
    let span: i128 = if name.to_lowercase().ends_with("age") { 70 } else { 999 };
    let from =
        least.unwrap_or_else(|| most.map_or(1, |most| if most >= 1 { 1.min(most) } else { most.saturating_sub(span) }));
    let to = most.unwrap_or(from.saturating_add(span)).min(from.saturating_add(1_000_000));
    let grid = steps.iter().try_fold(1i128, |grid, step| {
        let step = step.as_i128().filter(|step| *step > 0)?;
        (grid / gcd(grid, step)).checked_mul(step)
    });
    if let Some(grid) = grid {
        let (first, last) = (div_ceil(from, grid), to.max(from).div_euclid(grid));
        let last = if most.is_none() { last.max(first + 20) } else { last };
        let wants_fraction = kind == types::NUMBER && steps.is_empty();
        if first <= last && !(wants_fraction && random.percent(60)) {
            let value = random.between(first, last).checked_mul(grid)?;
            return number(value);
        }
        if kind == types::INTEGER && first > last {
            return None;
        }
    }
    if !steps.is_empty() {
        let step = steps.first()?.as_f64().filter(|step| *step > 0.0)?;
        let first = (low.unwrap_or(0.0).max(high.map_or(0.0, |high| (high - step * 1000.0).min(low.unwrap_or(0.0))))
            / step)
            .ceil() as i128;
        let decimals = steps.first()?.to_string().split('.').nth(1).map_or(0, str::len);
        let upper = high.map_or(first + 1000, |high| (high / step).floor() as i128);
        for _ in 0..200 {
            let value = random.between(first, upper) as f64 * step;
            let value: f64 = format!("{value:.decimals$}").parse().ok()?;
            let inside = low.is_none_or(|low| value > low || value == low && !low_open)
                && high.is_none_or(|high| value < high || value == high && !high_open);
            if inside && (kind == types::NUMBER || value.fract() == 0.0) {
                return Some(json!(value));
            }
        }
        return None;
    }
    if kind == types::INTEGER {
        return None;
    }
    // Two decimals, as prices have; more where there is no room for them.
    let bottom = low.unwrap_or_else(|| high.map_or(1.0, |high| (high - 999.0).min(1.0)));
    let top = high.unwrap_or(bottom + 999.0).min(bottom + 1e6);
    let share = (random.below(9_999) + 1) as f64 / 10_001.0;
    let value = bottom + (top - bottom) * share;
    let rounded = (value * 100.0).round() / 100.0;
    let inside =
        |value: f64| (value > bottom || value == bottom && !low_open) && (value < top || value == top && !high_open);
    [rounded, value, bottom, top]
        .into_iter()
        .find(|value| inside(*value))
        .and_then(|value| Number::from_f64(value).map(Value::Number))
}

fn number(value: i128) -> Option<Value> {
    i64::try_from(value).ok().map(Value::from).or_else(|| u64::try_from(value).ok().map(Value::from))
}

/// The first whole number that a bound lets pass.
fn whole_edge(limit: &Number, open: bool, upper: bool) -> i128 {
    let step = i128::from(open);
    match limit.as_i128() {
        Some(limit) if upper => limit - step,
        Some(limit) => limit + step,
        None => {
            let limit = limit.as_f64().unwrap_or(0.0).clamp(-9e18, 9e18);
            let onto = if limit.fract() == 0.0 { step } else { 0 };
            if upper { limit.floor() as i128 - onto } else { limit.ceil() as i128 + onto }
        }
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

fn div_ceil(a: i128, b: i128) -> i128 {
    -(-a).div_euclid(b)
}
