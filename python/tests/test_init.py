"""cli/init.py, as PID 1 would run: as the subreaper of all that is below it."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PID 1 is a container's, on Linux")

INIT = Path(__file__).parents[2] / "cli" / "init.py"

# What the kernel does with the orphans below a subreaper is what it does for PID 1.
BECOME_SUBREAPER = """
import ctypes, os, sys
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
os.environ.pop("LC_CTYPE", None)  # Python's own
os.execv(sys.argv[1], sys.argv[1:])
"""

PRINT_SIGNALS = """
import signal
awaited = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
print("ready", flush=True)
number = 0
while number != signal.SIGTERM:
    number = signal.sigwait(awaited)
    print(number.name, flush=True)
raise SystemExit(5)
"""

MAKE_ORPHANS = """
import os, pathlib, time
pids = []
for _ in range(20):
    reader, writer = os.pipe()
    if os.fork() == 0:
        if (orphan := os.fork()) == 0:
            while os.getppid() == 1: pass
            os._exit(0)
        os.write(writer, str(orphan).encode())
        os._exit(0)
    os.wait()
    pids.append(os.read(reader, 20).decode())
while any(pathlib.Path("/proc", pid).exists() for pid in pids):
    time.sleep(0.01)
print(len(set(pids)))
"""


def under_init(program: str, *argv: str) -> list[str]:
    bare = [sys.executable, "-I", "-S", "-c", INIT.read_text()]
    return [sys.executable, "-c", BECOME_SUBREAPER, *bare, program, *argv]


def python(script: str) -> list[str]:
    return under_init(sys.executable, "its own name", "-I", "-c", script)


def test_the_init_reaps_orphans() -> None:
    done = subprocess.run(python(MAKE_ORPHANS), capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == ("20\n", "", 0)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("", 0),
        ("raise SystemExit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", 137),
        ("import os; os.kill(os.getpid(), 15)", 143),
    ],
)
def test_the_init_exits_with_the_programs_code(script: str, code: int) -> None:
    assert subprocess.run(python(script), timeout=30).returncode == code


def test_the_init_passes_every_signal_on() -> None:
    with subprocess.Popen(python(PRINT_SIGNALS), stdout=subprocess.PIPE, text=True) as init:
        assert init.stdout is not None
        assert init.stdout.readline() == "ready\n"
        for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGTERM"):
            init.send_signal(signal.Signals[name])
            assert init.stdout.readline() == f"{name}\n"
        assert init.wait(30) == 5


def test_the_init_leaves_a_terminals_signal_to_the_terminal() -> None:
    """It goes to the whole group: passed on, one Ctrl-C would be two."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = python(PRINT_SIGNALS)
        os.execv(command[0], command)
    seen = read_until(terminal, b"ready")
    os.write(terminal, b"\x03")
    seen += read_until(terminal, b"SIGINT")
    os.kill(pid, signal.SIGTERM)
    seen += read_until(terminal, b"SIGTERM")
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    assert seen.count(b"SIGINT") == 1


def read_until(descriptor: int, word: bytes) -> bytes:
    seen = b""
    while word not in seen:
        seen += os.read(descriptor, 1000)
    return seen


def test_the_init_gives_the_program_its_name_environment_and_default_signals() -> None:
    script = (
        "import signal; print(open('/proc/self/cmdline').read().split(chr(0))[0],"
        " sorted(open('/proc/self/environ').read().split(chr(0))[:-1]),"
        " [line.split()[1] for line in open('/proc/self/status') if line[:4] == 'SigB'],"
        " signal.getsignal(signal.SIGCHLD).name)"
    )
    # Neither a locale, which Python would set for itself, nor anything that is Python's own.
    environment = {"TEXT": "a=b c", "EMPTY": "", "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        python(script), capture_output=True, text=True, timeout=30, env=environment
    )
    began_with = ["EMPTY=", "PYTHONWARNINGS=error", "TEXT=a=b c"]
    assert done.stdout == f"its own name {began_with} {[f'{0:016x}']} SIG_DFL\n"


def test_the_init_shows_no_secret_of_the_program() -> None:
    above = "open(f'/proc/{os.getppid()}/environ').read().split(chr(0))[:-1]"
    own = "open('/proc/self/environ').read().split(chr(0))[:-1]"
    # The init blanks them when it has started the program.
    script = (
        f"import os, time\nwhile 'hunter2' in str(({above})): time.sleep(0.01)\n"
        f"print([e.rstrip() for e in {above}], {own})"
    )
    secrets = dict.fromkeys(("POSTGRES_PASSWORD", "TASKIQ_LEDGER_URL"), "hunter2")
    done = subprocess.run(
        python(script), capture_output=True, text=True, timeout=30, env={**secrets, "TEXT": "b"}
    )
    shown = [*(f"{name}=" for name in secrets), "TEXT=b"]
    began_with = [*(f"{name}=hunter2" for name in secrets), "TEXT=b"]
    assert done.stdout == f"{shown} {began_with}\n"


def test_the_init_names_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    done = subprocess.run(under_init(str(missing), "x"), capture_output=True, text=True, timeout=30)
    assert done.returncode == 126
    why = f"[Errno 2] No such file or directory: '{missing}'"
    assert done.stderr == f"taskiq: cannot be run below an init: {why}\n"
