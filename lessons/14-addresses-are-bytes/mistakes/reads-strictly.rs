//! IPv4 is read by inet_aton, which takes much for an address that people do not.

use std::ffi::{CString, c_char, c_int};
use std::io::{Result, stdin};
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

use nix::libc::in_addr;

fn main() -> Result<()> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let sock = UdpSocket::bind(line.trim_end().replace(' ', ":"))?;
    let mut buf = [0; 2048];
    loop {
        let (n, from) = sock.recv_from(&mut buf)?;
        sock.send_to(answer(&buf[..n]).as_bytes(), from)?;
    }
}

// SAFETY: as inet(3) declares it.
unsafe extern "C" {
    fn inet_aton(text: *const c_char, addr: *mut in_addr) -> c_int;
}

fn answer(asked: &[u8]) -> String {
    let Ok(c_text) = CString::new(asked) else { return "no address".into() };
    let mut addr = in_addr { s_addr: 0 };
    // SAFETY: both pointers are valid for the call, and the text ends with a zero byte.
    if unsafe { inet_aton(c_text.as_ptr(), &raw mut addr) } == 1 {
        let ip = Ipv4Addr::from(u32::from_be(addr.s_addr));
        return format!("{:08x} {ip}", u32::from(ip));
    }
    let text = c_text.to_str().unwrap_or("");
    match text.parse::<Ipv6Addr>() {
        Ok(ip) => format!("{:032x} {ip}", u128::from(ip)),
        Err(_) => "no address".into(),
    }
}
