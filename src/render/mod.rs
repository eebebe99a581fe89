//! Pictures of a timeline, and the recording as a file.
//!
//! A picture sees a [`crate::timeline::Timeline`] only: what a call is called and what it said is decided there.

pub mod json;
pub mod text;
