//! Error branches, against canned answers.
