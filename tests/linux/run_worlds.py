#!/usr/bin/env python3
"""The same scripts of socket calls on the kernel's sockets and under `lastack run`, said by up to four processes which
fork, execute themselves anew, hand descriptors to each other and are killed: the written program (tests/worlds), but
for what holds packets on the wire, and random ones. Equal, but for the rows of tests/run/differences.tsv.
With a number: so many random scripts, from seed 1 on, or from a second number on. LASTACK_WORLDS names another build's
program."""
import collections
import os
import pathlib
import subprocess
import sys

from lab import COMMAND, ROOT, check, in_namespace, must
import run_differences

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


class Pair:
    def __init__(self, folder):
        self.kernel = World(folder)
        self.lastack = World(folder, folder / "bin" / "lastack", "run", "--profile", "linux", "--mtu", "1500",
                             "--ports", "61000-65000", "--", LASTACK_RUN="1")
        self.steps = 0
        self.reader = run_differences.Reader()
        self.sections = int(self.kernel.says("sections")[0])

    def compare(self, what, steps=None):
        """Nothing where both say the same; a machine that is busy gets another chance."""
        for _ in range(3):
            name, kernels = self.kernel.says(what, steps)
            _, ours = self.lastack.says(what, steps)
            at = self.reader.unexplained(ours, kernels)
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

    def tell(self, what, count, first):
        steps = self.least(what, count)
        name, at, ours, kernels = self.compare(what, steps)
        print(f"{what}: {name}: {at[1] if at else 'not again, it was: ' + first}")
        for i, line in enumerate(ours[:at[0] + 1 if at else 0]):
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
        must("ip", "route", "replace", "local", where, "dev", "lo", "table", "local", "proto", "kernel", "scope",
             "host", "src", "127.0.0.1", "quickack", "1")
    must("ip", "-6", "route", "del", "local", "::1", "dev", "lo", "table", "local")
    must("ip", "-6", "route", "add", "local", "::1", "dev", "lo", "table", "local", "quickack", "1")
    folder.chmod(0o755)
    (folder / "bin").mkdir()
    for name, origin in (("lastack", COMMAND), ("worlds", WORLDS)):
        (folder / "bin" / name).write_bytes(pathlib.Path(origin).read_bytes())
        (folder / "bin" / name).chmod(0o755)
    os.chown(folder, USER, USER)
    return Pair(folder)


def compare(pair, what, scripts):
    wrong = []
    pair.steps = 0
    for number, script in enumerate(scripts):
        if number % 1000 == 0 and number > 0:
            print(f"  {number} {what}, {len(wrong)} of them wrong; the next is {script}", flush=True)
        _, at, ours, _ = pair.compare(script)
        if at is None:
            continue
        wrong.append(at[1])
        if len(wrong) <= MOST_SHOWN:
            pair.tell(script, len(ours), at[1])
    for text, times in collections.Counter(wrong).most_common(40):
        print(f"  {times}: {text}")
    check(f"{len(scripts)} {what}, {pair.steps} steps: the same under lastack run, but for the table", not wrong,
          len(wrong))


def main(folder):
    pair = setup(folder)
    compare(pair, "sections", [f"program {index}" for index in range(pair.sections)])
    compare(pair, "random scripts", [f"random {seed}" for seed in range(FIRST, FIRST + COUNT)])
    table = run_differences.rows()
    check("the table has at most 20 rows, each with its reason",
          len(table) <= 20 and all(row["reason"] for row in table), len(table))
    check("both programs end", pair.kernel.end() == pair.lastack.end() == 0)


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--pid", "--fork", "--mount-proc"))
