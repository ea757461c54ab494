#!/usr/bin/env python3
"""Every reachable state of two endpoints and a wire, and of open sockets on two hosts: exhausted, all
transitions, nothing wrong."""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ROOT / "build" / "release" / "lastack"

# Of the sets of open sockets those that are quick; `lastack explore --sockets` goes through all.
SOCKETS = ["three holders", "a call of each", "a listener with three holders", "an octet of the client",
           "a lost packet, a call of the client", "a doubled packet, two holders",
           "three packets in flight", "a client that connects again", "three holders, an octet unread",
           "three holders, a lost packet", "TCP_LINGER2", "UDP: calls of the client", "UDP: three holders",
           "UDP: another socket sends, too"]


def explored(*options):
    done = subprocess.run([COMMAND, "explore", "--json", *options], capture_output=True, text=True)
    return json.loads(done.stdout), done.returncode


def main():
    report, code = explored()
    sockets = [explored("--sockets", "--only", bounds) for bounds in SOCKETS]
    checks = {
        "at least a million states": report["states"] >= 1_000_000,
        "exhausted within the bounds": report["exhausted"] is True,
        "the transitions taken are those of the table":
            report["transitions_reached"] == report["transitions_in_table"]
            and report["rows_missing"] == [],
        "no violation": report["violations"] == [] and code == 0,
        "open sockets: at least a million states": sum(r["states"] for r, _ in sockets) >= 1_000_000,
        "open sockets: exhausted within the bounds": all(r["exhausted"] is True for r, _ in sockets),
        "open sockets: nothing is left, and no violation":
            all(r["violations"] == [] and code == 0 for r, code in sockets),
    }
    for name, good in checks.items():
        print(f"{'ok' if good else 'not ok'} explore: {name}")
    if not all(checks.values()):
        print(json.dumps({k: report[k] for k in ("states", "rows_missing", "violations")}, indent=1))
        print(json.dumps([r["violations"] for r, _ in sockets], indent=1))
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
