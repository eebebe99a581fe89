//! Lesson 14's other programs: two servers with their bytes in the wrong order, and libc's four conversions.
//!
//! `lab run 14 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use kit::*;
use nix::libc::{self, in_addr, sockaddr_in};
use nix::sys::socket::{self as sys, SockaddrIn};

const IP: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PORT: u16 = 21567;

fn main() -> ExitCode {
    let roles = ["no-htons", "htonl-twice", "client", "parsers"];
    finish(role_of(roles).and_then(|role| match role {
        "no-htons" => serve(PORT, u32::from(IP).to_be()),
        "htonl-twice" => serve(PORT.to_be(), u32::from(IP).to_be().to_be()),
        "client" => client(),
        _ => parsers(),
    }))
}

/// Puts these two into a sockaddr_in as they are.
fn serve(sin_port: u16, s_addr: u32) -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    let sin_family = libc::AF_INET as libc::sa_family_t;
    let addr = sockaddr_in { sin_family, sin_port, sin_addr: in_addr { s_addr }, sin_zero: [0; 8] };
    if let Err(errno) = sys::bind(listener.as_raw_fd(), &SockaddrIn::from(addr)) {
        perror(&Error::Call { name: "bind", errno });
        return close(listener);
    }
    listen(&listener, 5)?;
    let (conn, _) = accept(&listener)?;
    close(conn)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    if let Err(error) = connect(&sock, (IP, PORT)) {
        perror(&error);
    }
    close(sock)
}

// SAFETY: as the manual declares them, inet(3) and inet_pton(3).
unsafe extern "C" {
    fn inet_aton(text: *const c_char, addr: *mut in_addr) -> c_int;
    fn inet_ntoa(addr: in_addr) -> *const c_char;
    fn inet_pton(family: c_int, text: *const c_char, addr: *mut c_void) -> c_int;
    fn inet_ntop(family: c_int, addr: *const c_void, text: *mut c_char, room: u32)
    -> *const c_char;
}

/// What the two parsers of libc make of each line, and how the two others write it back.
fn parsers() -> Result<()> {
    while let Some(line) = input("")? {
        let Ok(text) = CString::new(line.as_str()) else { continue };
        let aton = aton(&text).unwrap_or("no".into());
        let pton = pton(&text, libc::AF_INET, [0; 4])
            .or_else(|| pton(&text, libc::AF_INET6, [0; 16]))
            .unwrap_or("no".into());
        println!("{line}: inet_aton {aton}, inet_pton {pton}");
    }
    Ok(())
}

fn aton(text: &CStr) -> Option<String> {
    let mut addr = in_addr { s_addr: 0 };
    // SAFETY: both pointers are valid for the call, and the text ends with a zero byte.
    let read = unsafe { inet_aton(text.as_ptr(), &raw mut addr) } == 1;
    // SAFETY: the text lies in a buffer of libc's until the next inet_ntoa of this thread; it is copied before that.
    read.then(|| unsafe { CStr::from_ptr(inet_ntoa(addr)) }.to_string_lossy().into_owned())
}

fn pton<const N: usize>(text: &CStr, family: c_int, mut bytes: [u8; N]) -> Option<String> {
    // SAFETY: an address of this family has N bytes, and the text ends with a zero byte.
    let read = unsafe { inet_pton(family, text.as_ptr(), bytes.as_mut_ptr().cast()) } == 1;
    let mut room = [0u8; 46];
    let (from, to) = (bytes.as_ptr().cast(), room.as_mut_ptr().cast());
    // SAFETY: `from` points to N bytes, and 46 are room for the text of any address (INET6_ADDRSTRLEN).
    let wrote = read && !unsafe { inet_ntop(family, from, to, 46) }.is_null();
    let text = CStr::from_bytes_until_nul(&room).ok().filter(|_| wrote)?;
    Some(text.to_string_lossy().into_owned())
}
