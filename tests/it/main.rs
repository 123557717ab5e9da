//! The real binary, end to end, in a hermetic environment: one integration binary, a file a verb.

mod clients;
mod harness;
mod support;
