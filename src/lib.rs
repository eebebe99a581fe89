//! The lab: plays socket programs, records what they do, draws it and grades it.
//!
//! ```text
//! lesson.toml ─ catalogue ─┐                 ┌─ render ─ stdout
//!                          ├─ play ─ Recording ─ Timeline
//! programs ─ tracer ───────┘  │              └─ grade ─ Verdict
//!              │           sandbox
//!            decode
//! ```
//!
//! A module uses only those above it in the list below (`tests/tidy.rs` holds it to that).

pub mod event;

pub mod error;

pub mod decode;
pub mod timeline;

pub mod pattern;

pub mod render;

pub mod cargo;
pub mod catalogue;
pub mod sandbox;
pub mod tracer;
pub mod wire;

pub mod play;

pub mod cli;
