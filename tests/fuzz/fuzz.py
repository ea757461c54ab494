#!/usr/bin/env python3
"""Each fuzzer over every input of its kept corpus, then for a short while on its own.

    tests/fuzz/fuzz.py                           what ./test fuzz does: the same runs everywhere
    tests/fuzz/fuzz.py --seconds 600 [NAME...]   longer; what it finds stays in build/fuzz/corpus
    tests/fuzz/fuzz.py --merge [NAME...]         what was found and reaches more is kept from now on
    tests/fuzz/fuzz.py --coverage [NAME...]      the lines of each one's target that the kept inputs reach

NAME is that of tests/fuzz/NAME_fuzz.cpp. An input that breaks something stays in
build/fuzz/crashes, and the command that runs it again is printed.
"""
import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks
import covered
from checks import check

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "fuzz"
BUILD = ROOT / "build" / "fuzz"
CRASHES = BUILD / "crashes"
# Of its own where no time is given: a few seconds. Seed and number make them the same everywhere.
RUNS = {"frame": 100_000, "host": 2500, "ip": 20_000, "ndp": 20_000, "pair": 1500, "reassembly": 1500,
        "wire": 40_000}
LEAST_RUNS = 100  # of its own, however busy the machine is
MOST_KEPT = 300_000  # octets of all kept inputs together
MOST_OCTETS = {"host": 2048, "pair": 2048, "wire": 400, "frame": 400, "reassembly": 4096}  # of one input
LIMITS = ["-timeout=60", "-rss_limit_mb=2048"]
# What the inputs kept for whole hosts must reach, or the fuzzers no longer look where it matters.
STATES = {"CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2",
          "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"}
LEAST_ROWS = {"host": 44, "pair": 30}  # of the table's transitions
LEAST_DROPS = 17                       # reasons to drop a segment
LEAST_LINES = 90                       # of a hundred of a target's, by the kept inputs alone


def names():
    return sorted(p.name.removesuffix("_fuzz.cpp") for p in HERE.glob("*_fuzz.cpp"))


def program(name):
    return BUILD / "tests" / "fuzz" / f"{name}_fuzz"


def kept(name):
    return HERE / "corpus" / name


def found(name):
    folder = BUILD / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def inputs(folder):
    return sorted(p for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []


def short(path):
    return os.path.relpath(path, ROOT) if pathlib.Path(path).is_relative_to(ROOT) else str(path)


def run(command, **environment):
    return subprocess.run([str(word) for word in command], cwd=ROOT, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})


def how_again(name, path, output):
    """What a person needs to see it happen."""
    return (f"{output[-6000:]}\n{short(path)} breaks it; again:\n"
            f"  {short(program(name))} {short(path)}\n"
            f"and with each step told:\n"
            f"  LASTACK_FUZZ_SHOW=1 {short(program(name))} {short(path)}")


def replay(name):
    """Every kept input once. Returns what they reach together: {kind: names}."""
    files = inputs(kept(name))
    if not files:  # without a file libFuzzer would go on for ever
        check(f"{name}: inputs are kept", False, f"  {short(__file__)} --seconds 60 --merge {name}")
        return {}
    done = run([program(name), *LIMITS, *files], LASTACK_FUZZ_TALLY="1")
    ran = re.findall(r"^Executed (\S+) in", done.stdout, re.M)
    why = ""
    if done.returncode != 0:
        started = re.findall(r"^Running: (\S+)", done.stdout, re.M)
        why = how_again(name, started[-1] if started else "?", done.stdout)
    check(f"{name}: each of the {len(files)} inputs kept",
          done.returncode == 0 and len(ran) == len(files) > 0, why)
    return {kind: set(rest.split()) for kind, rest in
            re.findall(r"^tally (\w+):(.*)$", done.stdout, re.M)}


def reaches(name, tally):
    """That the inputs kept for whole hosts go deep."""
    states, rows, drops = (tally.get(kind, set()) for kind in ("states", "rows", "drops"))
    check(f"{name}: they reach the eleven states", states == STATES,
          f"not reached: {' '.join(sorted(STATES - states))}")
    check(f"{name}: they take {len(rows)} rows of the table", len(rows) >= LEAST_ROWS[name])
    if name == "host":
        check(f"{name}: they are dropped for {len(drops)} reasons", len(drops) >= LEAST_DROPS)


def explore(name, limit, into, seed):
    """On its own up to a limit. Whether nothing broke."""
    CRASHES.mkdir(parents=True, exist_ok=True)
    done = run([program(name), *LIMITS, f"-seed={seed}", limit,
                f"-max_len={MOST_OCTETS.get(name, 4096)}", "-print_final_stats=1",
                f"-artifact_prefix={CRASHES}/{name}-", into, kept(name)])
    runs = re.search(r"^stat::number_of_executed_units: (\d+)", done.stdout, re.M)
    runs = int(runs[1]) if runs else 0
    why = done.stdout[-6000:]
    written = re.search(r"Test unit written to (\S+)", done.stdout)
    if written:
        why = how_again(name, written[1], done.stdout)
    return check(f"{name}: {runs} runs of its own", done.returncode == 0 and runs >= LEAST_RUNS, why)


def taking_rows(name, files):
    """Those of `files` that take a row of the table which none before them has taken."""
    done = run([program(name), *LIMITS, *files], LASTACK_FUZZ_TALLY="1")
    running, taking = None, []
    for line in done.stdout.splitlines():
        if line.startswith("Running: "):
            running = pathlib.Path(line.removeprefix("Running: "))
        elif line.startswith("row ") and running not in taking:
            taking.append(running)
    return taking


def coverage(name):
    """How much of its target the kept inputs reach."""
    counted = covered.lines(name, HERE / f"{name}_fuzz.cpp", inputs(kept(name)))
    reached, all_lines = (sum(file[i] for file in counted) for i in (1, 2))
    percent = 100 * reached / max(all_lines, 1)
    for file, some, of in counted:
        print(f"  {file:<36} {100 * some / of:5.1f} % of {of} lines")
    check(f"{name}: the inputs kept reach {percent:.1f} % of the {all_lines} lines of its target",
          percent >= LEAST_LINES, f"the others: {covered.how_to_look(name)}")


def merge(name):
    """The kept inputs, less those that others make superfluous, and those found that reach more, or
    take other rows of the table. What a person has named stays, and comes first."""
    named = [p for p in inputs(kept(name)) if not re.fullmatch(r"[0-9a-f]{12}", p.name)]
    with tempfile.TemporaryDirectory() as folder:
        chosen = pathlib.Path(folder)
        for path in named:
            shutil.copy(path, chosen / path.name)
        done = run([program(name), "-merge=1", "-use_counters=0",
                    f"-max_len={MOST_OCTETS.get(name, 4096)}", *LIMITS, chosen, kept(name),
                    found(name)])
        if not check(f"{name}: merged", done.returncode == 0, done.stdout[-6000:]):
            return
        if name in LEAST_ROWS:
            for path in taking_rows(name, [*inputs(chosen), *inputs(kept(name)), *inputs(found(name))]):
                if path.parent != chosen:
                    shutil.copy(path, chosen / f"row-{path.name}")
        for path in inputs(kept(name)):
            if path not in named:
                path.unlink()
        for path in inputs(chosen):
            if path.name not in {p.name for p in named}:
                content = path.read_bytes()
                (kept(name) / hashlib.sha1(content).hexdigest()[:12]).write_bytes(content)
    files = inputs(kept(name))
    print(f"{name}: {len(files)} inputs, {sum(p.stat().st_size for p in files):,} octets")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, help="how long each fuzzer runs on its own")
    parser.add_argument("--merge", action="store_true", help="keep what was found")
    parser.add_argument("--coverage", action="store_true", help="only count lines that kept inputs reach")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(names())
    if unknown:
        parser.error(f"no fuzzer is called {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    return chosen


def main():
    chosen = arguments()
    selected = chosen.names or names()
    preset = "coverage" if chosen.coverage else "fuzz"
    built = run(["scripts/build", preset, *(f"{name}_fuzz" for name in selected)])
    if built.returncode != 0:
        check("the fuzzers build", False, built.stdout[-20000:])
        return 1
    if chosen.coverage:
        for name in selected:
            coverage(name)
        return checks.status()
    for name in selected:
        tally = {} if chosen.merge else replay(name)
        if name in LEAST_ROWS and not chosen.merge:
            reaches(name, tally)
        if chosen.seconds:
            explore(name, f"-max_total_time={chosen.seconds}", found(name), seed=0)
        elif not chosen.merge:
            with tempfile.TemporaryDirectory() as folder:
                explore(name, f"-runs={RUNS.get(name, 1000)}", folder, seed=1)
        if chosen.merge:
            merge(name)
    size = sum(p.stat().st_size for name in names() for p in inputs(kept(name)))
    check(f"the inputs kept are small: {size:,} octets", size <= MOST_KEPT)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
