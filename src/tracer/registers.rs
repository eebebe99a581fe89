//! A stopped thread's registers as a system call sees them, on both architectures.
//!
//! Source: syscall(2), "Architecture calling conventions".

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

/// What PTRACE_GET_SYSCALL_INFO and seccomp call the native table of calls.
#[cfg(target_arch = "x86_64")]
pub const AUDIT_ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub const AUDIT_ARCH: u32 = 0xc000_00b7;

/// A number that no call has: the kernel skips the call and leaves the result register alone.
const NO_CALL: u64 = u64::MAX;

/// The registers of one stop; changes reach the tracee with [`Registers::write`].
#[derive(Clone)]
pub struct Registers {
    pid: Pid,
    regs: libc::user_regs_struct,
    /// aarch64 keeps the call's number outside the general registers.
    #[cfg(target_arch = "aarch64")]
    number: Option<u64>,
}

#[cfg(target_arch = "x86_64")]
impl Registers {
    pub fn read(pid: Pid) -> Result<Registers, Errno> {
        Ok(Registers { pid, regs: ptrace::getregs(pid)? })
    }

    pub fn write(self) -> Result<(), Errno> {
        ptrace::setregs(self.pid, self.regs)
    }

    pub fn result(&self) -> i64 {
        self.regs.rax as i64
    }

    pub fn set_result(&mut self, value: i64) {
        self.regs.rax = value as u64;
    }

    /// Sets argument 0 … 5.
    pub fn set_arg(&mut self, index: usize, value: u64) {
        let regs = &mut self.regs;
        let slots = [
            &mut regs.rdi,
            &mut regs.rsi,
            &mut regs.rdx,
            &mut regs.r10,
            &mut regs.r8,
            &mut regs.r9,
        ];
        if let Some(slot) = slots.into_iter().nth(index) {
            *slot = value;
        }
    }

    pub fn set_number(&mut self, nr: u64) {
        self.regs.orig_rax = nr;
    }

    /// Puts the thread back before the instruction `syscall`, which takes the number from here.
    fn step_back(&mut self, nr: u64) {
        const SYSCALL: u64 = 2;
        self.regs.rip -= SYSCALL;
        self.regs.rax = nr;
    }

    /// The stack pointer.
    pub fn sp(&self) -> u64 {
        self.regs.rsp
    }

    /// Where the thread stands, and what its stack is unwound from.
    pub fn frame(&self) -> (u64, framehop::UnwindRegsNative) {
        let regs = &self.regs;
        (regs.rip, framehop::UnwindRegsNative::new(regs.rip, regs.rsp, regs.rbp))
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    pub fn read(pid: Pid) -> Result<Registers, Errno> {
        Ok(Registers { pid, regs: ptrace::getregs(pid)?, number: None })
    }

    pub fn write(self) -> Result<(), Errno> {
        if let Some(nr) = self.number {
            let mut number = nr as i32;
            let mut vector =
                libc::iovec { iov_base: (&raw mut number).cast(), iov_len: size_of::<i32>() };
            const NT_ARM_SYSTEM_CALL: usize = 0x404;
            // SAFETY: the kernel reads four bytes through `vector`, which outlives the call.
            let done = unsafe {
                libc::ptrace(
                    libc::PTRACE_SETREGSET,
                    self.pid.as_raw(),
                    NT_ARM_SYSTEM_CALL,
                    &raw mut vector,
                )
            };
            Errno::result(done)?;
        }
        ptrace::setregs(self.pid, self.regs)
    }

    pub fn result(&self) -> i64 {
        self.regs.regs[0] as i64
    }

    pub fn set_result(&mut self, value: i64) {
        self.regs.regs[0] = value as u64;
    }

    /// Sets argument 0 … 5. Argument 0 shares its register with the result.
    pub fn set_arg(&mut self, index: usize, value: u64) {
        self.regs.regs[index] = value;
    }

    pub fn set_number(&mut self, nr: u64) {
        self.number = Some(nr);
    }

    /// Puts the thread back before the instruction `svc`, which takes the number from here.
    fn step_back(&mut self, nr: u64) {
        const SVC: u64 = 4;
        const NUMBER: usize = 8;
        self.regs.pc -= SVC;
        self.regs.regs[NUMBER] = nr;
    }

    /// The stack pointer.
    pub fn sp(&self) -> u64 {
        self.regs.sp
    }

    /// Where the thread stands, and what its stack is unwound from.
    pub fn frame(&self) -> (u64, framehop::UnwindRegsNative) {
        const FRAME_POINTER: usize = 29;
        const LINK: usize = 30;
        let regs = &self.regs;
        let (link, frame) = (regs.regs[LINK], regs.regs[FRAME_POINTER]);
        (regs.pc, framehop::UnwindRegsNative::new(link, regs.sp, frame))
    }
}

impl Registers {
    /// At an entry: makes the kernel do this call instead.
    pub fn replace_call(&mut self, nr: u64, args: [u64; 6]) {
        self.set_number(nr);
        self.set_args(&args);
    }

    fn set_args(&mut self, args: &[u64; 6]) {
        args.iter().enumerate().for_each(|(at, &value)| self.set_arg(at, value));
    }

    /// Makes the kernel skip the call at whose entry the thread stands, with this result instead.
    pub fn skip_call(&mut self, result: i64) {
        self.set_number(NO_CALL);
        self.set_result(result);
    }

    /// At a return: makes the thread call this next, from where it stands.
    pub fn call_again(&mut self, nr: u64, args: [u64; 6]) {
        self.step_back(nr);
        self.set_args(&args);
    }

    /// At a return: makes the result stand, so that no interrupted call is begun again.
    pub fn settle_result(&mut self, result: i64) {
        self.set_number(NO_CALL);
        self.set_result(result);
    }
}
