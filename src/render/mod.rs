//! Pictures of a timeline, and the recording as a file.
//!
//! A verdict and the reports see what `grade` found. A picture sees a [`crate::timeline::Timeline`] only: what a call is called and what it said is decided there.
//! strace's notation is the exception: it is for comparing with strace, and draws the recording itself.

pub mod html;
pub mod json;
pub mod reports;
pub mod sockets;
pub mod strace;
pub mod text;
pub mod verdict;
