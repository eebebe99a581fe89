//! Pictures of a timeline, and the recording as a file.
//!
//! A verdict and the reports see what `grade` found. A picture sees a [`crate::timeline::Timeline`] only: what a call is called and what it said is decided there.
//! strace's notation and the frames of pcapng are the exceptions: they are for other people's tools, and draw the
//! recording itself.

pub mod html;
pub mod json;
pub mod mermaid;
pub mod pcapng;
pub mod reports;
pub mod rows;
pub mod sockets;
pub mod strace;
pub mod svg;
pub mod text;
pub mod verdict;
