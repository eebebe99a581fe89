//! What the decoder reads of a program's memory, with a bound on all of it.
//!
//! Lengths and counts come from the program and may be anything. So a call has a purse of bytes and one of
//! items, from which all its reads are paid; what they no longer buy is left out, and nothing fails.

use std::cell::Cell;

use super::Memory;
use crate::event::{BYTES_KEPT, Bytes, Value};

/// How much one call may read, in bytes: the buffers of sixteen ordinary calls.
const BYTES_READ: usize = 16 * BYTES_KEPT;

/// How many list items (iovecs, pollfds, strings) one call may show.
const ITEMS_SHOWN: usize = 4096;

/// The memory of the program during one phase of one call.
pub(super) struct Tracee<'m> {
    memory: &'m dyn Memory,
    bytes_left: Cell<usize>,
    items_left: Cell<usize>,
}

impl<'m> Tracee<'m> {
    pub fn new(memory: &'m dyn Memory) -> Tracee<'m> {
        Tracee { memory, bytes_left: Cell::new(BYTES_READ), items_left: Cell::new(ITEMS_SHOWN) }
    }

    /// At most `len` bytes at `addr`; fewer where memory or the purse ends.
    pub fn bytes(&self, addr: u64, len: u64) -> Vec<u8> {
        let want = self.bytes_left.get().min(usize::try_from(len).unwrap_or(usize::MAX));
        if addr == 0 || want == 0 {
            return Vec::new();
        }
        let mut data = vec![0; want];
        let got = self.memory.read(addr, &mut data).min(want);
        data.truncate(got);
        self.bytes_left.set(self.bytes_left.get() - got);
        data
    }

    /// Exactly `N` bytes at `addr`. Small and needed, so they are not paid for.
    pub fn exact<const N: usize>(&self, addr: u64) -> Option<[u8; N]> {
        let mut data = [0; N];
        (addr != 0 && self.memory.read(addr, &mut data) >= N).then_some(data)
    }

    pub fn u64(&self, addr: u64) -> Option<u64> {
        self.exact(addr).map(u64::from_ne_bytes)
    }

    pub fn u32(&self, addr: u64) -> Option<u32> {
        self.exact(addr).map(u32::from_ne_bytes)
    }

    pub fn i32(&self, addr: u64) -> Option<i32> {
        self.exact(addr).map(i32::from_ne_bytes)
    }

    /// The records of an array of `count` at `addr`, each of `size` bytes, read at once.
    pub fn records(&self, addr: u64, count: u64, size: usize) -> Vec<Vec<u8>> {
        let room = (self.items_left.get() as u64).min(count);
        let data = self.bytes(addr, room * size as u64);
        let records: Vec<_> = data.chunks_exact(size).map(<[u8]>::to_vec).collect();
        self.items_left.set(self.items_left.get() - records.len());
        records
    }

    /// A C string, cut at a path's length.
    pub fn text(&self, addr: u64) -> Value {
        if addr == 0 {
            return Value::Null;
        }
        const CHUNK: u64 = 256;
        let mut text = Vec::new();
        while text.len() < libc::PATH_MAX as usize {
            let Some(at) = addr.checked_add(text.len() as u64) else { break };
            let chunk = self.bytes(at, CHUNK);
            if let Some(end) = chunk.iter().position(|&byte| byte == 0) {
                text.extend(&chunk[..end]);
                return Value::Text { value: String::from_utf8_lossy(&text).into_owned() };
            }
            text.extend(&chunk);
            if (chunk.len() as u64) < CHUNK {
                break;
            }
        }
        match text.is_empty() {
            true => Value::Opaque,
            false => Value::Text { value: String::from_utf8_lossy(&text).into_owned() },
        }
    }

    /// A buffer of `len` bytes that is the program's, or that the kernel has filled.
    pub fn buffer(&self, addr: u64, len: u64) -> Value {
        if addr == 0 {
            return Value::Null;
        }
        let data = self.bytes(addr, len.min(BYTES_KEPT as u64));
        match data.is_empty() && len > 0 && self.bytes_left.get() > 0 {
            true => Value::Opaque,
            false => Value::Bytes(Bytes { len, data }),
        }
    }

    /// Whether something is mapped at `addr`: for words that may be pointers.
    pub fn is_mapped(&self, addr: u64) -> bool {
        self.exact::<1>(addr).is_some()
    }
}

/// `N` bytes of a record that was read.
pub(super) fn at<const N: usize>(record: &[u8], offset: usize) -> Option<[u8; N]> {
    record.get(offset..offset + N)?.try_into().ok()
}

pub(super) fn u16_at(record: &[u8], offset: usize) -> Option<u16> {
    at(record, offset).map(u16::from_ne_bytes)
}

pub(super) fn i32_at(record: &[u8], offset: usize) -> Option<i32> {
    at(record, offset).map(i32::from_ne_bytes)
}

pub(super) fn u32_at(record: &[u8], offset: usize) -> Option<u32> {
    at(record, offset).map(u32::from_ne_bytes)
}

pub(super) fn i64_at(record: &[u8], offset: usize) -> Option<i64> {
    at(record, offset).map(i64::from_ne_bytes)
}

pub(super) fn u64_at(record: &[u8], offset: usize) -> Option<u64> {
    at(record, offset).map(u64::from_ne_bytes)
}
