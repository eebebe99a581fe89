//! SO_REUSEADDR where ports are the whole machine's: TIME-WAIT of an earlier run would fail a right program's bind.
//!
//! The option must be set on the sockets of both runs (tcp(7)), and by the tracee itself, since in many containers
//! nobody else gets at its descriptors. So a thread that is about to call bind(2) is led round by setsockopt(2): that
//! call is made in its place, and then the thread is put back before the one it wanted. Neither is it told of
//! the detour, nor does the recording show it; whoever asks for the option is given the program's own value.

use super::Tracer;
use super::descriptors::Reuse;
use super::handlers;
use super::memory::Tracee;
use super::stop::{Gone, Stopped};
use super::tracees::{InFlight, Key};
use crate::decode::Raw;
use crate::event::Kind;

impl Tracer {
    /// Whether the call is a bind that could meet TIME-WAIT of an earlier run.
    pub(super) fn needs_reuse(&self, call: &InFlight) -> bool {
        let Some(open) = call.open.filter(|_| self.settings.shared_ports) else { return false };
        let description = self.descriptors.get(open);
        let is_tcp = matches!(&description.kind,
            Kind::Socket { protocol, .. } if protocol == "IPPROTO_TCP");
        call.raw().nr == libc::SYS_bind as u64 && is_tcp && description.reuse == Reuse::Unset
    }

    /// Has the thread set the option before it binds.
    pub(super) fn lend_reuse(
        &mut self,
        key: Key,
        stopped: Stopped,
        mut call: InFlight,
    ) -> Result<(), Gone> {
        let [socket, address, ..] = call.raw().args;
        let (level, option) = (libc::SOL_SOCKET as u64, libc::SO_REUSEADDR as u64);
        // Any number but 0 is a yes. The address that it binds begins with its family and its port: four bytes that are
        // one, so nothing has to be put into its memory.
        let args = [socket, level, option, address, 4];
        let mut registers = stopped.registers()?;
        registers.set_number(libc::SYS_setsockopt as u64);
        args.into_iter().enumerate().for_each(|(at, value)| registers.set_arg(at, value));
        registers.write()?;
        if let Some(open) = call.open {
            self.descriptors.get_mut(open).reuse = Reuse::Lent;
        }
        call.detour = true;
        if let Some(thread) = self.threads.get_mut(&key) {
            thread.call = Some(call);
        }
        stopped.resume_to_return()
    }

    /// The detour is over: the thread makes the call that it wanted, as one that was interrupted.
    pub(super) fn make_the_call_itself(
        &mut self,
        key: Key,
        stopped: Stopped,
        mut call: InFlight,
    ) -> Result<(), Gone> {
        let Raw { nr, args } = *call.raw();
        let mut registers = stopped.registers()?;
        registers.call_again(nr, args);
        registers.write()?;
        (call.detour, call.interrupted) = (false, handlers::BEGUN_AGAIN);
        if let Some(thread) = self.threads.get_mut(&key) {
            thread.suspended.push(call);
        }
        stopped.resume(0)
    }

    /// The program has set the option, or asks for it.
    pub(super) fn note_reuse(&mut self, call: &InFlight, result: i64, memory: Tracee) {
        let raw = *call.raw();
        let is_option =
            raw.args[1] as i32 == libc::SOL_SOCKET && raw.args[2] as i32 == libc::SO_REUSEADDR;
        let Some(open) = call.open.filter(|_| is_option && result == 0) else { return };
        let description = self.descriptors.get_mut(open);
        match raw.nr as libc::c_long {
            libc::SYS_setsockopt => {
                let value = memory.bytes(raw.args[3]).map_or(0, i32::from_ne_bytes);
                description.reuse = if value == 0 { Reuse::Unset } else { Reuse::Own };
            }
            libc::SYS_getsockopt if description.reuse == Reuse::Lent => {
                let length = memory.bytes(raw.args[4]).map_or(0, u32::from_ne_bytes);
                memory.write(raw.args[3], &[0; 4][..length.min(4) as usize]);
            }
            _ => {}
        }
    }
}
