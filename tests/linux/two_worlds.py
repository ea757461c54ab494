#!/usr/bin/env python3
"""The same scripts of socket calls on the kernel's sockets and on lastack's: the program, section by section, and
random ones. With a number: so many random scripts, from seed 1 on. LASTACK_WORLDS names another build's program."""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks
from checks import check

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORLDS = os.environ.get("LASTACK_WORLDS", str(ROOT / "build" / "debug" / "tests" / "worlds" / "worlds"))
COUNT = sys.argv[1] if len(sys.argv) > 1 else "1000"


def worlds(*words):
    return subprocess.run([WORLDS, *words], capture_output=True, text=True)


def main():
    if os.geteuid() != 0:
        print("skip two_worlds: needs root")
        return 0
    program = worlds("program")
    print(program.stdout, end="", flush=True)  # a line for each section
    steps = int(program.stdout.split()[-2]) if program.stdout.endswith(" steps\n") else 0
    check("the program has at least 400 steps, and all sections are as they should be",
          program.returncode == 0 and steps >= 400, program.stderr)
    scripts = worlds("random", COUNT)
    differ = re.findall(r"^seed (\d+) differs", scripts.stdout, re.M)
    # On a busy machine the kernel's half has come up without IPv6 now and then, for as long as its process lived. A
    # script that differs by itself does so in namespaces of its own, too.
    if differ:
        print(f"# {len(differ)} scripts differed and are run again, each by itself", flush=True)
    again = [worlds("random", "1", seed) for seed in differ]
    again = [one if one.returncode == 0 else worlds("random", "1", seed) for one, seed in zip(again, differ)]
    well = all(one.returncode == 0 for one in again)
    check(f"{COUNT} random scripts say the same in both worlds", well and scripts.returncode == (1 if differ else 0),
          scripts.stderr, *(one.stdout for one in again if one.returncode != 0))
    return checks.status()


sys.exit(main())
