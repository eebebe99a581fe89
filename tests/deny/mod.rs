//! Programs to which one system call is forbidden.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Lets this system call fail with EPERM in the command, as ptrace(2) does in many containers.
pub fn deny(command: &mut Command, call: libc::c_long) {
    let deny = move || {
        let jump = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, jt, jf, k };
        let denied = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
        let number = std::mem::offset_of!(libc::seccomp_data, nr) as u32;
        let mut filter = [
            jump(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, number, 0, 0),
            jump(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1),
            jump(libc::BPF_RET | libc::BPF_K, denied, 0, 0),
            jump(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
        ];
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: plain numbers, and a program that lives across the call.
        let done = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0
        };
        if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec it only builds an array on its stack and calls prctl.
    unsafe { command.pre_exec(deny) };
}
