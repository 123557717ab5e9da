//! (being built)
pub mod shutdown;
