//! Payloads that a schema lets pass, made up from it: realistic where names and formats say what is meant, and the same for
//! the same seed.
//!
//! Made by following the keywords, then held against the schema; what does not pass is made again. So whatever comes out is
//! valid, and what cannot be made is refused with the place that could not be met.

mod number;
mod random;
mod text;

use serde_json::{Map, Value, json};

use self::random::Random;
use super::Schema;
use super::flat::{Flat, types, whole};
use super::resolve::{Documents, push};

/// Tries for one payload.
const TRIES: u64 = 200;
/// Tries in which what the schema gives as examples and defaults is believed.
const TRUSTING: u64 = 40;
/// Depth at which optional things are left out.
const DEEP: usize = 5;
/// Depth at which making gives up.
const DEEPEST: usize = 60;
/// Values in one payload.
const SIZE: u32 = 20_000;

/// Why there is no example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no example can be made: `{pointer}` of the schema {reason}")]
pub struct CannotMake {
    /// JSON pointer into the schema, as if what is referred to stood in place.
    pub pointer: String,
    /// A fragment with the place as its subject.
    pub reason: String,
}

/// The example number `index` (from 0) for `seed`. The first shows every property; the others vary.
///
/// # Errors
/// No try passed the schema.
pub fn example(schema: &Schema, seed: u64, index: u64) -> Result<Value, CannotMake> {
    let docs = schema.documents();
    let mut reason = None;
    for attempt in 0..TRIES {
        let mut mixed =
            Random::new(seed ^ index.wrapping_mul(0xA076_1D64_78BD_642F) ^ attempt.wrapping_mul(0xE703_7ED1_A0B4_28DB));
        let random = Random::new(mixed.next());
        let full = index == 0 && attempt < TRUSTING;
        let mut maker = Maker { docs, random, full, trusting: attempt < TRUSTING, left: SIZE };
        let root = Flat::of(docs, &docs.root());
        match maker.value(root, "", "", 0) {
            Ok(value) if schema.is_valid(&value) => return Ok(value),
            Ok(value) => {
                let (found, _) = schema.check_at_most(&value, "", 1);
                if let Some(violation) = found.into_iter().next() {
                    let place = if violation.pointer.is_empty() {
                        "the payload".to_owned()
                    } else {
                        format!("`{}`", violation.pointer)
                    };
                    let why = format!("was not met in {TRIES} tries; the last time {place} {}", violation.message);
                    reason = Some(CannotMake { pointer: violation.schema_pointer, reason: why });
                }
            }
            Err(error) => reason = Some(error),
        }
    }
    Err(reason.unwrap_or_else(|| CannotMake { pointer: String::new(), reason: "was not met".into() }))
}

struct Maker<'d> {
    docs: &'d Documents,
    random: Random,
    /// Leave nothing optional out.
    full: bool,
    /// Believe examples and defaults.
    trusting: bool,
    left: u32,
}

/// Elements of a list, or properties of an object, that are made: a larger payload is no example, and fits no topic.
const MOST_PARTS: u64 = 10_000;

fn cannot<T>(path: &str, reason: impl Into<String>) -> Result<T, CannotMake> {
    Err(CannotMake { pointer: path.to_owned(), reason: reason.into() })
}

fn below(path: &str, parts: &[&str]) -> String {
    let mut path = path.to_owned();
    parts.iter().for_each(|part| push(&mut path, part));
    path
}

impl<'d> Maker<'d> {
    /// A value for `flat`, which stands at `path` and belongs to a property called `name`.
    fn value(&mut self, flat: Flat<'d>, path: &str, name: &str, depth: usize) -> Result<Value, CannotMake> {
        if self.left == 0 || depth > DEEPEST {
            return cannot(path, "leads to a payload without an end");
        }
        self.left -= 1;
        if let Some(reference) = flat.lost.first() {
            return cannot(path, format!("refers to `{reference}`, which cannot be followed"));
        }
        let flat = self.choose(flat, path, depth)?;
        if flat.never {
            return cannot(path, "lets nothing pass");
        }
        let mask = flat.types(self.docs);
        if let Some(values) = flat.values() {
            let fitting: Vec<&Value> =
                values.into_iter().filter(|value| super::flat::type_of(value) & mask != 0).collect();
            return match self.random.pick(&fitting) {
                Some(&value) => Ok(value.clone()),
                None => cannot(path, "lists no value that all of it lets pass"),
            };
        }
        if self.trusting && !path.is_empty() {
            let shown: Vec<&Value> = flat
                .parts
                .iter()
                .flat_map(|part| {
                    let examples = part.get("examples").and_then(Value::as_array).into_iter().flatten();
                    examples.chain(
                        part.get("default").filter(|value| !["null", "[]", "{}"].contains(&value.to_string().as_str())),
                    )
                })
                .filter(|value| super::flat::type_of(value) & mask != 0)
                .collect();
            if let Some(&value) = self.random.pick(&shown).filter(|_| self.full || self.random.clone().percent(50)) {
                return Ok(value.clone());
            }
        }
        let kind = self.kind(&flat, mask, path);
        match kind {
            types::NULL => Ok(Value::Null),
            types::BOOL => Ok(self.random.percent(50).into()),
            types::OBJECT => self.object(flat, path, depth),
            types::ARRAY => self.array(&flat, path, name, depth),
            types::STRING => self.string(&flat, path, name),
            types::INTEGER | types::NUMBER => number::make(&flat, kind, name, &mut self.random)
                .map_or_else(|| cannot(path, "asks for a number that was not found"), Ok),
            _ => cannot(path, "leaves no type that a value may have"),
        }
    }

    /// Decides between alternatives, and adds what they say.
    fn choose(&mut self, mut flat: Flat<'d>, path: &str, depth: usize) -> Result<Flat<'d>, CannotMake> {
        let mut done: Vec<(usize, bool)> = Vec::new();
        loop {
            let next = flat.parts.iter().find(|part| {
                !done.contains(&part.origin)
                    && ["anyOf", "oneOf", "if"].iter().any(|keyword| part.get(keyword).is_some())
            });
            let Some(part) = next.cloned() else { return Ok(flat) };
            done.push(part.origin);
            if done.len() > 40 {
                return cannot(path, "has alternatives without an end");
            }
            for keyword in ["anyOf", "oneOf"] {
                let many = part.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
                let mut fitting = Vec::new();
                for index in 0..many {
                    let Some(node) = part.node(&[keyword, &index.to_string()]) else { continue };
                    let joined = flat.clone().and(&Flat::of(self.docs, &node));
                    if joined.types(self.docs) != 0 && joined.values().is_none_or(|values| !values.is_empty()) {
                        // Deep down, what ends is better than what goes on.
                        let ends = joined.types(self.docs) & !(types::OBJECT | types::ARRAY) != 0;
                        fitting.push((joined, ends));
                    }
                }
                if depth > DEEP && fitting.iter().any(|(_, ends)| *ends) {
                    fitting.retain(|(_, ends)| *ends);
                }
                if many > 0 {
                    match self.random.pick(&fitting) {
                        Some((chosen, _)) => flat = chosen.clone(),
                        None => return cannot(&below(path, &[keyword]), "has no form that fits the rest"),
                    }
                }
            }
            if let Some(condition) = part.node(&["if"]) {
                let keyword = if self.random.percent(50) {
                    flat.add(self.docs, &condition);
                    "then"
                } else {
                    "else"
                };
                if let Some(node) = part.node(&[keyword]) {
                    flat.add(self.docs, &node);
                }
            }
        }
    }

    /// The type to make: what the keywords speak of, where any would do.
    fn kind(&mut self, flat: &Flat<'d>, mask: u8, path: &str) -> u8 {
        let speaks = |keywords: &[&str]| flat.parts.iter().any(|part| keywords.iter().any(|k| part.get(k).is_some()));
        if mask & types::OBJECT != 0
            && (path.is_empty()
                || speaks(&["properties", "required", "patternProperties", "additionalProperties", "minProperties"]))
        {
            return types::OBJECT;
        }
        if mask & types::ARRAY != 0 && speaks(&["items", "prefixItems", "contains", "minItems"]) {
            return types::ARRAY;
        }
        if mask & types::NULL != 0 && mask != types::NULL && !self.full && self.random.percent(15) {
            return types::NULL;
        }
        if mask & types::STRING != 0 && (mask == types::ALL || speaks(&["pattern", "format", "minLength", "maxLength"]))
        {
            return types::STRING;
        }
        let number = match mask & types::NUMBER {
            types::FRACTION | types::NUMBER => types::NUMBER,
            other => other,
        };
        if number != 0 && speaks(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]) {
            return number;
        }
        let kinds = [types::STRING, types::BOOL, types::OBJECT, types::ARRAY];
        let mut open: Vec<u8> = kinds.into_iter().filter(|kind| mask & kind != 0).collect();
        open.extend(Some(number).filter(|number| *number != 0));
        self.random.pick(&open).copied().unwrap_or(mask & types::NULL)
    }

    fn object(&mut self, mut flat: Flat<'d>, path: &str, depth: usize) -> Result<Value, CannotMake> {
        let wanted = self.names(&mut flat, path, depth)?;
        let required: Vec<String> = flat.required().into_iter().map(str::to_owned).collect();
        let mut made = Map::new();
        for name in wanted {
            let (has, _) = flat.property(self.docs, &name);
            let must = required.contains(&name);
            if has.never && !must {
                continue;
            }
            match self.value(has, &below(path, &["properties", &name]), &name, depth + 1) {
                Ok(value) => drop(made.insert(name, value)),
                Err(error) if must => return Err(error),
                // Optional, and not to be made: then it is not there.
                Err(_) => {}
            }
        }
        let (least, most) = (flat.bound("minProperties", true).unwrap_or(0), flat.bound("maxProperties", false));
        if least > MOST_PARTS {
            return cannot(path, format!("asks for an object of {least} properties"));
        }
        self.more(&flat, path, depth, least, most, &mut made)?;
        if let Some(most) = most {
            let spare: Vec<String> = made.keys().filter(|name| !required.contains(name)).cloned().collect();
            for name in spare.into_iter().rev() {
                if made.len() as u64 > most {
                    made.shift_remove(&name);
                }
            }
        }
        Ok(Value::Object(made))
    }

    /// The properties to make, in order; adds what depends on them.
    fn names(&mut self, flat: &mut Flat<'d>, path: &str, depth: usize) -> Result<Vec<String>, CannotMake> {
        let mut chosen: Vec<String> = Vec::new();
        let mut refused: Vec<String> = Vec::new();
        // What depends on a property may ask for more: round by round, until there is no news.
        for _ in 0..16 {
            let required: Vec<String> = flat.required().into_iter().map(str::to_owned).collect();
            let known: Vec<String> = flat.names().into_iter().map(str::to_owned).collect();
            let before = (chosen.len(), flat.parts.len());
            for name in known.iter().chain(&required) {
                if chosen.contains(name) {
                    continue;
                }
                if required.contains(name) {
                    chosen.push(name.clone());
                } else if !refused.contains(name) {
                    let take = self.full || depth <= DEEP && self.random.percent(65);
                    if take && depth <= DEEP { chosen.push(name.clone()) } else { refused.push(name.clone()) }
                }
            }
            for part in flat.parts.clone() {
                for keyword in ["dependentRequired", "dependentSchemas", "dependencies"] {
                    for (name, demand) in part.get(keyword).and_then(Value::as_object).into_iter().flatten() {
                        if !chosen.contains(name) {
                            continue;
                        }
                        if let Some(names) = demand.as_array() {
                            let new =
                                names.iter().filter_map(Value::as_str).filter(|name| !chosen.iter().any(|c| c == name));
                            let new: Vec<String> = new.map(str::to_owned).collect();
                            chosen.extend(new);
                        } else if let Some(node) = part.node(&[keyword, name]) {
                            flat.add(self.docs, &node);
                        }
                    }
                }
            }
            if flat.never {
                return cannot(path, "lets nothing pass beside what depends on it");
            }
            if before == (chosen.len(), flat.parts.len()) {
                break;
            }
        }
        Ok(chosen)
    }

    /// Properties that have no name in the schema: of a map, or because more are asked for.
    fn more(
        &mut self,
        flat: &Flat<'d>,
        path: &str,
        depth: usize,
        least: u64,
        most: Option<u64>,
        made: &mut Map<String, Value>,
    ) -> Result<(), CannotMake> {
        let patterns: Vec<String> = flat.patterns().into_iter().map(str::to_owned).collect();
        let rest = flat.rest(self.docs);
        let is_map = flat.names().is_empty() && (!patterns.is_empty() || !rest.never && !rest.parts.is_empty());
        let wanted = if is_map && depth <= DEEP { least.max(1 + self.random.below(2)) } else { least };
        let wanted = most.map_or(wanted, |most| wanted.min(most));
        let mut names = Flat::default();
        flat.parts.iter().filter_map(|part| part.node(&["propertyNames"])).for_each(|node| names.add(self.docs, &node));
        let mut tries = 0;
        while (made.len() as u64) < wanted {
            tries += 1;
            if tries > 20 + 4 * wanted || self.left == 0 {
                return cannot(path, format!("asks for {least} properties, which were not found"));
            }
            let name = match self.random.pick(&patterns) {
                Some(pattern) if rest.never || self.random.percent(60) => {
                    text::of_pattern(pattern, &mut self.random).unwrap_or_default()
                }
                _ if !names.parts.is_empty() => {
                    match self.value(names.clone(), &below(path, &["propertyNames"]), "", depth + 1)? {
                        Value::String(name) => name,
                        _ => continue,
                    }
                }
                _ => format!(
                    "{}{}",
                    text::word(&mut self.random),
                    if made.len() > 8 { made.len().to_string() } else { String::new() }
                ),
            };
            let (has, _) = flat.property(self.docs, &name);
            if has.never || made.contains_key(&name) {
                continue;
            }
            let value = self.value(has, &below(path, &["additionalProperties"]), &name, depth + 1)?;
            made.insert(name, value);
        }
        Ok(())
    }

    fn array(&mut self, flat: &Flat<'d>, path: &str, name: &str, depth: usize) -> Result<Value, CannotMake> {
        let least = flat.bound("minItems", true).unwrap_or(0);
        if least > MOST_PARTS {
            return cannot(path, format!("asks for a list of {least} elements"));
        }
        let most = flat.bound("maxItems", false).unwrap_or(u64::MAX);
        let unique = flat.parts.iter().any(|part| part.get("uniqueItems") == Some(&Value::Bool(true)));
        let mut contained = Vec::new();
        for part in &flat.parts {
            if let Some(node) = part.node(&["contains"]) {
                let count = part.get("minContains").and_then(whole).unwrap_or(1);
                contained.extend((0..count.min(200)).map(|_| Flat::of(self.docs, &node)));
            }
        }
        let prefix = flat.prefix() as u64;
        let wish = if depth > DEEP { 0 } else { prefix.max(1 + self.random.below(2)) };
        let length = wish.max(contained.len() as u64).max(least).min(most);
        let single = name.strip_suffix('s').unwrap_or(name).to_owned();
        let mut made: Vec<Value> = Vec::new();
        for index in 0..length {
            let mut element = flat.element(self.docs, index as usize);
            if index >= prefix.min(length - (contained.len() as u64).min(length))
                && let Some(more) = contained.pop()
            {
                element = element.and(&more);
            }
            if element.never && made.len() as u64 >= least && contained.is_empty() {
                break;
            }
            let place = below(path, &["items"]);
            let mut value = None;
            for _ in 0..50 {
                let next = match self.value(element.clone(), &place, &single, depth + 1) {
                    Ok(next) => next,
                    Err(_) if made.len() as u64 >= least && contained.is_empty() => return Ok(Value::Array(made)),
                    Err(error) => return Err(error),
                };
                if !unique || !made.iter().any(|known| super::flat::equal(known, &next)) {
                    value = Some(next);
                    break;
                }
            }
            match value {
                Some(value) => made.push(value),
                None if made.len() as u64 >= least => break,
                None => return cannot(path, format!("asks for {least} different elements, which were not found")),
            }
        }
        Ok(Value::Array(made))
    }

    fn string(&mut self, flat: &Flat<'d>, path: &str, name: &str) -> Result<Value, CannotMake> {
        let least = flat.bound("minLength", true).unwrap_or(0);
        let most = flat.bound("maxLength", false).unwrap_or(u64::MAX);
        if least > 1_000_000 {
            return cannot(path, format!("asks for a text of {least} characters"));
        }
        let told = |keyword: &str| {
            let own = flat.parts.iter().filter_map(|part| part.get(keyword)).filter_map(Value::as_str);
            own.map(str::to_owned).collect::<Vec<_>>()
        };
        let (patterns, formats) = (told("pattern"), told("format"));
        let format = formats.iter().find(|format| text::of_format(format, &mut Random::new(0)).is_some());
        let fits = |text: &str| {
            let length = text.chars().count() as u64;
            (least..=most).contains(&length)
                && patterns.iter().all(|pattern| super::flat::matches(pattern, text) != Some(false))
        };
        // Texts of a form are taken as they come; free ones can be made to measure.
        for _ in 0..60 {
            let text = match (format, self.random.pick(&patterns)) {
                (Some(format), _) => text::of_format(format, &mut self.random).unwrap_or_default(),
                (None, Some(pattern)) => match text::of_pattern(pattern, &mut self.random) {
                    Some(text) => text,
                    None => {
                        return cannot(
                            &below(path, &["pattern"]),
                            format!("`{pattern}` is beyond what texts are made for"),
                        );
                    }
                },
                (None, None) => {
                    let mut text = text::of_name(name, &mut self.random);
                    let mut length = text.chars().count() as u64;
                    while length < least {
                        let more = text::word(&mut self.random);
                        text.push_str(more);
                        length += more.len() as u64;
                    }
                    let cut = text.chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect::<String>();
                    return Ok(cut.into());
                }
            };
            if fits(&text) {
                return Ok(text.into());
            }
            // A pattern without an end on either side leaves room.
            let mut longer = text.clone();
            while (longer.chars().count() as u64) < least && format.is_none() {
                longer.push_str(text::word(&mut self.random));
            }
            if fits(&longer) && format.is_none() {
                return Ok(longer.into());
            }
        }
        let asked = json!({ "pattern": patterns, "format": formats, "minLength": least });
        cannot(path, format!("asks for a text that was not found: {}", super::explain::cut(&asked)))
    }
}

#[cfg(test)]
mod tests;
