//! Texts that look like what people and programs write: by format, by pattern, by the property's name.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::random::Random;

const FIRST: [&str; 12] =
    ["Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "Hedy", "Ken", "Leslie", "Linus", "Margaret", "Radia"];
const LAST: [&str; 12] = [
    "Allen",
    "Dijkstra",
    "Hamilton",
    "Hopper",
    "Kernighan",
    "Lamarr",
    "Lamport",
    "Liskov",
    "Lovelace",
    "Perlman",
    "Thompson",
    "Turing",
];
const WORDS: [&str; 16] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "island", "juniper", "kelp", "lagoon",
    "meadow", "north", "opal", "pine",
];
const CITIES: [&str; 8] = ["Berlin", "Dublin", "Lagos", "Lima", "Lisbon", "Osaka", "Oslo", "Toronto"];

/// A word.
pub(super) fn word(random: &mut Random) -> &'static str {
    random.pick(&WORDS).copied().unwrap_or_default()
}

fn hex(random: &mut Random, digits: usize) -> String {
    (0..digits).map(|_| char::from_digit(random.below(16) as u32, 16).unwrap_or('0')).collect()
}

/// A UUID of version 4.
pub(super) fn uuid(random: &mut Random) -> String {
    let variant = ["8", "9", "a", "b"][random.below(4) as usize];
    format!("{}-{}-4{}-{variant}{}-{}", hex(random, 8), hex(random, 4), hex(random, 3), hex(random, 3), hex(random, 12))
}

fn date(random: &mut Random) -> String {
    format!("2026-{:02}-{:02}", 1 + random.below(12), 1 + random.below(28))
}

fn time(random: &mut Random) -> String {
    format!("{:02}:{:02}:{:02}Z", random.below(24), random.below(60), random.below(60))
}

/// A text of `format`; `None` for a format that is not known.
pub(super) fn of_format(format: &str, random: &mut Random) -> Option<String> {
    let lower = |text: &str| text.to_lowercase();
    Some(match format {
        "uuid" => uuid(random),
        "email" | "idn-email" => {
            let first = random.pick(&FIRST).copied().unwrap_or_default();
            let last = random.pick(&LAST).copied().unwrap_or_default();
            match random.below(4) {
                0 => format!("{}@example.com", &lower(first)[..1]),
                1 => format!("{}@example.org", lower(first)),
                _ => format!("{}.{}@example.com", lower(first), lower(last)),
            }
        }
        "date" => date(random),
        "time" => time(random),
        "date-time" => format!("{}T{}", date(random), time(random)),
        "duration" => format!("PT{}M", 1 + random.below(59)),
        "uri" | "iri" => format!("https://example.com/{}/{}", word(random), 1 + random.below(999)),
        "uri-reference" | "iri-reference" => format!("/{}/{}", word(random), 1 + random.below(999)),
        "uri-template" => format!("https://example.com/{}/{{id}}", word(random)),
        "hostname" | "idn-hostname" => format!("{}.example.com", word(random)),
        "ipv4" => format!("192.0.2.{}", 1 + random.below(254)),
        "ipv6" => format!("2001:db8::{}", hex(random, 3).trim_start_matches('0').to_owned() + "1"),
        "json-pointer" => format!("/{}/{}", word(random), random.below(9)),
        "relative-json-pointer" => format!("{}/{}", random.below(3), word(random)),
        "regex" => format!("^{}$", word(random)),
        _ => return None,
    })
}

/// A text as a property of that name would hold, where nothing else is asked of it.
pub(super) fn of_name(name: &str, random: &mut Random) -> String {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let first = random.pick(&FIRST).copied().unwrap_or_default();
    let last = random.pick(&LAST).copied().unwrap_or_default();
    let number = 1 + random.below(999);
    let ends = |ending: &str| plain.ends_with(ending);
    if ends("email") {
        of_format("email", random).unwrap_or_default()
    } else if ends("firstname") || ends("givenname") {
        first.into()
    } else if ends("lastname") || ends("familyname") || ends("surname") {
        last.into()
    } else if plain == "name" || ends("fullname") || ends("username") && plain != "username" {
        format!("{first} {last}")
    } else if ends("username") || ends("login") {
        format!("{}{number}", first.to_lowercase())
    } else if ends("id") || ends("uuid") {
        uuid(random)
    } else if ends("city") || ends("town") {
        random.pick(&CITIES).copied().unwrap_or_default().into()
    } else if ends("country") || ends("countrycode") {
        ["DE", "FR", "JP", "NG", "PE", "US"][random.below(6) as usize].into()
    } else if ends("currency") {
        ["EUR", "GBP", "JPY", "USD"][random.below(4) as usize].into()
    } else if ends("phone") || ends("phonenumber") {
        format!("+49 30 5550{number:03}")
    } else if ends("street") || ends("streetname") || ends("address") {
        format!("{number} {} Street", capital(word(random)))
    } else if ends("zip") || ends("zipcode") || ends("postcode") {
        format!("{:05}", 10_000 + random.below(89_999))
    } else if ends("url") || ends("uri") || ends("link") {
        of_format("uri", random).unwrap_or_default()
    } else if ends("date") {
        date(random)
    } else if ends("at") && plain.len() > 3 && name.ends_with("At") || name.ends_with("_at") || ends("timestamp") {
        format!("{}T{}", date(random), time(random))
    } else if plain == "code" || ends("errorcode") {
        ["APPLICATION_ERROR", "INVALID_STATE", "NOT_FOUND", "TIMEOUT"][random.below(4) as usize].into()
    } else if ends("description") || ends("detail") || ends("message") || ends("reason") || ends("comment") {
        format!("{} {} {}", capital(word(random)), word(random), word(random))
    } else {
        word(random).into()
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A text that fits `pattern`; `None` for a pattern with what only a matcher understands (look-around, back references).
pub(super) fn of_pattern(pattern: &str, random: &mut Random) -> Option<String> {
    let hir = ParserBuilder::new().nest_limit(60).build().parse(pattern).ok()?;
    let mut text = String::new();
    write(&hir, random, &mut text)?;
    Some(text)
}

/// Longest text that is made for a pattern.
const MOST: usize = 20_000;

fn write(hir: &Hir, random: &mut Random, out: &mut String) -> Option<()> {
    if out.len() > MOST {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            let ranges: Vec<(char, char)> = class.iter().map(|range| (range.start(), range.end())).collect();
            // What people can read, where there is any.
            let clip = |low: char, high: char| -> Vec<(char, char)> {
                ranges
                    .iter()
                    .map(|&(start, end)| (start.max(low), end.min(high)))
                    .filter(|(start, end)| start <= end)
                    .collect()
            };
            let plain: Vec<(char, char)> =
                [('0', '9'), ('A', 'Z'), ('a', 'z')].into_iter().flat_map(|(low, high)| clip(low, high)).collect();
            let ascii = clip(' ', '~');
            let from = [&plain, &ascii, &ranges].into_iter().find(|ranges| !ranges.is_empty())?;
            let size = |&(start, end): &(char, char)| u64::from(end as u32 - start as u32) + 1;
            let mut at = random.below(from.iter().map(size).sum());
            let &(start, _) = from.iter().find(|range| {
                let size = size(range);
                let here = at < size;
                if !here {
                    at -= size;
                }
                here
            })?;
            out.push(char::from_u32(start as u32 + at as u32).unwrap_or(start));
        }
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Repetition(repetition) => {
            let low = u64::from(repetition.min);
            let high = repetition.max.map_or(low + 6, u64::from).min(low + 12);
            let low = if low == 0 && high > 0 && random.percent(70) { 1 } else { low };
            for _ in 0..low + random.below(high - low + 1) {
                write(&repetition.sub, random, out)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, random, out)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, random, out))?,
        HirKind::Alternation(parts) => write(random.pick(parts)?, random, out)?,
    }
    Some(())
}
