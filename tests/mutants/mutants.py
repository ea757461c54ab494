#!/usr/bin/env python3
"""Deliberate mistakes in src/tcp, src/host and src/socket: the explorer or the unit tests must find each.

The numbers are those of tcp::Mutant, then one for each row of tcp::kTable, which is then missing.
Those that nothing can find stand in SURVIVORS, each with its reason.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutants"
# Sets of bounds that are quick and cover most; the others would find no more.
QUICK = ["simultaneous open, ICMP errors", "self-connect", "calls with octets unread", "a loss"]
QUICK_SOCKETS = ["three holders", "an octet unread, a call", "UDP: another socket sends, too",
                 "UDP: datagrams in several calls", "a server that is started again",
                 "three holders, two octets come, read apart"]
SURVIVORS = {
    "no row LISTEN --active_open-->":
        "POSIX calls can't reach it, so no code takes it; that it stands in the table is table_test's",
}


def names():
    """{number: name}, read from where the mistakes are declared."""
    text = (ROOT / "src/tcp/mutant.hpp").read_text()
    mutants = re.findall(r"^  (\w+),", text.split("enum class Mutant")[1].split("};")[0], re.M)
    named = {n: name for n, name in enumerate(mutants) if name not in ("none", "count")}
    rows = re.findall(r"Row\{State::(\w+), Event::(\w+),", (ROOT / "src/tcp/table.hpp").read_text())
    for i, (state, event) in enumerate(rows):
        named[len(mutants) - 1 + i] = f"no row {state.upper()} --{event}-->"
    return named


def finds(number):
    """Who finds it: a unit test, a set of bounds, or nobody."""
    env = dict(os.environ, LASTACK_MUTANT=str(number))
    try:
        done = subprocess.run([BUILD / "tests/test_tcp", "--gtest_fail_fast", "--gtest_brief=1",
                               "--gtest_filter=-*Random*:*Memory*:*Buffer*"],
                              env=env, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "unit tests (they do not end)"
    if done.returncode != 0:
        failed = re.search(r"\[  FAILED  \] (\S+)", done.stdout)
        return failed[1].rstrip(",") if failed else "unit tests"
    for bounds in QUICK + QUICK_SOCKETS:
        sockets = ["--sockets"] if bounds in QUICK_SOCKETS else []
        try:
            done = subprocess.run([BUILD / "lastack", "explore", "--mutant", str(number), *sockets, "--only", bounds],
                                  capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            return f"explorer: {bounds} (it does not end)"
        if done.returncode != 0:
            return f"explorer: {bounds}"
    return None


def main():
    if subprocess.run([ROOT / "scripts/build", "mutants", "lastack_command", "test_tcp"]).returncode:
        print("not ok mutants: build")
        return 1
    assert finds(0) is None, "without a mistake everything must pass"
    named = names()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(named, pool.map(finds, named)))
    for number, name in named.items():
        who = found[number] or (f"survives: {SURVIVORS[name]}" if name in SURVIVORS else None)
        print(f"{'ok' if who else 'not ok'} mutant {number} {name}: {who or 'nobody finds it'}")
    caught = sum(1 for who in found.values() if who)
    print(f"{caught} of {len(named)} mutants found")
    return 0 if all(found[n] or named[n] in SURVIVORS for n in named) else 1


if __name__ == "__main__":
    sys.exit(main())
