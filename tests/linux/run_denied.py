#!/usr/bin/env python3
"""`lastack run` where a machine or a container does not let it: a sentence that says what to do, exit code 1, no
program that was started, and `lastack doctor` names the same. And what it does without."""
import json
import pathlib
import socket
import sys
import textwrap

from lab import ROOT, check, in_namespace
from run import Folder, PYTHON

ADDFD = "ioctl:0x40182103"  # SECCOMP_IOCTL_NOTIF_ADDFD
WAKE_UP = "ioctl:0x40082104"  # SECCOMP_IOCTL_NOTIF_SET_FLAGS
LISTENERS = "seccomp notification"
DENIED = {  # the rule of denied.py: what doctor calls it, what the remedy speaks of
    "new_listener": (LISTENERS, "seccomp()"),
    "seccomp": (LISTENERS, "seccomp()"),
    "pidfd_open": ("pidfd_getfd", "pidfd_open()"),
    "pidfd_getfd": ("pidfd_getfd", "pidfd_getfd()"),
    "process_vm_readv": ("process memory", "process_vm_readv()"),
    "process_vm_writev": ("process memory", "process_vm_writev()"),
    ADDFD: ("descriptors handed over", "Linux 5.14"),
}
SCOPE = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
TALKS = """
    import socket
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        with server.accept()[0] as peer:
            peer.sendall(b"well")
            print(client.recv(9).decode())
    """


class Denied:
    """What a user's commands say under some rules of denied.py."""

    def __init__(self, at, *rules):
        self.at, self.before = at, [PYTHON, "denied.py", *rules, "--"] if rules else []

    def run(self, *command):
        return self.at.run(*self.before, self.at.command, "run", "--", *command)

    def doctor(self):
        return json.loads(self.at.run(*self.before, self.at.command, "doctor", "--json").stdout)

    def found(self, name):
        told = self.doctor()
        return told["run"], next(one for one in told["checks"] if one["name"] == name)


def refused(what, denied, name, remedy):
    """A run does not begin, and says why; doctor says the same."""
    done = denied.run("touch", "started")
    told = done.stderr.splitlines()
    check(f"{what}: no run, exit code 1", done.returncode == 1 and not (denied.at.path / "started").exists(),
          done.returncode, done.stderr)
    check(f"{what}: a sentence that says what to do", told[0].startswith("lastack: can't ") and
          told[-1] == "  lastack doctor   tells what works here" and any(remedy in line for line in told[1:-1]), *told)
    runs, one = denied.found(name)
    check(f"{what}: so does lastack doctor", not runs and not one["works"] and remedy in one["remedy"], one)


def what_is_denied(at):
    for rule, (name, remedy) in DENIED.items():
        for error in ("EPERM", "ENOSYS"):
            refused(f"{rule}={error}", Denied(at, f"{rule}={error}"), name, remedy)
    refused("somebody listens already", Denied(at, "listens"), LISTENERS, "leave the run, or the sandbox,")


def in_a_run(at):
    done = at.under(at.command, "run", "--", at.command, "run", "--", "touch", "started")
    check("a run in a run in a run: refused once, with the reason", done.returncode == 1 and
          done.stderr.count("leave the run, or the sandbox,") == 1 and not (at.path / "started").exists(), done.stderr)


def what_is_not_needed(at):
    for rule in ("unshare=EPERM", "unshare=ENOSYS", f"{WAKE_UP}=EINVAL", "io_uring_setup=EPERM"):
        done = Denied(at, rule).run(PYTHON, "-c", textwrap.dedent(TALKS))
        check(f"{rule}: a run works without it", done.stdout == "well\n" and done.stderr == "", done.stdout, done.stderr)
    _, one = Denied(at, "unshare=EPERM").found("user namespaces")
    check("unshare=EPERM: doctor says what to do", not one["works"] and "unshare()" in one["remedy"], one)
    runs, one = Denied(at, f"{WAKE_UP}=EINVAL").found("synchronous wake-up")
    check("without the synchronous wake-up doctor says that runs work", runs and not one["works"] and
          "runs work" in one["what"], one)


def ptrace_scope(at):
    """As the machine has it: a test does not set it for others (heavier/older_kernel.py does)."""
    scope = int(SCOPE.read_text()) if SCOPE.exists() else 0
    if scope > 1:
        return refused(f"ptrace scope {scope}", Denied(at), "pidfd_getfd", "kernel.yama.ptrace_scope at most 1")
    done = Denied(at).run(PYTHON, "-c", textwrap.dedent(TALKS))
    check(f"ptrace scope {scope}: a run works", done.stdout == "well\n", done.stderr)


def main(folder):
    folder.chmod(0o755)
    at = Folder(folder)
    (folder / "denied.py").write_bytes((ROOT / "tests" / "run" / "denied.py").read_bytes())
    ptrace_scope(at)
    if SCOPE.exists() and int(SCOPE.read_text()) > 1:
        return
    what_is_denied(at)
    in_a_run(at)
    what_is_not_needed(at)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
