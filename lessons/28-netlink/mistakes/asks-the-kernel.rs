//! The old way: names out of a file below /proc, and an ioctl(2) on whatever socket for the rest. It tells the same, one
//! interface at a time, and what it cannot tell it never will: netdevice(7) is closed, netlink goes on.

use std::mem::zeroed;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use kit::netlink::AF_TIPC;
use kit::*;
use nix::libc::{self, ifreq};

fn main() -> ExitCode {
    finish(role_of(["asker"]).and_then(|_| asker()))
}

fn asker() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    while let Some(line) = input("")? {
        if line == "tipc" {
            match socket(AF_TIPC, SOCK_STREAM) {
                Ok(tipc) => close(tipc)?,
                Err(_) => println!("AF_TIPC: EAFNOSUPPORT"),
            }
            continue;
        }
        let table = std::fs::read_to_string("/proc/net/dev").map_err(of_std("open"))?;
        let names = table.lines().skip(2).filter_map(|line| line.trim().split(':').next());
        let mut links: Vec<_> = names.map(|name| link(&sock, name)).collect();
        links.sort();
        let wanted = line.strip_prefix("link ");
        links.retain(|(index, _)| wanted.is_none_or(|wanted| wanted == index.to_string()));
        for (_, text) in &links {
            println!("{text}");
        }
        if let (Some(index), []) = (wanted, links.as_slice()) {
            println!("{index}: ENODEV");
        }
    }
    close(sock)
}

fn link(sock: &OwnedFd, name: &str) -> (i32, String) {
    // SAFETY: an ifreq is plain data, of which each call fills in the part that is read after it.
    unsafe {
        let mut about: ifreq = zeroed();
        for (to, byte) in about.ifr_name.iter_mut().zip(name.bytes()) {
            *to = byte as libc::c_char;
        }
        libc::ioctl(sock.as_raw_fd(), libc::SIOCGIFINDEX as _, &mut about);
        let index = about.ifr_ifru.ifru_ifindex;
        libc::ioctl(sock.as_raw_fd(), libc::SIOCGIFHWADDR as _, &mut about);
        let address = about.ifr_ifru.ifru_hwaddr.sa_data;
        let address: Vec<_> = address[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        (index, format!("{index} {name} {}", address.join(":")))
    }
}
