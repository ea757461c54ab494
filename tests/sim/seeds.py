#!/usr/bin/env python3
"""Two thousand seeded trials in the release build, two hundred under sanitizers, and proof that a
seed says everything: both builds send the same packets at the same times."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks
from checks import check

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = int(os.environ.get("LASTACK_SIM_SEEDS", "2000"))
SANITIZED = 200


def command_of(preset):
    return ROOT / "build" / preset / "lastack"


def sim(preset, *arguments):
    """What `lastack sim --json` says; None where it died without a word."""
    done = subprocess.run([command_of(preset), "sim", "--json", *arguments], capture_output=True,
                          text=True)
    if done.stdout.startswith("{"):
        return json.loads(done.stdout)
    print(done.stderr[-5000:])
    return None


def campaign(preset, seeds):
    result = sim(preset, "--seeds", f"1..{seeds}")
    name = f"{seeds} seeds in the {preset} build"
    if result is None or result["seeds"] != seeds:
        check(name, False)
        return None
    for trial in result["failed"]:
        print(f"seed {trial['seed']} failed; again:  {command_of(preset).relative_to(ROOT)} "
              f"sim --seed {trial['seed']}")
        for what in trial["failures"]:
            print(f"  {what}")
    check(name, not result["failed"])
    return result


def main():
    release = campaign("release", SEEDS)
    if release is not None:
        # A simulator that finds nothing because it does nothing would pass all else.
        share = release["whole"] / release["conversations"]
        check("a third of the conversations arrive whole both ways", share > 1 / 3, f"{share}")
        check("simultaneous opens meet", release["simultaneous_opens"] > SEEDS / 20)
        check("each seed moves 10,000 octets on average", release["octets"] > 10_000 * SEEDS)
        check("most of the table's rows are taken", release["transitions_taken"] >= 36,
              f"not taken: {release['rows_not_taken']}")

    built = subprocess.run([ROOT / "scripts" / "build", "asan", "lastack_command"])
    check("the asan build", built.returncode == 0)
    if built.returncode == 0:
        sanitized = campaign("asan", SANITIZED)
        same = sim("release", "--seeds", f"1..{SANITIZED}")
        check("the same packets at the same times in both builds",
              bool(sanitized and same) and sanitized["trace_hash"] == same["trace_hash"])
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
