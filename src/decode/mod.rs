//! One raw system call and the tracee's memory → a [`Call`]: names, values, data.
//!
//! In two phases, as the kernel sees it: [`entry`] reads what the program gave, before the kernel may
//! change it; [`exit`] reads what the kernel put back. Both see memory through [`Memory`] and know nothing of
//! ptrace. What is not known is shown raw and never fails.

use std::borrow::Cow;

use crate::event::{Arg, Bytes};

/// A system call as the registers have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The call's number in the tracee's architecture's table.
    pub nr: u64,
    pub args: [u64; 6],
}

/// The memory of a stopped tracee.
pub trait Memory {
    /// Reads `buf.len()` bytes at `addr`; gives how many could be read (a prefix), 0 if none.
    fn read(&self, addr: u64, buf: &mut [u8]) -> usize;
}

/// A decoded call. Outputs are [`Value::Opaque`] until [`exit`] has seen them.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The API's name: `recv` for a recvfrom(2) without an address.
    pub name: Cow<'static, str>,
    /// The kernel's name.
    pub syscall: Cow<'static, str>,
    pub args: Vec<Arg>,
    /// The data that really moved, once it is known.
    pub moved: Option<Bytes>,
}

/// Reads a call and its inputs.
pub fn entry(_raw: &Raw, _memory: &impl Memory) -> Call {
    unimplemented!()
}

/// Adds to `call` what the kernel put back; `ret` is the register's value (-errno for an error).
pub fn exit(_call: &mut Call, _raw: &Raw, _ret: i64, _memory: &impl Memory) {}
