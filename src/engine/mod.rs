//! (being built)
pub mod exec;
pub mod shutdown;
