//! Short ways to write the values of calls.

use super::constants::Names;
use super::memory::{Tracee, i64_at};
use super::{Call, constants};
use crate::event::{Arg, Value};

pub(super) fn arg(name: &'static str, value: Value) -> Arg {
    Arg { name: name.into(), value }
}

/// A C `int`: the kernel looks at the lower half of the register only.
pub(super) fn int(register: u64) -> Value {
    Value::Int { value: register as i32 as i64 }
}

/// An `unsigned int`.
pub(super) fn uint(register: u64) -> Value {
    Value::Int { value: register as u32 as i64 }
}

/// A `size_t`, an offset: the whole register.
pub(super) fn long(register: u64) -> Value {
    Value::Int { value: register as i64 }
}

pub(super) fn fd(register: u64) -> Value {
    Value::Fd { value: register as i32, socket: None }
}

/// A pid or a thread's id. What is no process (0, -1) is a number; a group (-5) is a struct of its own.
pub(super) fn process(register: u64) -> Value {
    match register as i32 {
        pid @ 1.. => Value::Process { value: pid as u32 },
        0 | -1 | i32::MIN => int(register),
        group => record([("pgid", Value::Process { value: group.unsigned_abs() })]),
    }
}

pub(super) fn named(names: Names, value: u64) -> Value {
    Value::Named { value, text: constants::name(names, value) }
}

pub(super) fn flags(names: Names, value: u64) -> Value {
    Value::Named { value, text: constants::flags(names, value) }
}

pub(super) fn text_named(value: u64, text: String) -> Value {
    Value::Named { value, text }
}

pub(super) fn signal(register: u64) -> Value {
    let text = constants::signal_name(register as i32).into_owned();
    Value::Named { value: register as u32 as u64, text }
}

pub(super) fn list(items: Vec<Value>) -> Value {
    Value::List { items }
}

pub(super) fn record<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    Value::Struct { fields: fields.into_iter().map(|(name, value)| arg(name, value)).collect() }
}

/// A pointer that is not followed.
pub(super) fn pointer(register: u64) -> Value {
    match register {
        0 => Value::Null,
        _ => Value::Opaque,
    }
}

/// What the program gave at `addr`, where the kernel writes something back: a list of one, to which
/// [`put_back`] adds.
pub(super) fn given_at(addr: u64, value: Option<Value>) -> Value {
    value.map_or_else(|| pointer(addr), |value| list(vec![value]))
}

/// Adds what the kernel wrote back, where it differs from what was given.
pub(super) fn put_back(value: &mut Value, back: Value) {
    if let Value::List { items } = value
        && items.len() == 1
        && items[0] != back
    {
        items.push(back);
    }
}

/// A `struct timespec`.
pub(super) fn timespec(t: &Tracee, addr: u64) -> Value {
    time(t, addr, "tv_nsec")
}

/// A `struct timeval`.
pub(super) fn timeval(t: &Tracee, addr: u64) -> Value {
    time(t, addr, "tv_usec")
}

fn time(t: &Tracee, addr: u64, fraction: &'static str) -> Value {
    match t.exact::<16>(addr) {
        Some(raw) => time_at(&raw, 0, fraction).unwrap_or(Value::Opaque),
        None => pointer(addr),
    }
}

/// A timespec or timeval within a record.
pub(super) fn time_at(raw: &[u8], offset: usize, fraction: &'static str) -> Option<Value> {
    let (seconds, rest) = (i64_at(raw, offset)?, i64_at(raw, offset + 8)?);
    Some(record([
        ("tv_sec", Value::Int { value: seconds }),
        (fraction, Value::Int { value: rest }),
    ]))
}

/// A set of signals, in the notation of strace: `[INT TERM]`, `~[KILL STOP]`.
pub(super) fn sigset(t: &Tracee, addr: u64) -> Value {
    match t.u64(addr) {
        Some(value) => Value::Named { value, text: constants::sigset(value) },
        None => pointer(addr),
    }
}

/// An address that the program gave, `len` bytes.
pub(super) fn address(t: &Tracee, addr: u64, len: u64) -> Value {
    // Only the lower half counts, as an int; the kernel refuses what is negative or too long.
    let len = len as u32 as u64;
    let room = size_of::<libc::sockaddr_storage>() as u64;
    if len > room {
        return pointer(addr);
    }
    super::address::sockaddr(&t.bytes(addr, len)).map_or_else(|| pointer(addr), Value::Addr)
}

/// An address that the kernel put back: it wrote `len` bytes, of which there was room for `room`.
pub(super) fn address_back(t: &Tracee, addr: u64, room: u64, len: u64) -> Value {
    address(t, addr, len.min(room).min(size_of::<libc::sockaddr_storage>() as u64))
}

impl Call {
    /// Replaces the value of the argument of this name, if the call has one.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        if let Some(slot) = self.slot(name) {
            *slot = value;
        }
    }

    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Value> {
        slot(&mut self.args, name)
    }

    /// Fills an address and its length, where the call has them: accept(2), "addrlen".
    pub(super) fn address_back(&mut self, t: &Tracee, names: [&str; 2], addr: u64, addrlen: u64) {
        let Some(len) = t.u32(addrlen) else { return };
        let Some(slot) = self.slot(names[1]) else { return };
        let Some(room) = first_int(slot) else { return };
        put_back(slot, uint(len as u64));
        self.set(names[0], address_back(t, addr, room as u64, len as u64));
    }
}

pub(super) fn slot<'a>(fields: &'a mut [Arg], name: &str) -> Option<&'a mut Value> {
    fields.iter_mut().find(|field| field.name == name).map(|field| &mut field.value)
}

/// What was given, of a value made by [`given_at`].
pub(super) fn first_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int { value } => Some(*value),
        Value::List { items } => items.first().and_then(first_int),
        _ => None,
    }
}
