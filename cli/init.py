"""PID 1 of a container in which nothing else would be it. It starts taskiq and reaps orphans.

The kernel gives PID 1 every process whose own parent has ended. A PID 1 that does not reap them
keeps them as zombies forever. Node does not reap. cli/init.ts hands this text to
`python3 -I -S -c`, with the program and its argv (name included) behind it. Every container has it
in memory as long as it runs, so it imports as little as it can.
"""

import os
import signal
import sys

# Of a signal that the terminal has sent: to the whole group, the program among it.
_FROM_KERNEL = 0x80

# As in cli/options/own-variables.ts; the program has them by then.
_SECRETS = (
    b"POSTGRES_PASSWORD=",
    b"TASKIQ_DAGSTER_HEADERS=",
    b"TASKIQ_ENVELOPE_KEY",
    b"TASKIQ_LEDGER_URL=",
)

_CANNOT_BE_RUN = 126
_KILLED = 128

# Those that the kernel sends for a fault of this process's own, and those that cannot be held.
_OURS = {
    *(signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
    *(signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP),
}
_NEVER_HELD = {signal.SIGKILL, signal.SIGSTOP}


def main(program: str, argv: list[str]) -> None:
    """Run the program to its end, and leave with its code, or with 128 and its signal's number."""
    # Held back, or PID 1 would not even get those that it has no handler for.
    held = signal.valid_signals() - _OURS - _NEVER_HELD
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it was ignored, the kernel would reap
    every = signal.valid_signals() - _NEVER_HELD
    try:
        child = os.posix_spawn(program, argv, _environment(), setsigmask=(), setsigdef=every)
    except OSError as error:
        sys.stderr.write(f"taskiq: cannot be run below an init: {error}\n")
        sys.exit(_CANNOT_BE_RUN)
    _forget_secrets()
    while True:
        got = signal.sigwaitinfo(held)
        if got.si_signo != signal.SIGCHLD:
            if got.si_code != _FROM_KERNEL:
                os.kill(child, got.si_signo)
        elif (status := _reap(child)) is not None:
            code = os.waitstatus_to_exitcode(status)
            sys.exit(code if code >= 0 else _KILLED - code)


def _reap(child: int) -> int | None:
    """Reap all that has ended; return the child's wait status, if it is among it."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status


def _environment() -> dict[bytes, bytes]:
    """Return what this process began with: Python may have added a locale of its own."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - pathlib is megabytes
        entries = (entry.partition(b"=") for entry in file.read().split(b"\0") if b"=" in entry)
        return {name: value for name, _, value in entries}


def _forget_secrets() -> None:
    """Blank what the kernel shows of the program's secrets in this process's environment."""
    try:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - as above
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[47]), int(fields[48])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:  # noqa: PTH123 - as above
            memory.seek(start)
            for entry in memory.read(end - start).split(b"\0"):
                if entry.startswith(_SECRETS):
                    at = start + entry.index(b"=") + 1
                    memory.seek(at)
                    memory.write(b" " * (start + len(entry) - at))
                start += len(entry) + 1
    except (OSError, ValueError):
        pass  # an old kernel, or one that forbids the write, shows the values


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
