//! Payload schemas: a folder with one per event, and what a payload does to break one.
//!
//! May use event (for places in a text) and read the folder it is given. Never the bus, the engine, output, the network: a
//! `$ref` leads to another file of the folder or nowhere.

mod catalogue;
mod explain;
mod source;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, CatalogueError, Schema};
pub use explain::Violation;
