//! The memory of a stopped tracee, through process_vm_readv(2) and process_vm_writev(2).

use crate::decode::Memory;

/// The address space of one thread.
#[derive(Clone, Copy)]
pub struct Tracee(pub i32);

const PAGE: u64 = 4096;

impl Memory for Tracee {
    fn read(&self, addr: u64, buf: &mut [u8]) -> usize {
        let whole = read_once(self.0, addr, buf);
        if whole == buf.len() || buf.is_empty() {
            return whole;
        }
        // One unreadable page refuses the whole piece: go on page by page to the last readable byte.
        let mut done = whole;
        while done < buf.len() {
            let from = addr.wrapping_add(done as u64);
            let to_page_end = (PAGE - from % PAGE) as usize;
            let end = buf.len().min(done + to_page_end);
            let got = read_once(self.0, from, &mut buf[done..end]);
            done += got;
            if got == 0 || done < end {
                break;
            }
        }
        done
    }
}

impl Tracee {
    /// Puts `data` at `addr`; says whether all of it could be written.
    pub fn write(&self, addr: u64, data: &[u8]) -> bool {
        let local = libc::iovec { iov_base: data.as_ptr() as *mut _, iov_len: data.len() };
        let remote = libc::iovec { iov_base: addr as *mut _, iov_len: data.len() };
        // SAFETY: the local vector covers `data`, which is only read; the remote one is the tracee's.
        let done = unsafe { libc::process_vm_writev(self.0, &local, 1, &remote, 1, 0) };
        done == data.len() as isize
    }

    /// Reads `N` bytes, all or none.
    pub fn bytes<const N: usize>(&self, addr: u64) -> Option<[u8; N]> {
        let mut buf = [0; N];
        (addr != 0 && self.read(addr, &mut buf) == N).then_some(buf)
    }

    /// Reads a `struct timespec` (or a `timeval` with `unit` 1000) as nanoseconds; `None` if it is
    /// unreadable or not a valid time.
    pub fn time(&self, addr: u64, unit: i64) -> Option<u64> {
        let bytes: [u8; 16] = self.bytes(addr)?;
        let [seconds, rest] = [0, 8].map(|at| {
            let word: [u8; 8] = bytes[at..at + 8].try_into().unwrap_or_default();
            i64::from_le_bytes(word)
        });
        let valid = seconds >= 0 && (0..1_000_000_000 / unit).contains(&rest);
        valid.then(|| {
            (seconds as u64).saturating_mul(1_000_000_000).saturating_add((rest * unit) as u64)
        })
    }

    /// Writes nanoseconds as a `struct timespec` (or a `timeval` with `unit` 1000).
    pub fn put_time(&self, addr: u64, nanoseconds: u64, unit: u64) -> bool {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(nanoseconds / 1_000_000_000).to_le_bytes());
        bytes[8..].copy_from_slice(&(nanoseconds % 1_000_000_000 / unit).to_le_bytes());
        self.write(addr, &bytes)
    }
}

fn read_once(pid: i32, addr: u64, buf: &mut [u8]) -> usize {
    let local = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    let remote = libc::iovec { iov_base: addr as *mut _, iov_len: buf.len() };
    // SAFETY: the local vector covers `buf`, which is ours alone; the remote one is only read.
    let done = unsafe { libc::process_vm_readv(pid, &local, 1, &remote, 1, 0) };
    done.max(0) as usize
}
