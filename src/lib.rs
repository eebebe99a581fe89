//! The lab: plays socket programs, records what they do and draws it.
//!
//! ```text
// ANCHOR: picture
//! lesson.toml ─ catalogue ─ cargo ─┐
//!                                  ├─ play ─ Recording ─ Timeline ─ render ─ stdout
//! any programs ────────────────────┘   │                    │
//!                              sandbox, tracer           pattern: which calls to show,
//!                                      │                 and after which one a role starts
//!                               decode, wire
// ANCHOR_END: picture
//! ```
//!
//! A module uses only those above it in the list below (`tests/tidy.rs` holds it to that).

pub mod event;

pub mod error;

pub mod decode;
pub mod timeline;

pub mod pattern;

pub mod scenario;

pub mod grade;

pub mod render;

pub mod pack;

pub mod cargo;
pub mod catalogue;
pub mod progress;
pub mod sandbox;
pub mod tracer;
pub mod wire;

pub mod author;
pub mod book;
pub mod copy;

pub mod play;

pub mod cli;
