#!/usr/bin/env python3
"""Every reachable state of two endpoints and a wire, and of open sockets on two hosts: exhausted, all
transitions, nothing wrong."""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ROOT / "build" / "release" / "lastack"


def explored(*options):
    done = subprocess.run([COMMAND, "explore", "--json", *options], capture_output=True, text=True)
    return json.loads(done.stdout), done.returncode


def main():
    report, code = explored()
    sockets, code_of_sockets = explored("--sockets")
    checks = {
        "at least a million states": report["states"] >= 1_000_000,
        "exhausted within the bounds": report["exhausted"] is True,
        "the transitions taken are those of the table":
            report["transitions_reached"] == report["transitions_in_table"]
            and report["rows_missing"] == [],
        "no violation": report["violations"] == [] and code == 0,
        "open sockets: at least two million states": sockets["states"] >= 2_000_000,
        "open sockets: exhausted within the bounds": sockets["exhausted"] is True,
        "open sockets: nothing is left, and no violation":
            sockets["violations"] == [] and code_of_sockets == 0,
    }
    for name, good in checks.items():
        print(f"{'ok' if good else 'not ok'} explore: {name}")
    if not all(checks.values()):
        print(json.dumps({k: report[k] for k in ("states", "rows_missing", "violations")}, indent=1))
        print(json.dumps({k: sockets[k] for k in ("states", "violations")}, indent=1))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
