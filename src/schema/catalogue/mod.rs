//! The folder of schemas: which events it knows, in which versions, compiled once each.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::explain::{Sources, Violation, explain};
use super::meta::Meta;
use super::resolve::Documents;
use super::source::{self, ENDINGS, FolderRetriever};
use crate::event::json::Location;

/// A folder with one payload schema per event: `UserRegistered.json`, or `.yaml`, and later versions as
/// `UserRegistered.v2.json`, or as `UserRegistered/v2.json` in a folder of the event's name. A file without a version is
/// version 1. Names that start with `.` or `_`, and other folders, hold no events but may be referred to.
#[derive(Debug)]
pub struct Catalogue {
    folder: PathBuf,
    files: BTreeMap<String, BTreeMap<u32, PathBuf>>,
    compiled: Mutex<HashMap<(String, u32), Arc<Schema>>>,
    /// Other names of events, see [`Catalogue::known_as`].
    aliases: OnceLock<HashMap<String, String>>,
}

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A file or the folder cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no schema.
    #[error("{}{}: {reason}", .path.display(), .at.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The place, where it is known.
        at: Option<Location>,
        /// The reason.
        reason: String,
    },
    /// Two files claim to be the same version of an event.
    #[error("version {version} of event `{event}` has two schemas, {} and {}", .first.display(), .second.display())]
    Ambiguous {
        /// The event.
        event: String,
        /// The version.
        version: u32,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The event has schemas, but not in this version.
    #[error("event `{event}` has no schema of version {wanted}, only of {known}")]
    NoSuchVersion {
        /// The event.
        event: String,
        /// The version asked for.
        wanted: u32,
        /// The versions that there are, as text.
        known: String,
    },
}

impl Catalogue {
    /// A catalogue without schemas.
    pub fn empty() -> Self {
        Self { folder: PathBuf::new(), files: BTreeMap::new(), compiled: Mutex::default(), aliases: OnceLock::new() }
    }

    /// Lists the schemas in `folder`; none if it does not exist. The files are read when they are asked for.
    ///
    /// # Errors
    /// The folder cannot be listed, or two files claim the same event and version.
    pub fn open(folder: &Path) -> Result<Self, CatalogueError> {
        let mut catalogue = Self { folder: folder.to_owned(), ..Self::empty() };
        let unreadable = |source| CatalogueError::Unreadable { path: folder.to_owned(), source };
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(catalogue),
            other => other.map_err(unreadable)?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                // A folder that cannot be listed may be one of anything.
                let inside = fs::read_dir(&path).into_iter().flatten();
                paths.extend(inside.filter_map(|entry| Some(entry.ok()?.path())).filter_map(|path| {
                    let (event, version) = version_of(&path).filter(|_| path.is_file())?;
                    Some((event, version, path))
                }));
            } else if let Some((event, version)) = event_of(&path).filter(|_| path.is_file()) {
                paths.push((event, version, path));
            }
        }
        for (event, version, path) in paths {
            let versions = catalogue.files.entry(event.clone()).or_default();
            if let Some(other) = versions.insert(version, path.clone()) {
                let (first, second) = if other < path { (other, path) } else { (path, other) };
                return Err(CatalogueError::Ambiguous { event, version, first, second });
            }
        }
        Ok(catalogue)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The names of the events that have a schema, sorted.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The event whose schema lists `name` among its `x-aliases`; none for a name that has a schema of its own.
    ///
    /// The files are read on the first call. One that cannot be read says nothing here, and is told about when it is used.
    pub fn known_as(&self, name: &str) -> Option<&str> {
        if self.files.contains_key(name) {
            return None;
        }
        let aliases = self.aliases.get_or_init(|| {
            let mut aliases = HashMap::new();
            for (event, versions) in &self.files {
                for source in versions.values().filter_map(|path| source::read(path).ok()) {
                    for alias in Meta::of(&source).aliases {
                        aliases.entry(alias).or_insert_with(|| event.clone());
                    }
                }
            }
            aliases
        });
        aliases.get(name).map(String::as_str)
    }

    /// The versions of an event's schema, ascending; none for an unknown event.
    pub fn versions(&self, event: &str) -> impl Iterator<Item = u32> {
        self.files.get(event).into_iter().flat_map(|versions| versions.keys().copied())
    }

    /// The file of a version of an event's schema.
    pub fn file(&self, event: &str, version: u32) -> Option<&Path> {
        Some(self.files.get(event)?.get(&version)?.as_path())
    }

    /// The schema of an event in the given version, or in its highest. `None` if the event has no schema.
    ///
    /// Compiled on the first call, then shared.
    ///
    /// # Errors
    /// The file cannot be read, holds no schema, refers to something outside the folder, or there is no such version.
    pub fn schema(&self, event: &str, version: Option<u32>) -> Result<Option<Arc<Schema>>, CatalogueError> {
        let Some(versions) = self.files.get(event) else { return Ok(None) };
        let found = match version {
            Some(version) => versions.get_key_value(&version),
            None => versions.last_key_value(),
        };
        let Some((&version, path)) = found else {
            let known: Vec<_> = versions.keys().map(u32::to_string).collect();
            let wanted = version.unwrap_or_default();
            return Err(CatalogueError::NoSuchVersion { event: event.into(), wanted, known: known.join(", ") });
        };
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = compiled.get(&(event.to_owned(), version)) {
            return Ok(Some(schema.clone()));
        }
        let schema = Arc::new(Schema::compile(&self.folder, path, event, version)?);
        compiled.insert((event.to_owned(), version), schema.clone());
        Ok(Some(schema))
    }
}

/// `UserRegistered.v2.json` is version 2 of `UserRegistered`.
fn event_of(path: &Path) -> Option<(String, u32)> {
    let ending = path.extension()?.to_str()?;
    let stem = path.file_stem()?.to_str()?;
    if !ENDINGS.contains(&ending) || stem.starts_with(['.', '_']) {
        return None;
    }
    let versioned = stem.rsplit_once(".v").and_then(|(event, version)| Some((event, version.parse::<u32>().ok()?)));
    let (event, version) = versioned.unwrap_or((stem, 1));
    (!event.is_empty()).then(|| (event.to_owned(), version))
}

/// `UserRegistered/v2.json` is version 2 of `UserRegistered`.
fn version_of(path: &Path) -> Option<(String, u32)> {
    let event = path.parent()?.file_name()?.to_str().filter(|name| !name.starts_with(['.', '_']))?;
    let version = path.file_stem()?.to_str()?.strip_prefix('v')?.parse().ok()?;
    ENDINGS.contains(&path.extension()?.to_str()?).then(|| (event.to_owned(), version))
}

/// One event's payload schema, compiled. `format` is asserted.
#[derive(Debug)]
pub struct Schema {
    event: String,
    version: u32,
    path: PathBuf,
    folder: PathBuf,
    source: Value,
    validator: jsonschema::Validator,
    documents: OnceLock<Documents>,
}

impl Schema {
    fn compile(folder: &Path, path: &Path, event: &str, version: u32) -> Result<Self, CatalogueError> {
        let source = source::read(path)?;
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_base_uri(source::uri_of(folder, path))
            .with_retriever(FolderRetriever { folder: folder.to_owned() })
            .build(&source)
            .map_err(|e| {
                let pointer = e.instance_path().as_str();
                let place = if pointer.is_empty() { String::new() } else { format!("`{pointer}`: ") };
                let mut reason = format!("{place}{e}");
                let mut cause = std::error::Error::source(&e);
                while let Some(below) = cause {
                    if !reason.contains(&below.to_string()) {
                        reason.push_str(&format!(": {below}"));
                    }
                    cause = below.source();
                }
                CatalogueError::Invalid { path: path.to_owned(), at: None, reason }
            })?;
        let (event, folder, path) = (event.to_owned(), folder.to_owned(), path.to_owned());
        Ok(Self { event, version, path, folder, source, validator, documents: OnceLock::new() })
    }

    /// The schema in a file of its own, named after it; references lead into the file's folder.
    ///
    /// # Errors
    /// The file cannot be read, holds no schema, or refers to something outside its folder.
    pub fn of_file(path: &Path) -> Result<Self, CatalogueError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let named = version_of(path).or_else(|| event_of(path));
        let stem = || path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let (event, version) = named.unwrap_or_else(|| (stem(), 1));
        // A folder of versions shares its parts with the others.
        let root = if version_of(path).is_some() { folder.parent().unwrap_or(folder) } else { folder };
        Self::compile(root, path, &event, version)
    }

    /// The schema and all that it refers to.
    pub(super) fn documents(&self) -> &Documents {
        self.documents.get_or_init(|| Documents::load(&self.folder, &self.path, &self.source))
    }

    /// The schema as one document, with what it refers to in other files under `$defs`; and the references that could not be
    /// taken in.
    pub fn self_contained(&self) -> (Value, Vec<String>) {
        self.documents().self_contained()
    }

    /// Whether `value` passes.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that its references lead into.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The schema itself.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Every way in which `value` breaks the schema, in the order of `text`, which is the JSON text of `value`.
    pub fn check(&self, value: &Value, text: &str) -> Vec<Violation> {
        // The fast path stops at the first violation and allocates nothing.
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        explain(self.sources(), value, text, usize::MAX).0
    }

    /// The first `most` ways in which `value` breaks the schema, and how many there are.
    pub fn check_at_most(&self, value: &Value, text: &str, most: usize) -> (Vec<Violation>, usize) {
        if self.validator.is_valid(value) {
            return (Vec::new(), 0);
        }
        explain(self.sources(), value, text, most)
    }

    fn sources(&self) -> Sources<'_> {
        Sources { validator: &self.validator, documents: self.documents() }
    }
}
