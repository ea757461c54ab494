#!/usr/bin/env python3
"""The same scripts of socket calls on the kernel's sockets and on lastack's: the program, section by section, and
random ones. With a number: so many random scripts, from seed 1 on. LASTACK_WORLDS names another build's program."""
import os
import pathlib
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
    check(f"{COUNT} random scripts say the same in both worlds", scripts.returncode == 0,
          scripts.stdout, scripts.stderr)
    return checks.status()


sys.exit(main())
