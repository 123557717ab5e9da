//! Payload schemas: a folder with one per event, what a payload does to break one, what changes between two of them, and
//! payloads made up from them.
//!
//! May use event (for places in a text) and read the folder it is given. Never the bus, the engine, output, the network: a
//! `$ref` leads to another file of the folder or nowhere.

mod catalogue;
pub mod diff;
pub mod example;
mod explain;
pub mod export;
pub mod failure;
pub mod fields;
mod flat;
pub mod import;
pub mod infer;
pub mod lint;
mod meta;
mod resolve;
mod source;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, CatalogueError, Schema};
pub use explain::Violation;
pub use meta::Meta;
