#!/usr/bin/env python3
"""SIGKILL under `lastack run`: of either side and of the supervisor in each of the eleven states, and at random
moments. Nothing is left: descriptors, memory, processes, sockets, devices, namespaces. run_kills.py [KILLS [SEED]]."""
import contextlib
import os
import signal
import subprocess
import sys
import time

from lab import ROOT, check, in_namespace, sockets_of, until
from run import Folder, PYTHON, supervisor_of

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 300
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
SUPERVISORS = max(KILLS // 50, 5)  # of them are killed in the middle of it
KEPT = 300  # descriptors of what was reset are looked for when there are many
MOST_MEMORY = 64 << 10  # KiB more
HANDSHAKE = ["s listen {port}", "c connect {port}", "s accept"]
STATES = {  # whose it is, what leads there
    "CLOSED": ("c", ["c socket", "s listen {port}"]),
    "LISTEN": ("s", ["s listen {port}"]),
    "SYN_SENT": ("c", ["s listen {port}", "pause", "c connect {port}"]),
    "SYN_RCVD": ("s", ["s listen {port}", "pause", "c connect {port}", "pass"]),
    "ESTABLISHED": ("c", HANDSHAKE),
    "FIN_WAIT_1": ("c", [*HANDSHAKE, "pause", "c shut"]),
    "FIN_WAIT_2": ("c", [*HANDSHAKE, "c shut"]),
    "CLOSE_WAIT": ("s", [*HANDSHAKE, "c shut"]),
    "CLOSING": ("c", [*HANDSHAKE, "pause", "c shut", "s shut", "pass", "pass"]),
    "LAST_ACK": ("s", [*HANDSHAKE, "c shut", "pause", "s shut"]),
    "TIME_WAIT": ("c", [*HANDSHAKE, "c shut", "s shut"]),
}


def held(process):
    with open(f"/proc/{process}/status") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return len(os.listdir(f"/proc/{process}/fd")), memory


class Run:
    """lastack run with puppets.py in it."""

    def __init__(self, at, *words):
        self.at = at
        self.process = at.start(at.command, "run", "--msl", "1", "--", PYTHON, "puppets.py", *words,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.line = self.process.stdout.readline().strip() if not words else ""
        self.supervisor = supervisor_of(at)

    def ask(self, *words):
        self.at.run(self.at.command, "ask", *words)

    def tell(self, words):
        if words in ("pause", "pass"):
            return self.ask(words, "out")
        print(words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline()

    def reach(self, state, port):
        """Both puppets are new; the state stands there when this returns True."""
        for who in "cs":
            self.tell(f"{who} new")
        for words in STATES[state][1]:
            self.tell(words.format(port=port))
        return state == "CLOSED" or until(lambda: state in self.states())

    def states(self):
        return [row["state"] for row in sockets_of(self.at.run(self.at.command, "ss", "-ta", "--json"))]

    def end(self):
        self.process.stdin.close()
        self.process.stdin = None
        return self.process.communicate(timeout=60)


def either_side(at):
    run = Run(at)
    before = held(run.supervisor)
    port = 8000
    for state in STATES:
        for victim, other in ("cs", "sc"):
            port += 1
            reached = run.reach(state, port)
            run.tell(f"{victim} kill")
            run.ask("resume")
            run.tell(f"{other} kill")
            side = "its own side" if victim == STATES[state][0] else "the other side"
            check(f"{state}, and {side} is killed: all of it goes", reached and until(lambda: run.states() == []),
                  reached, run.states())
    check("the supervisor holds what it held before", until(lambda: held(run.supervisor)[0] <= before[0]), before,
          held(run.supervisor))
    _, complaints = run.end()
    check("and the run ends in order", run.process.returncode == 0 and complaints == "", complaints)


def the_supervisor(at):
    for state in STATES:
        run = Run(at)
        reached = run.reach(state, 8000)
        os.kill(run.supervisor, signal.SIGKILL)
        _, complaints = run.end()
        check(f"{state}, and the supervisor is killed: the run says so and ends",
              reached and run.process.returncode == 1 and "ended by signal 9" in complaints, reached, complaints)


def at_random(at):
    print(f"  seed {SEED}", flush=True)
    run = Run(at, KILLS, SEED)
    before = held(run.supervisor)
    lines = []
    while not lines or lines[-1] not in (str(KILLS), ""):
        lines.append(run.process.stdout.readline().strip())
    check(f"{KILLS} kills: nobody hangs", lines[-1] == str(KILLS) and "hangs" not in lines, *lines[-3:])
    check("what was connected is gone", until(lambda: set(run.states()) <= {"TIME_WAIT", "FIN_WAIT_2"}), run.states())
    after = held(run.supervisor)
    check(f"the supervisor holds little more: {before[0]} descriptors and {before[1]} KiB before, {after[0]} and "
          f"{after[1]} after", after[0] <= before[0] + KEPT and after[1] <= before[1] + MOST_MEMORY)
    _, complaints = run.end()
    check("the run ends in order", run.process.returncode == 0, complaints)
    wrong = 0
    for number in range(SUPERVISORS):
        run = Run(at, 10**6, SEED + number)
        time.sleep(0.05 + 0.01 * (number % 20))
        os.kill(run.supervisor, signal.SIGKILL)
        for process in programs(run):
            with contextlib.suppress(ProcessLookupError):  # it may have come to its own end
                os.kill(process, signal.SIGKILL)
        _, complaints = run.end()
        wrong += run.process.returncode != 1 or "ended by signal 9" not in complaints
    check(f"{SUPERVISORS} kills of a supervisor in the middle of it: each run says so and ends", wrong == 0, wrong)


def programs(run):
    """Those of the run that tell puppets what to do: they would go on for ever."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[1:2] == [b"puppets.py"]:
            found.append(int(name))
    return found


def processes():
    return {name for name in os.listdir("/proc") if name.isdigit()}


def namespaces():
    """All that a process of this namespace of processes is in."""
    found = set()
    for name in processes():
        for kind in ("net", "pid", "mnt", "user", "ipc", "uts", "cgroup", "time"):
            try:
                found.add(os.readlink(f"/proc/{name}/ns/{kind}"))
            except OSError:
                pass
    return found


def main(folder):
    at = Folder(folder)
    (at.path / "puppets.py").write_bytes((ROOT / "tests" / "run" / "puppets.py").read_bytes())
    before, spaces = processes(), namespaces()
    either_side(at)
    the_supervisor(at)
    at_random(at)
    check("no process is left", until(lambda: processes() <= before), processes() - before)
    check("and no namespace", namespaces() <= spaces, namespaces() - spaces)


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--pid", "--fork", "--mount-proc"))
