//! `${NAME}` and `${NAME:-default}` in the values of a topology file.
//!
//! A variable is put into the text of a value and nowhere else: never into a key, and never as more than text, so that no
//! variable adds structure. What was put in is not looked at again. `$$` is a `$`; any other `$` stands for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::problem::Problems;
use super::yaml::{self, Node, Value, join};
use crate::words;

/// Looks up a variable of the environment.
pub(super) type LookUp<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where the values come from: what was given for this run, else files of variables, else the environment.
#[derive(Clone, Copy, Default)]
pub struct Variables<'a> {
    /// Given for this run: each has to be used by the files.
    pub given: Option<&'a BTreeMap<String, String>>,
    /// From files of variables.
    pub filed: Option<&'a BTreeMap<String, String>>,
    /// The environment. This room does not read it: the caller hands in a look-up.
    pub environment: Option<LookUp<'a>>,
}

impl fmt::Debug for Variables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets of the environment.
        f.debug_struct("Variables").field("given", &self.given.map(BTreeMap::len)).finish_non_exhaustive()
    }
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let stated = |map: Option<&BTreeMap<String, String>>| map.and_then(|map| map.get(name)).cloned();
        stated(self.given).or_else(|| stated(self.filed)).or_else(|| self.environment.and_then(|look| look(name)))
    }
}

/// Whether `name` can stand between `${` and `}`: a letter or `_`, then letters, digits and `_`.
pub fn is_variable_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads a file of variables: one mapping of names to plain values.
///
/// # Errors
/// Every problem at once.
pub fn read_variables(text: &str, file_name: &str) -> Result<BTreeMap<String, String>, Vec<super::Problem>> {
    let mut problems = Problems::new(vec![file_name.to_owned()]);
    let mut variables = BTreeMap::new();
    if let Some(root) = yaml::parse(text, 0, &mut problems) {
        let Value::Map(entries) = &root.value else {
            let fix = Some("write `NAME: value` lines".into());
            problems.error(root.place, "", format!("the file is {}; expected a mapping", root.found()), fix);
            return Err(problems.into_sorted());
        };
        for (key, node) in entries {
            let name = &key.text;
            if !is_variable_name(name) {
                let message = format!("`{name}` is no name of a variable; expected letters, digits and `_`");
                problems.error(key.place, name, message, None);
                continue;
            }
            let value = match &node.value {
                Value::Text(text) => text.clone(),
                Value::Number(n) => n.to_string(),
                Value::Bool(b) => b.to_string(),
                Value::Null | Value::List(_) | Value::Map(_) => {
                    let fix = Some(format!("write `{name}: \"value\"`"));
                    problems.error(node.place, name, format!("`{name}` is {}; expected text", node.found()), fix);
                    continue;
                }
            };
            variables.insert(name.clone(), value);
        }
    }
    if problems.has_errors() { Err(problems.into_sorted()) } else { Ok(variables) }
}

/// Puts the variables into every value below `root`, and complains about those given for this run that nothing uses.
pub(super) fn insert(root: &mut Node, variables: &Variables<'_>, problems: &mut Problems) {
    let mut used = BTreeSet::new();
    walk(root, "", variables, &mut used, problems);
    for name in variables.given.into_iter().flat_map(BTreeMap::keys).filter(|name| !used.contains(*name)) {
        // A typo here would otherwise silently take a default.
        let fix = words::did_you_mean(name, used.iter().map(String::as_str));
        problems.error_of("--var", format!("no file uses the variable `{name}`"), fix);
    }
}

fn walk(node: &mut Node, path: &str, variables: &Variables<'_>, used: &mut BTreeSet<String>, problems: &mut Problems) {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => {
            let mut faults = Vec::new();
            let (filled, any) = fill(text, variables, used, &mut faults);
            for (message, fix) in faults {
                let whole = if path.is_empty() { message } else { format!("`{path}` {message}") };
                problems.error(node.place, path, whole, fix);
            }
            *text = filled;
            node.inserted = any;
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, &join(path, &index.to_string()), variables, used, problems);
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                walk(value, &join(path, &key.text), variables, used, problems);
            }
        }
        _ => {}
    }
}

/// `text` with its variables, and whether there were any.
fn fill(
    text: &str,
    variables: &Variables<'_>,
    used: &mut BTreeSet<String>,
    faults: &mut Vec<(String, Option<String>)>,
) -> (String, bool) {
    let (mut out, mut rest, mut any) = (String::with_capacity(text.len()), text, false);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some(after) = rest.strip_prefix('{') else {
            out.push('$');
            continue;
        };
        let Some(end) = after.find('}') else {
            let fix = "close it: `${NAME}`; for the characters themselves write `$${`";
            faults.push(("has a `${` that no `}` closes".into(), Some(fix.into())));
            return (out, any);
        };
        let inside = &after[..end];
        rest = &after[end + 1..];
        any = true;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable_name(name) || default.is_some_and(|default| default.contains("${")) {
            let message = format!("has `${{{inside}}}`; expected `${{NAME}}` or `${{NAME:-default}}`");
            faults.push((message, Some(format!("for the characters themselves write `$${{{inside}}}`"))));
            continue;
        }
        used.insert(name.to_owned());
        // As in the shell, `:-` stands in for what is empty, too.
        match (variables.get(name), default) {
            (Some(value), None) => out.push_str(&value),
            (Some(value), Some(_)) if !value.is_empty() => out.push_str(&value),
            (_, Some(default)) => out.push_str(default),
            (None, None) => {
                let fix = format!("add `--var {name}=VALUE`, set {name}, or write a default: `${{{name}:-VALUE}}`");
                faults.push((format!("needs the variable `{name}`, which is not set"), Some(fix)));
            }
        }
    }
    out.push_str(rest);
    (out, any)
}
