#!/usr/bin/env python3
"""Runs parts of the tests and counts them: run_parts.py PART...

A part is what tests/PART holds: each executable script there prints lines `ok NAME`,
`not ok NAME` or `skip NAME: WHY`, one for each thing it tested; anything else it prints is shown
only when it fails. The part `unit` is the GoogleTest programs of two builds. At the end one more thing is
tested: that nothing of what ran is left on the machine.
"""
import concurrent.futures
import contextlib
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TAP = re.compile(r"^(ok|not ok|skip) (.+)$")


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def text(self):
        tail = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{tail}"


def run(command, **options):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", **options)


def build(preset, *targets):
    """Builds; says why not, and returns whether it worked."""
    done = run(["scripts/build", preset, *targets])
    if done.returncode != 0:
        print(done.stdout[-20000:])
        print(f"not ok build {preset}")
    return done.returncode == 0


# How many programs of a part run side by side; what they say stays in order. Those against the kernel wait
# for most of their time, each in a network namespace of its own.
SIDE_BY_SIDE = {"linux": 3, "unit": 2}


def run_each(part, run_one, programs, count):
    """run_one(program) returns what there is to say, and how many passed, failed and were skipped."""
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE.get(part, 1)) as pool:
        for told, *counts in pool.map(run_one, programs):
            print("".join(f"{line}\n" for line in told), end="", flush=True)
            count.add(*counts)


def executables(folder, pattern="*"):
    return [path for path in sorted(folder.glob(pattern)) if path.is_file() and os.access(path, os.X_OK)]


def run_gtest(program):
    name = program.relative_to(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        done = run([program, f"--gtest_output=json:{report}", "--gtest_brief=1"], timeout=900)
        if not report.exists():  # it died before it could tell
            return [done.stdout[-20000:], f"not ok {name} (exit {done.returncode})"], 0, 1, 0
        result = json.loads(report.read_text())
    skipped = sum(1 for suite in result["testsuites"] for case in suite["testsuite"]
                  if case.get("result") == "SKIPPED")
    failed = result["failures"] + result.get("errors", 0)
    if failed == 0 and done.returncode != 0:  # a leak is found after the last test
        failed = 1
    told = [done.stdout[-20000:], f"not ok {name}: {failed} failed"] if failed else []
    return told, result["tests"] - result["failures"] - skipped, failed, skipped


def unit(count):
    for preset in ("debug", "asan"):
        if build(preset):
            run_each("unit", run_gtest, executables(ROOT / "build" / preset / "tests", "test_*"), count)
        else:
            count.add(failed=1)


def run_script(script):
    done = run([script], timeout=1500)
    lines = [m for m in map(TAP.match, done.stdout.splitlines()) if m]
    passed, failed, skipped = (sum(1 for m in lines if m[1] == word) for word in ("ok", "not ok", "skip"))
    told = [m[0] for m in lines if m[1] == "skip"]
    name = script.relative_to(ROOT)
    if done.returncode != 0 and failed == 0:
        failed = 1
    if not lines and failed == 0:
        told.append(f"not ok {name}: it tested nothing")
        failed = 1
    elif failed:
        told = [done.stdout[-20000:], f"not ok {name} (exit {done.returncode})", *told]
    return told, passed, failed, skipped


NEEDS = {"explore": ["release"], "sim": ["release"], "linux": ["release", "debug"],
         "docs": ["release", "debug"]}


def run_part(part):
    count = Count()
    begin = time.monotonic()
    if part == "unit":
        unit(count)
    elif all(build(preset) for preset in NEEDS.get(part, [])):
        run_each(part, run_script, executables(ROOT / "tests" / part), count)
    else:
        count.add(failed=1)
    print(f"{part}: {count.text()} ({time.monotonic() - begin:.0f} s)", flush=True)
    return count


# --- what is left behind

PR_SET_CHILD_SUBREAPER = 36


def names_in(folder, pattern="*"):
    return {str(path) for path in pathlib.Path(folder).glob(pattern)}


def traces():
    """{kind: names} of what tests could leave on the machine; processes are told apart by whose they are."""
    mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    folders = {os.environ.get("XDG_RUNTIME_DIR") or "/run", "/run"}
    return {"device": names_in("/sys/class/net"),
            "control socket": set().union(*(names_in(f"{folder}/lastack", "*.sock") for folder in folders)),
            "network namespace": names_in("/run/netns") | {line.split()[4] for line in mounts if " - nsfs " in line}}


def processes():
    """Those that tests have started and nobody has waited for: orphans of ours are ours."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    found = set()
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _, tail = stat.read_text(errors="replace").rpartition(")")
            if int(tail.split()[1]) == os.getpid():
                found.add(head + ")")
    return found


def left_since(before):
    """Lines that name it; what is going is given the time to go."""
    end = time.monotonic() + 10
    while True:
        left = [f"{kind} {name}" for kind, names in traces().items() for name in sorted(names - before[kind])]
        left += [f"process {name}" for name in sorted(processes())]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


def main():
    total = Count()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = traces()
    for part in sys.argv[1:]:
        one = run_part(part)
        total.add(one.passed, one.failed, one.skipped)
    left = left_since(before)
    print("".join(f"{line}\n" for line in left) + f"{'not ok' if left else 'ok'} nothing left behind")
    total.add(passed=not left, failed=bool(left))
    if os.environ.get("CI") and total.skipped:
        total.add(failed=total.skipped)
        total.skipped = 0
    print(total.text())
    return 1 if total.failed or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
