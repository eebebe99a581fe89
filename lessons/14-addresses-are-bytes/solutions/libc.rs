//! Exercise 14 with libc's own conversions, as a program in C would have them.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use kit::*;
use nix::libc::{self, in_addr, sockaddr_in};
use nix::sys::socket::{self as sys, SockaddrIn};

// SAFETY: as the manual declares them, byteorder(3) and inet_pton(3).
unsafe extern "C" {
    fn htons(host: u16) -> u16;
    fn inet_pton(family: c_int, text: *const c_char, addr: *mut c_void) -> c_int;
    fn inet_ntop(family: c_int, addr: *const c_void, text: *mut c_char, room: u32)
    -> *const c_char;
}

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let line = input("")?.unwrap_or_default();
    let (ip, port) = line.split_once(' ').unwrap_or_default();
    // inet_pton puts the bytes into memory in network order: no htonl.
    let bytes = pton(ip.as_bytes(), libc::AF_INET, [0; 4]).unwrap_or_default();
    let addr = sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        // SAFETY: htons takes and gives a number.
        sin_port: unsafe { htons(port.parse().unwrap_or(0)) },
        sin_addr: in_addr { s_addr: u32::from_ne_bytes(bytes) },
        sin_zero: [0; 8],
    };
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    sys::bind(sock.as_raw_fd(), &SockaddrIn::from(addr))
        .map_err(|errno| Error::Call { name: "bind", errno })?;

    let mut buf = [0; 2048];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        let answer = told(&buf[..n], libc::AF_INET, [0; 4])
            .or_else(|| told(&buf[..n], libc::AF_INET6, [0; 16]));
        sendto(&sock, answer.unwrap_or("no address".into()).as_bytes(), from)?;
    }
}

fn told<const N: usize>(asked: &[u8], family: c_int, room: [u8; N]) -> Option<String> {
    let bytes = pton(asked, family, room)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut text = [0u8; 46];
    // SAFETY: an address of this family has N bytes, and 46 are room for any text (INET6_ADDRSTRLEN).
    unsafe { inet_ntop(family, bytes.as_ptr().cast(), text.as_mut_ptr().cast(), 46) };
    let text = CStr::from_bytes_until_nul(&text).ok()?.to_str().ok()?;
    Some(format!("{hex} {text}"))
}

fn pton<const N: usize>(text: &[u8], family: c_int, mut bytes: [u8; N]) -> Option<[u8; N]> {
    let text = CString::new(text).ok()?;
    // SAFETY: an address of this family has N bytes, and the text ends with a zero byte.
    let read = unsafe { inet_pton(family, text.as_ptr(), bytes.as_mut_ptr().cast()) };
    (read == 1).then_some(bytes)
}
