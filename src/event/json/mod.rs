//! JSON as text: where things stand in it, what comes twice, and how to keep an author's bytes while dropping blanks.
//!
//! Pure, as all of `event`: text in, text or a located error out.

mod document;
pub(crate) mod scan;
mod shape;

pub(crate) use document::shorten;
pub use document::{Document, JsonError, JsonErrorKind, Location, locate};
pub use scan::ScanErrorKind;
pub use shape::{Kind, compact, member, members, offset_of};

#[cfg(test)]
mod tests;

/// Containers within containers that a payload may hold. `serde_json` reads values down to the same depth.
pub const MAX_DEPTH: usize = 127;
