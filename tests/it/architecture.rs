//! Who may use whom: the table of the rooms, read off the sources. Every rule is shown to be able to fail.
//!
//! Works on the text of `src/**.rs` without its comments, string literals and test modules: a rule binds what ships.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// The rooms of the library, and the rooms of the house that each may name. `words` and `clock` are open to all who compute.
const ROOMS: &[(&str, &[&str])] = &[
    ("words", &[]),
    ("clock", &[]),
    ("outcome", &[]),
    ("event", &["words"]),
    ("filter", &["event", "words"]),
    ("topology", &["event", "filter", "words"]),
    ("schema", &["event", "words"]),
    ("bus", &["event", "topology", "words", "clock"]),
    ("local", &["event", "filter", "words", "clock"]),
    ("engine", &["event", "schema", "filter", "topology", "bus", "words", "clock"]),
    ("error", &["outcome", "bus", "words"]),
    ("config", &["event", "error", "outcome", "words"]),
    ("output", &["engine", "event", "filter", "topology", "schema", "error", "outcome", "words"]),
    (
        "commands",
        &[
            "bus", "cli", "clock", "config", "engine", "error", "event", "filter", "local", "outcome", "output",
            "schema", "topology", "words",
        ],
    ),
    ("cli", &["commands", "config", "output"]),
];

/// What stays within some rooms: a word of code, and where it may stand (a room, or a file).
struct Kept {
    word: &'static str,
    only_in: &'static [&'static str],
    why: &'static str,
}

const KEPT: &[Kept] = &[
    Kept { word: "aws_sdk_", only_in: &["bus"], why: "the bus is the only place that names the AWS SDK" },
    Kept { word: "aws_config", only_in: &["bus"], why: "the bus is the only place that names the AWS SDK" },
    Kept { word: "aws_types", only_in: &["bus"], why: "the bus is the only place that names the AWS SDK" },
    Kept { word: "aws_credential_types", only_in: &["bus"], why: "the bus is the only place that names the AWS SDK" },
    Kept { word: "aws_smithy_http_client", only_in: &["bus"], why: "the bus is the only place that names the AWS SDK" },
    Kept {
        word: "aws_smithy_runtime_api",
        only_in: &["bus", "local/connector.rs"],
        why: "the embedded bus knows the SDK's runtime in its connector alone",
    },
    Kept {
        word: "aws_smithy_types",
        only_in: &["bus", "local/connector.rs"],
        why: "the embedded bus knows the SDK's runtime in its connector alone",
    },
    Kept {
        word: "clap",
        only_in: &["lib.rs", "cli.rs", "commands", "config", "output"],
        why: "arguments are parsed before the work begins",
    },
    Kept { word: "std::env", only_in: &["config", "lib.rs", "main.rs"], why: "the environment is read by config" },
    Kept {
        word: "rusqlite",
        only_in: &["local", "engine/ledger.rs", "engine/replay/journal.rs"],
        why: "the store belongs to the embedded bus, and ledgers to the engine",
    },
    Kept { word: "comfy_table", only_in: &["output"], why: "every byte the user sees is output's" },
    Kept { word: "indicatif", only_in: &["output"], why: "every byte the user sees is output's" },
    Kept { word: "dialoguer", only_in: &["output"], why: "every byte the user sees is output's" },
    Kept { word: "anstyle", only_in: &["output"], why: "every byte the user sees is output's" },
    Kept { word: "terminal_size", only_in: &["output"], why: "every byte the user sees is output's" },
    Kept { word: "Timestamp::now", only_in: &["clock.rs"], why: "clocks are read in one file" },
    Kept { word: "SystemTime::now", only_in: &["clock.rs"], why: "clocks are read in one file" },
    Kept {
        word: "Confirmed::by_the_user",
        only_in: &["output/prompt.rs"],
        why: "that somebody agreed is known where they were asked",
    },
    Kept { word: "process::exit", only_in: &[], why: "the library returns an exit code" },
];

/// What the pure rooms never touch.
const PURE: &[&str] = &["event", "filter", "topology", "schema", "words"];
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net::Tcp",
    "std::process",
    "std::thread",
    "Instant",
    "SystemTime",
    "crate::clock",
    "futures",
];
/// `schema` reads a folder of schemas.
const SCHEMA_MAY: &[&str] = &["std::fs"];

/// Every finding in `code`, the text of the file `path` (relative to `src`).
fn findings(path: &str, source: &str) -> Vec<String> {
    // Cutting a list of paths apart reads nothing of the environment.
    let code = shipped(source).replace("std::env::split_paths", "split_paths");
    let room = path.split(['/', '.']).next().unwrap_or_default();
    let mut found = Vec::new();
    if let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) {
        for used in rooms_named(&code) {
            if used != room && !may.contains(&used.as_str()) {
                found.push(format!("{path}: `{room}` must not use `{used}`"));
            }
        }
    } else if !["lib", "main"].contains(&room) {
        found.push(format!("{path}: `{room}` is no room of the house: add it to the table with what it may use"));
    }
    for kept in KEPT {
        let inside = kept.only_in.iter().any(|place| path == *place || path.starts_with(&format!("{place}/")));
        if !inside && has_word(&code, kept.word) {
            found.push(format!("{path}: `{}` is out of place: {}", kept.word, kept.why));
        }
    }
    if climbs_out(&code, depth(path)) {
        found.push(format!(
            "{path}: `super::` climbs out of the room; name others from the root (`crate::…`), where this test sees it"
        ));
    }
    if PURE.contains(&room) {
        for word in IMPURE.iter().filter(|word| room != "schema" || !SCHEMA_MAY.contains(word)) {
            if has_word(&code, word) {
                found.push(format!("{path}: `{room}` is pure, and `{word}` is not"));
            }
        }
    }
    found
}

/// How many modules deep the file `path` is: `filter/mod.rs` is 1, `filter/clause.rs` is 2.
fn depth(path: &str) -> usize {
    match path.strip_suffix("/mod.rs") {
        Some(folder) => folder.split('/').count(),
        None if matches!(path, "lib.rs" | "main.rs") => 0,
        None => path.split('/').count(),
    }
}

/// Whether a chain of `super::` in a file that is `depth` modules deep reaches the crate's root.
fn climbs_out(code: &str, depth: usize) -> bool {
    let starts = code.match_indices("super::").filter(|(at, _)| !code[..*at].ends_with("super::"));
    starts.into_iter().any(|(at, _)| {
        let mut rest = &code[at..];
        let mut length = 0;
        while let Some(after) = rest.strip_prefix("super::") {
            rest = after;
            length += 1;
        }
        length >= depth
    })
}

/// The rooms that `code` names: `crate::room` and `crate::{room, …}`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => rooms.extend(name_at(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (at, c) in group.char_indices() {
                    if depth == 0 && start && (c.is_alphanumeric() || c == '_') {
                        rooms.extend(name_at(&group[at..]));
                        start = false;
                    }
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        _ => {}
                    }
                }
            }
        }
    }
    rooms
}

fn name_at(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// Whether `word` stands in `code`, not as the end of a longer name.
fn has_word(code: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let begins = !code[..at].ends_with(part_of_name);
        let after = &code[at + word.len()..];
        // `aws_sdk_` is a beginning; the others are whole names.
        begins && (word.ends_with('_') || !after.starts_with(part_of_name) || word.ends_with("Tcp"))
    })
}

/// The code that ships: without comments, the content of literals, white space inside paths, and test modules.
fn shipped(source: &str) -> String {
    without_tests(&without_text(source)).replace(" ::", "::").replace(":: ", "::")
}

/// `source` with comments gone and literals emptied.
fn without_text(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let after_name = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let hashes = raw_string(rest).filter(|_| !after_name);
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((opening, hashes)) = hashes {
            let closing = format!("\"{}", "#".repeat(hashes));
            out.push_str("\"\"");
            rest[opening..].find(&closing).map_or(rest.len(), |at| opening + at + closing.len())
        } else if c == '"' {
            out.push_str("\"\"");
            quoted(rest)
        } else if let Some(length) = character(rest) {
            out.push_str("' '");
            length
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = &rest[skip..];
    }
    out
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Where a raw string's text begins, and how many hashes guard it.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('"') || rest.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes = text[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    Some((prefix.len() + hashes + 1, hashes))
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        let end = inside[2..].find('\'')?;
        return Some(1 + 2 + end + 1);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..].starts_with('\'').then(|| 2 + c.len_utf8())
}

/// `code` without what stands under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let brace = item.find('{').unwrap_or(item.len());
        let semicolon = item.find(';').unwrap_or(item.len());
        let end = if semicolon < brace { semicolon + 1 } else { closing_brace(item, brace) };
        rest = &item[end..];
    }
    out + rest
}

fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Every `.rs` file under `folder`, relative to it, sorted.
fn sources(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, base: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, base, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path.strip_prefix(base).unwrap().to_owned());
            }
        }
    }
    let mut files = Vec::new();
    walk(folder, folder, &mut files);
    files.sort();
    files
}

/// Test modules that live in files of their own: they may use what tests use.
fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

#[test]
fn every_room_keeps_to_its_own() {
    let src = repository().join("src");
    let files = sources(&src);
    assert!(files.len() > 40, "{} files", files.len());
    let found: Vec<String> = files
        .iter()
        .filter(|path| !is_test_file(path))
        .flat_map(|path| findings(&path.display().to_string(), &fs::read_to_string(src.join(path)).unwrap()))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_rule_can_fail() {
    for kept in KEPT {
        let word = if kept.word == "aws_sdk_" { "aws_sdk_sns::Client" } else { kept.word };
        let line = format!("use {word};");
        assert_eq!(findings("engine/x.rs", &line).len(), 1, "{line} in the engine");
        for place in kept.only_in {
            let path = if place.ends_with(".rs") { (*place).to_owned() } else { format!("{place}/mod.rs") };
            assert_eq!(findings(&path, &line), Vec::<String>::new(), "{line} in {path}");
        }
    }
    for (room, may) in ROOMS {
        for (other, _) in ROOMS.iter().filter(|(other, _)| other != room) {
            for line in [format!("use crate::{other}::X;"), format!("use crate::{{{room}::{{a, b}}, {other}::X}};")] {
                let found = findings(&format!("{room}/x.rs"), &line).iter().any(|f| f.contains("must not use"));
                assert_eq!(found, !may.contains(other), "{line} in {room}");
            }
        }
    }
    for room in PURE {
        for word in IMPURE.iter().filter(|word| *room != "schema" || !SCHEMA_MAY.contains(word)) {
            assert!(!findings(&format!("{room}/x.rs"), &format!("use {word}::x;")).is_empty(), "{word} in {room}");
        }
    }
    assert_eq!(
        findings("attic/mod.rs", ""),
        ["attic/mod.rs: `attic` is no room of the house: add it to the table with what it may use"]
    );
}

#[test]
fn only_code_that_ships_counts() {
    for harmless in [
        "// use clap;",
        "/* aws_sdk_sns /* nested */ clap */",
        r##"let text = r#"use clap; " crate::output "#;"##,
        r#"let text = "use clap; \" crate::output";"#,
        "let (quote, lifetime): (char, &'static str) = ('\"', \"clap\"); // clap",
        "#[cfg(test)]\nmod tests { use crate::output::X; fn f() { std::process::exit(1) } }",
        "#[cfg(test)]\nmod tests;",
        "let my_clap = clapped; mod clapboard {}",
    ] {
        assert_eq!(findings("engine/x.rs", harmless), Vec::<String>::new(), "{harmless}");
    }
    for harmful in [
        "#[cfg(test)]\nmod tests { fn f() {} }\nuse clap::Args;",
        "let c = '\\''; use clap::Args;",
        "let c = '\"'; use clap::Args;",
        "fn f<'a>(x: &'a str) { clap::parse(x) }",
        "use crate :: output::X;",
        "use {crate::output::X, crate::event::Y};",
        "pub use crate::{event::{A, B}, output};",
        "crate::output::write()",
    ] {
        assert_eq!(findings("engine/x.rs", harmful).len(), 1, "{harmful}");
    }
}

/// The files of `folder` that `main` does not declare as modules.
fn forgotten(main: &str, files: &[String]) -> Vec<String> {
    files.iter().filter(|file| !main.lines().any(|line| line.trim() == format!("mod {file};"))).cloned().collect()
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = repository().join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    let modules: BTreeSet<String> = sources(&folder)
        .iter()
        .filter_map(|path| path.iter().next().and_then(|part| part.to_str()))
        .map(|part| part.trim_end_matches(".rs").to_owned())
        .filter(|name| name != "main")
        .collect();
    let modules: Vec<String> = modules.into_iter().collect();
    assert_eq!(forgotten(&main, &modules), Vec::<String>::new(), "declare them in tests/it/main.rs");
    assert_eq!(forgotten("mod a;\n// mod b;\n", &["a".into(), "b".into()]), ["b"]);
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    for switch in ["autotests = false", "autobenches = false"] {
        assert!(manifest.contains(switch), "without `{switch}` a stray file becomes a target of its own");
    }
}

/// Licences under which a part of a program under Apache-2.0 may be.
const LICENCES: [&str; 9] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "MIT",
    "MIT-0",
    "ISC",
    "BSD-3-Clause",
    "Unicode-3.0",
    "Zlib",
    "Unlicense",
];

/// Whether an SPDX expression offers a choice of nothing but [`LICENCES`].
fn allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    // `AND` never stands inside of `OR` in what crates declare, but for one whose parts are all allowed: judged part by part.
    let of = |alternative: &str| alternative.split(" AND ").all(|part| LICENCES.contains(&part.trim()));
    expression.split(" AND ").all(|part| part.split(" OR ").any(of))
}

#[test]
fn every_crate_may_be_shipped_under_apache_2() {
    // Those for other platforms are not here after a build, so cargo may have to look them up.
    let ask = |more: &[&str]| {
        std::process::Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(more)
            .current_dir(repository())
            .output()
            .unwrap()
    };
    let here = ask(&["--offline"]);
    let output = if here.status.success() { here } else { ask(&[]) };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "only {} crates were looked at", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(allowed))
        .map(|package| format!("{}: {}", package["name"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(!allowed("GPL-3.0-only") && !allowed("MIT AND AGPL-3.0-or-later") && allowed("MIT OR GPL-2.0-only"));
}
