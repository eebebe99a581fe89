//! ICMP for the programs of a run: raw sockets, ping sockets, and whether the kernel answers. icmp(7), capabilities(7).

use nix::errno::Errno;

use super::{Entered, net};

/// Lets the programs that this process will start make raw sockets, as root may, and ping sockets, as nobody may in a new
/// network; if not `is_answered`, the kernel leaves each echo to whoever else hears it.
///
/// For the process in which [`super::furnish`] was called. Fails with `EPERM` where the network is not the run's own: in
/// the machine's nothing is changed and nobody is given rights.
pub fn allow_icmp(entered: &Entered, is_answered: bool) -> nix::Result<()> {
    if !entered.has_network() {
        return Err(Errno::EPERM);
    }
    keep_net_raw()?;
    let group = nix::unistd::getegid();
    net::set_sysctl("ipv4/ping_group_range", &format!("{group} {group}"))?;
    net::set_sysctl("ipv4/icmp_echo_ignore_all", if is_answered { "0" } else { "1" })
}

/// Keeps CAP_NET_RAW over execve(2), by which an ordinary user loses what a user namespace has given. It holds for the
/// namespace's own network and for no other.
fn keep_net_raw() -> nix::Result<()> {
    const CAP_NET_RAW: u32 = 13;
    let mut sets = super::capabilities()?;
    // Effective, permitted, inheritable, for the first 32; then the same for the others.
    sets[2] |= 1 << CAP_NET_RAW;
    let header: [u32; 2] = [super::CAPABILITIES_VERSION_3, 0];
    // SAFETY: header and sets have the layout that version 3 asks for; the other call takes plain numbers.
    unsafe {
        Errno::result(libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()))?;
        let raise = libc::PR_CAP_AMBIENT_RAISE as libc::c_ulong;
        let kept = libc::prctl(libc::PR_CAP_AMBIENT, raise, libc::c_ulong::from(CAP_NET_RAW), 0, 0);
        Errno::result(kept).map(drop)
    }
}
