#!/usr/bin/env python3
"""tests/worlds/readiness.tsv is what the kernel's poll() says in each situation; the unit tests hold lastack's
against it. Here: that the kernel still says the same, and users of an edge-triggered epoll, whose edges are the
kernel's. --write writes the table anew; a number: so many of these users. LASTACK_WORLDS names another build's
program."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks
from checks import check

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORLDS = os.environ.get("LASTACK_WORLDS", str(ROOT / "build" / "debug" / "tests" / "worlds" / "worlds"))
TABLE = ROOT / "tests" / "worlds" / "readiness.tsv"
USERS = next((word for word in sys.argv[1:] if word.isdigit()), "1000")


def worlds(*words):
    return subprocess.run([WORLDS, *words], capture_output=True, text=True)


def main():
    if os.geteuid() != 0:
        print("skip readiness: needs root")
        return 0
    kernels = worlds("readiness").stdout
    if "--write" in sys.argv:
        TABLE.write_text(kernels)
        return 0
    known = TABLE.read_text().splitlines()
    differ = [(was, now) for was, now in zip(known, kernels.splitlines()) if was != now]
    check("the table of poll() has at least 150 rows", len(known) > 150, len(known))
    check("the kernel's poll() still says what the table says", known == kernels.splitlines(), differ[:10])
    users = worlds("edges", USERS)
    check(f"{USERS} users of an edge-triggered epoll: no edge is lost, none comes twice, all are the kernel's",
          users.returncode == 0, users.stdout, users.stderr)
    return checks.status()


sys.exit(main())
