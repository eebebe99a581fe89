//! Lesson 15, more of it: what does not lead to an address, the tables beside that of names, and a question to a name server
//! by hand.

use std::ffi::{CStr, CString};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use kit::*;

fn main() -> ExitCode {
    finish(role_of(["asks-in-vain", "tables", "by-hand"]).and_then(|role| match role {
        "asks-in-vain" => asks_in_vain(),
        "tables" => tables(),
        _ => by_hand(),
    }))
}

/// Three ways not to be found, none of which is an errno: no call of the kernel's has failed.
fn asks_in_vain() -> Result<()> {
    for (host, service) in [
        ("nobody.test", "lab-clock"),
        ("ill.test", "lab-clock"),
        ("lab.test", "lab-calendar"),
        ("256.0.0.1", "7015"),
    ] {
        match getaddrinfo(host, service, SOCK_STREAM) {
            Ok(candidates) => println!("{host} {service}: {candidates:?}"),
            Err(Error::Name { code, .. }) => println!("{host} {service}: {code}"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The machine's own name, both directions of a service, a protocol, and both directions of a host.
fn tables() -> Result<()> {
    println!("gethostname: {}", dns_lookup::get_hostname().unwrap_or_default());
    println!("getfqdn: {}", names_of(Ipv4Addr::LOCALHOST).0);
    println!("getservbyname lab-clock: {:?}", port_of(c"lab-clock", Some(c"tcp")));
    println!("getservbyname lab-clock, any protocol: {:?}", port_of(c"lab-clock", None));
    println!("getservbyname lab-clock, udp: {:?}", port_of(c"lab-clock", Some(c"udp")));
    println!("getservbyport 7015: {:?}", service_at(7015));
    println!("getprotobyname tcp: {:?}", protocol(c"tcp"));
    let (name, aliases, addresses) = hosts_of(c"www.test");
    println!("gethostbyname: {:?}", addresses.first());
    println!("gethostbyname_ex: {name} {aliases:?} {addresses:?}");
    let far = Ipv4Addr::new(127, 0, 0, 7);
    let (name, service) =
        dns_lookup::getnameinfo(&SocketAddr::from((far, 7015)), 0).unwrap_or_default();
    println!("gethostbyaddr {far}: {}", names_of(far).0);
    println!("getnameinfo {far}:7015: {name} {service}");
    Ok(())
}

/// One question, one answer: what getaddrinfo does where the files say nothing.
fn by_hand() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    // A number to know the answer by, "please find out", one question.
    let mut question = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
    // The name, each part after its length; type A, class IN.
    question.extend(b"\x03far\x04test\x00\x00\x01\x00\x01");
    sendto(&sock, &question, (Ipv4Addr::new(127, 0, 0, 53), 53))?;
    let mut buf = [0; 512];
    let (n, _) = recvfrom(&sock, &mut buf)?;
    // The address is the last four bytes; the low four bits of byte 3 say whether it went well.
    let address = <[u8; 4]>::try_from(&buf[n - 4..n]).unwrap_or_default();
    println!("answer {}, code {}: far.test is {}", buf[1], buf[3] & 15, IpAddr::from(address));
    close(sock)
}

/// What the file of services has under this name, if anything.
fn port_of(name: &CStr, protocol: Option<&CStr>) -> Option<u16> {
    let protocol = protocol.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: both are strings that end in zero, or null, which means any. What comes back belongs to the C library until
    // the next such call, and is read before that.
    unsafe { libc::getservbyname(name.as_ptr(), protocol).as_ref() }
        .map(|found| u16::from_be(found.s_port as u16))
}

fn service_at(port: u16) -> Option<String> {
    // SAFETY: as above; the port is in network order.
    unsafe {
        let found = libc::getservbyport(port.to_be().into(), std::ptr::null()).as_ref()?;
        Some(CStr::from_ptr(found.s_name).to_string_lossy().into_owned())
    }
}

fn protocol(name: &CStr) -> Option<i32> {
    // SAFETY: as above.
    unsafe { libc::getprotobyname(name.as_ptr()).as_ref() }.map(|found| found.p_proto)
}

// gethostbyname(3) knows IPv4 only and is out of use since there is getaddrinfo; libc does not declare it any more.
// SAFETY: as netdb.h declares them; socklen_t is u32.
unsafe extern "C" {
    fn gethostbyname(name: *const libc::c_char) -> *const libc::hostent;
    fn gethostbyaddr(addr: *const u8, len: u32, type_: i32) -> *const libc::hostent;
}

fn hosts_of(name: &CStr) -> (String, Vec<String>, Vec<Ipv4Addr>) {
    // SAFETY: the name ends in zero; what comes back is read before the next such call.
    unsafe { host(gethostbyname(name.as_ptr())) }
}

fn names_of(addr: Ipv4Addr) -> (String, Vec<String>, Vec<Ipv4Addr>) {
    // SAFETY: four bytes of an IPv4 address, which is what is asked for; read as above.
    unsafe { host(gethostbyaddr(addr.octets().as_ptr(), 4, libc::AF_INET)) }
}

/// A host's name, its other names and its IPv4 addresses.
///
/// # Safety
/// `found` is null or what the C library gave just now.
unsafe fn host(found: *const libc::hostent) -> (String, Vec<String>, Vec<Ipv4Addr>) {
    // SAFETY: lists of pointers that end in null, to strings that end in zero and to addresses of four bytes.
    unsafe {
        let Some(found) = found.as_ref() else { return Default::default() };
        let list = |list: *mut *mut libc::c_char| {
            (0..).map(move |n| *list.add(n)).take_while(|entry| !entry.is_null())
        };
        let name = |name: *mut libc::c_char| CString::from(CStr::from_ptr(name));
        let name = |text| name(text).to_string_lossy().into_owned();
        let address = |bytes: *mut libc::c_char| Ipv4Addr::from(*bytes.cast::<[u8; 4]>());
        (
            name(found.h_name),
            list(found.h_aliases).map(name).collect(),
            list(found.h_addr_list).map(address).collect(),
        )
    }
}
