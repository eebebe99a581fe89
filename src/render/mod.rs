//! stub
pub mod strace;
