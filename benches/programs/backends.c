/* backends OBSERVER PROGRAM [ARG...]: runs PROGRAM and takes from each sendto and recvfrom, of it and its children, what a
   recorder needs: the bytes, and the result where this OBSERVER has one. A frame of each way to intercept a call, with
   nothing round it:

     entry          ptrace: a stop before the call                       no result, no bytes received
     entry-exit     ptrace: a stop before the call and one behind it     everything
     continue       seccomp user notification; the kernel then goes on   no result, no bytes received
     continue-sync  the same, handed over on one processor (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
     perform        user notification; the observer makes the call       everything
     perform-sync   the same, handed over on one processor

   It prints how many calls it has seen. Notification needs Linux 6.11, which ends a wait when nobody is left to notify. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ptrace.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS /* Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1ul
#endif

enum { LONGEST = 120, KEPT = 4096 };

static unsigned long seen;
static char kept[KEPT]; /* what a recorder would write down */

static void need(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "backends: %s: %s\n", what, strerror(errno));
		exit(3);
	}
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Reads the observed process's bytes, or writes them. */
static void copy(int write, pid_t pid, __u64 addr, size_t len)
{
	struct iovec here = {kept, least(len, KEPT)}, there = {(void *)addr, here.iov_len};
	ssize_t done = write ? process_vm_writev(pid, &here, 1, &there, 1, 0)
			     : process_vm_readv(pid, &here, 1, &there, 1, 0);

	need(done == (ssize_t)here.iov_len, "process_vm");
}

/* Gives `action` for sendto and recvfrom. The descriptor is that of the notifications, if there are any. */
static int filter(__u32 action, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvfrom, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, action),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	int fd;

	need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "prctl");
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	need(fd >= 0, "seccomp");
	return fd;
}

/* ---- ptrace ---------------------------------------------------------------------------------------------------- */

static pid_t start_tracee(char **argv)
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	if (pid > 0)
		return pid;
	need(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "ptrace");
	raise(SIGSTOP);
	filter(SECCOMP_RET_TRACE, 0);
	execvp(*argv, argv);
	need(0, *argv);
	return 0;
}

/* What is to be read at this stop; says whether the call's return is still to come. */
static int look(pid_t pid)
{
	static struct { pid_t pid; __u64 buffer; } inside[16];
	struct ptrace_syscall_info info;
	unsigned at = 0;

	need(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0, "PTRACE_GET_SYSCALL_INFO");
	while (at < 15 && inside[at].pid && inside[at].pid != pid)
		at++;
	if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
		seen++;
		inside[at].pid = pid;
		inside[at].buffer = info.seccomp.nr == SYS_recvfrom ? info.seccomp.args[1] : 0;
		if (info.seccomp.nr == SYS_sendto)
			copy(0, pid, info.seccomp.args[1], info.seccomp.args[2]);
		return 1;
	}
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && inside[at].buffer && info.exit.rval > 0)
		copy(0, pid, inside[at].buffer, info.exit.rval);
	return 0;
}

static int trace(char **argv, int both)
{
	pid_t first = start_tracee(argv), pid;
	int status, ended = 0;

	need(waitpid(first, &status, 0) == first, "waitpid");
	need(ptrace(PTRACE_SETOPTIONS, first, 0,
		    PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
			    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC) == 0, "ptrace");
	ptrace(PTRACE_CONT, first, 0, 0);
	while ((pid = wait4(-1, &status, __WALL, NULL)) > 0) {
		int signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0, event = status >> 16, then = PTRACE_CONT;

		if (!WIFSTOPPED(status)) {
			ended |= status;
			continue;
		}
		if (event == PTRACE_EVENT_SECCOMP || signal == (SIGTRAP | 0x80)) {
			if (look(pid) && both)
				then = PTRACE_SYSCALL;
			signal = 0;
		} else if (event || signal == SIGSTOP) {
			signal = 0;
		}
		ptrace(then, pid, 0, signal);
	}
	return ended;
}

/* ---- user notification ----------------------------------------------------------------------------------------- */

/* A copy of another process's descriptor. */
static int duplicate(pid_t pid, int fd)
{
	int process = syscall(SYS_pidfd_open, pid, 0), own = syscall(SYS_pidfd_getfd, process, fd, 0);

	need(own >= 0, "pidfd_getfd");
	close(process);
	return own;
}

static int start_notifier(char **argv)
{
	int pair[2], fd, own;
	pid_t pid;

	need(pipe2(pair, O_CLOEXEC) == 0, "pipe");
	pid = fork();
	need(pid >= 0, "fork");
	if (pid == 0) {
		fd = filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
		need(write(pair[1], &fd, sizeof fd) == sizeof fd, "write");
		raise(SIGSTOP);
		execvp(*argv, argv);
		need(0, *argv);
	}
	close(pair[1]);
	need(read(pair[0], &fd, sizeof fd) == sizeof fd, "read");
	own = duplicate(pid, fd);
	need(waitpid(pid, &fd, WUNTRACED) == pid && WIFSTOPPED(fd), "waitpid");
	kill(pid, SIGCONT);
	return own;
}

/* The observer's copies of the sockets, and who waits on them. */
static struct { pid_t pid; int fd, own, waits; struct seccomp_notif call; } sockets[16];

static int socket_of(const struct seccomp_notif *call)
{
	int at = 0, fd = call->data.args[0];

	while (sockets[at].pid && (sockets[at].pid != (pid_t)call->pid || sockets[at].fd != fd))
		need(++at < 16, "too many sockets");
	if (!sockets[at].pid) {
		sockets[at].pid = call->pid;
		sockets[at].fd = fd;
		sockets[at].own = duplicate(call->pid, fd);
	}
	return at;
}

static void respond(int listener, struct seccomp_notif_resp *response)
{
	need(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, response) == 0 || errno == ENOENT, "SECCOMP_IOCTL_NOTIF_SEND");
}

/* Makes the call in the caller's place. One that would wait is kept for later: others may call meanwhile. */
static int perform(int listener, int at, const struct seccomp_notif *call)
{
	size_t len = least(call->data.args[2], KEPT);
	int flags = call->data.args[3] | MSG_DONTWAIT, fd = sockets[at].own;
	struct seccomp_notif_resp response = {.id = call->id};
	ssize_t done;

	if (call->data.nr == SYS_sendto) {
		copy(0, call->pid, call->data.args[1], len);
		done = send(fd, kept, len, flags | MSG_NOSIGNAL);
	} else {
		done = recv(fd, kept, len, flags);
		if (done > 0)
			copy(1, call->pid, call->data.args[1], done);
	}
	if (done < 0 && errno == EAGAIN)
		return 0;
	response.val = done < 0 ? 0 : done;
	response.error = done < 0 ? -errno : 0;
	respond(listener, &response);
	return 1;
}

/* Makes the calls that need not wait any more. Where every socket has somebody who waits, no call would come before one
   of them: then their data is awaited. Who observes any program must await both, with one system call more. */
static void serve_waiting(int listener)
{
	struct pollfd all[16];
	int at, waiting = 0;

	for (at = 0; at < 16 && sockets[at].pid; at++) {
		all[at] = (struct pollfd){sockets[at].own, POLLIN, 0};
		if (sockets[at].waits)
			sockets[at].waits = !perform(listener, at, &sockets[at].call);
		waiting += sockets[at].waits;
	}
	if (waiting == at && waiting > 1 && poll(all, at, -1) > 0)
		serve_waiting(listener);
}

static int notify(char **argv, int performs, int sync)
{
	static struct seccomp_notif call;
	int listener = start_notifier(argv), status, ended = 0;

	need(!sync || ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0,
	     "SECCOMP_IOCTL_NOTIF_SET_FLAGS");
	for (;;) {
		memset(&call, 0, sizeof call);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
			need(errno == ENOENT || errno == EINTR, "SECCOMP_IOCTL_NOTIF_RECV");
			if (errno == ENOENT && poll(&(struct pollfd){listener, POLLIN, 0}, 1, 0) == 1)
				break;
			continue;
		}
		seen++;
		if (!performs) {
			struct seccomp_notif_resp response = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

			if (call.data.nr == SYS_sendto)
				copy(0, call.pid, call.data.args[1], call.data.args[2]);
			respond(listener, &response);
			continue;
		}
		int at = socket_of(&call);

		if (!perform(listener, at, &call)) {
			sockets[at].waits = 1;
			sockets[at].call = call;
		}
		serve_waiting(listener);
	}
	while (wait(&status) > 0)
		ended |= status;
	return ended;
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[1] : "";
	int status;

	alarm(LONGEST);
	if (!strncmp(how, "entry", 5))
		status = trace(argv + 2, !strcmp(how, "entry-exit"));
	else if (!strncmp(how, "continue", 8) || !strncmp(how, "perform", 7))
		status = notify(argv + 2, *how == 'p', strstr(how, "-sync") != NULL);
	else
		return fputs("usage: backends OBSERVER PROGRAM [ARG...]\n", stderr), 2;
	printf("%lu\n", seen);
	return status != 0;
}
