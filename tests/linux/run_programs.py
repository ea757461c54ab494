#!/usr/bin/env python3
"""Real programs under `lastack run`: those of heavier/programs_under_run.py that are quickly installed and tried."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "heavier"))
from lab import check, in_namespace
from programs_under_run import ROWS, try_all

QUICK = ("curl", "redis", "iperf3", "OpenSSH", "nc, OpenBSD's", "ncat", "socat", "Python")


def main(folder):
    rows = [one for one in ROWS if one.program in QUICK]
    check("they are there", len(rows) == len(QUICK))
    try_all(folder, rows)


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--mount"))
