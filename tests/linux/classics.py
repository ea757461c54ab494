#!/usr/bin/env python3
"""The classics, each by name: lastack's sockets at one end of a TUN device, the kernel's at the other, in both
families. What the kernel's sockets say to each other in the same program is what they say to lastack's, and lastack's
to them, call by call. LASTACK_WORLDS names another build's program."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks
from checks import check

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORLDS = os.environ.get("LASTACK_WORLDS", str(ROOT / "build" / "debug" / "tests" / "worlds" / "worlds"))


def main():
    if os.geteuid() != 0:
        print("skip classics: needs root")
        return 0
    done = subprocess.run([WORLDS, "classics"], capture_output=True, text=True)
    print(done.stdout, end="", flush=True)  # a line for each
    check("the classics came to their end, and all are as they should be",
          done.returncode == 0 and done.stdout.count("ok ") > 40, done.stderr)
    return checks.status()


sys.exit(main())
