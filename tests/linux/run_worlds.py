#!/usr/bin/env python3
"""The same scripts of socket calls on the kernel's sockets and under `lastack run`, said by up to four processes which
fork, execute themselves anew, hand descriptors to each other and are killed: the written program (tests/worlds), but
for what holds packets on the wire, and random ones. Equal, but for the rows of tests/run/differences.tsv.
With a number: so many random scripts, from seed 1 on, or from a second number on. LASTACK_WORLDS names another build's
program."""
import csv
import os
import pathlib
import re
import subprocess
import sys

from lab import COMMAND, ROOT, check, in_namespace, must

USER = 12003
WORLDS = os.environ.get("LASTACK_WORLDS", str(ROOT / "build" / "debug" / "tests" / "worlds" / "worlds"))
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1
MOST_SHOWN = int(os.environ.get("LASTACK_SHOW", "5"))


class World:
    """A program that answers with transcripts."""

    def __init__(self, folder, *before, **more):
        env = {"PATH": "/usr/sbin:/usr/bin:/bin", "XDG_RUNTIME_DIR": str(folder), **more}
        self.process = subprocess.Popen([*map(str, before), folder / "bin" / "worlds", "serve"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, user=USER, group=USER, extra_groups=[],
                                        env=env, cwd=folder)

    def says(self, what, steps=None):
        """Its name, and what each step says."""
        print(what, *(steps or []), file=self.process.stdin, flush=True)
        lines = []
        while (line := self.process.stdout.readline()) != ".\n":
            if not line:
                raise RuntimeError(f"{what}: no answer")
            lines.append(line.rstrip("\n"))
        return lines[0], lines[1:]

    def end(self):
        self.process.stdin.close()
        return self.process.wait(20)


def parts(line):
    return line.split("; ")


def differs(ours, kernels):
    """The first step that no row of the table explains."""
    for i, (mine, theirs) in enumerate(zip(ours, kernels)):
        if mine != theirs:
            return i
    return None


class Pair:
    def __init__(self, folder):
        self.kernel = World(folder)
        self.lastack = World(folder, folder / "bin" / "lastack", "run", "--profile", "linux", "--mtu", "1500", "--ports",
                             "61000-65000", "--", LASTACK_RUN="1")
        self.steps = 0

    def compare(self, what, steps=None):
        """Nothing where both say the same; a machine that is busy gets another chance."""
        for _ in range(3):
            name, kernels = self.kernel.says(what, steps)
            _, ours = self.lastack.says(what, steps)
            if name == "no such section":
                return None, None, None, None
            at = differs(ours, kernels)
            if at is None:
                break
        self.steps += len(kernels)
        return name, at, ours, kernels

    def least(self, what, count):
        """The fewest steps of it that still differ."""
        steps = list(range(count))
        size = len(steps) // 2
        while size > 0:
            at = 0
            while at + size <= len(steps):
                shorter = steps[:at] + steps[at + size:]
                if shorter and self.compare(what, shorter)[1] is not None:
                    steps = shorter
                else:
                    at += size
            size //= 2
        return steps

    def tell(self, what, count):
        steps = self.least(what, count)
        name, at, ours, kernels = self.compare(what, steps)
        print(f"{what}: {name}")
        for i, line in enumerate(ours[:(at or 0) + 1]):
            print(f"  {line}")
            if kernels[i] != line:
                print(f"  kernel: {kernels[i]}")
        sys.stdout.flush()


def setup(folder):
    """Both worlds. On the machine's loopback no ACK is delayed and nothing is sent again."""
    for setting in ("ipv4/tcp_early_retrans=0", "ipv6/icmp/ratelimit=0", "ipv4/icmp_ratelimit=0",
                    "ipv4/tcp_no_metrics_save=1", "ipv4/ip_local_port_range=61000 65000",
                    "ipv4/tcp_max_tw_buckets=100000", "ipv4/icmp_msgs_per_sec=100000"):
        name, value = setting.split("=")
        pathlib.Path(f"/proc/sys/net/{name}").write_text(value)
    must("ip", "link", "set", "lo", "mtu", "1500")
    for where in ("127.0.0.0/8", "127.0.0.1"):
        must("ip", "route", "replace", "local", where, "dev", "lo", "table", "local", "proto", "kernel", "scope", "host",
             "src", "127.0.0.1", "quickack", "1")
    must("ip", "-6", "route", "del", "local", "::1", "dev", "lo", "table", "local")
    must("ip", "-6", "route", "add", "local", "::1", "dev", "lo", "table", "local", "quickack", "1")
    folder.chmod(0o755)
    (folder / "bin").mkdir()
    for name, origin in (("lastack", COMMAND), ("worlds", WORLDS)):
        (folder / "bin" / name).write_bytes(pathlib.Path(origin).read_bytes())
        (folder / "bin" / name).chmod(0o755)
    os.chown(folder, USER, USER)
    return Pair(folder)


def main(folder):
    pair = setup(folder)
    wrong = 0
    for index in range(10_000):
        name, at, ours, _ = pair.compare(f"program {index}")
        if name is None:
            break
        if at is not None and (wrong := wrong + 1) <= MOST_SHOWN:
            pair.tell(f"program {index}", len(ours))
    print(f"{index} sections, {pair.steps} steps, {wrong} differ")
    pair.steps = wrong = 0
    for seed in range(FIRST, FIRST + COUNT):
        name, at, ours, _ = pair.compare(f"random {seed}")
        if at is not None and (wrong := wrong + 1) <= MOST_SHOWN:
            pair.tell(f"random {seed}", len(ours))
    print(f"{COUNT} random scripts, {pair.steps} steps, {wrong} differ")
    check("both programs end", pair.kernel.end() == pair.lastack.end() == 0)


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--pid", "--fork", "--mount-proc"))
