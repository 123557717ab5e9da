//! Schema files: reading one, and following `$ref` to another of the same folder.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::catalogue::CatalogueError;
use crate::event::json::{Document, Location};

/// What relative references are resolved against. Not a place: it only keeps `..` inside the folder.
pub(super) const BASE: &str = "eventbus://schemas/folder/";

/// The endings of schema files.
pub(super) const ENDINGS: [&str; 3] = ["json", "yaml", "yml"];

/// The address of the file `path` of `folder`, by which references find it.
pub(super) fn uri_of(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).ok().or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
    let encoded = inside.iter().filter_map(|part| part.to_str()).map(|part| {
        percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string().replace("%2E", ".")
    });
    format!("{BASE}{}", encoded.collect::<Vec<_>>().join("/"))
}

/// Reads a schema file, JSON or YAML by its ending.
pub(super) fn read(path: &Path) -> Result<Value, CatalogueError> {
    let invalid = |at: Option<Location>, reason: String| CatalogueError::Invalid { path: path.to_owned(), at, reason };
    let bytes = fs::read(path).map_err(|source| CatalogueError::Unreadable { path: path.to_owned(), source })?;
    if path.extension().is_some_and(|ending| ending == "json") {
        let document = Document::parse(&bytes).map_err(|e| invalid(e.at, e.kind.to_string()))?;
        return document.to_value().map_err(|e| invalid(e.at, e.kind.to_string()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid(None, "the text is not UTF-8".into()))?;
    let value: Value = serde_saphyr::from_str(text).map_err(|e| {
        let at = e.location().map(|at| Location { line: at.line() as usize, column: at.column() as usize });
        invalid(at, e.to_string().lines().next().unwrap_or_default().to_owned())
    })?;
    if value.is_object() { Ok(value) } else { Err(invalid(None, "the schema is not a mapping".into())) }
}

/// Answers references from the files of one folder, by path or by `$id`, and from nowhere else.
pub(super) struct FolderRetriever {
    pub(super) folder: PathBuf,
}

impl jsonschema::Retrieve for FolderRetriever {
    fn retrieve(&self, uri: &jsonschema::Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        self.find(uri.as_str().split('#').next().unwrap_or_default())
    }
}

impl FolderRetriever {
    /// The document at the address `wanted`, which has no fragment.
    pub(super) fn find(&self, wanted: &str) -> Result<Value, Box<dyn Error + Send + Sync>> {
        match wanted.strip_prefix(BASE) {
            Some(path) => {
                let path = percent_encoding::percent_decode_str(path).decode_utf8()?;
                let file = self.folder.join(path.as_ref());
                // `%2e%2e`, an absolute path or a link may still lead out.
                let inside = file.canonicalize().is_ok_and(|file| {
                    self.folder.canonicalize().is_ok_and(|folder| file.starts_with(folder) && file.is_file())
                });
                if !inside {
                    return Err(format!("`{path}` is not a file in {}", self.folder.display()).into());
                }
                Ok(read(&file)?)
            }
            None if wanted.starts_with("eventbus:") => {
                Err(format!("it leads out of {}, and is not a file in it", self.folder.display()).into())
            }
            None => self.by_id(wanted).ok_or_else(|| {
                format!(
                    "no file in {} has the `$id` `{wanted}`, and nothing is fetched from the network",
                    self.folder.display()
                )
                .into()
            }),
        }
    }

    fn by_id(&self, wanted: &str) -> Option<Value> {
        let files = fs::read_dir(&self.folder).ok()?;
        let mut paths: Vec<PathBuf> = files.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths
            .into_iter()
            .filter(|path| path.extension().is_some_and(|e| ENDINGS.iter().any(|known| e == *known)))
            .find_map(|path| {
                let value = read(&path).ok()?;
                let id = value.get("$id").or_else(|| value.get("id"))?.as_str()?;
                (id.trim_end_matches('#') == wanted).then_some(value)
            })
    }
}
