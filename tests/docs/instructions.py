#!/usr/bin/env python3
"""What a packet, a round trip and a connection cost, in instructions: at most 3 % above the counts of
bench/instructions.tsv, so that a slower change is seen on the day it is made."""
import importlib.machinery
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load(path):
    sys.path.insert(0, str(path.parent))
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader(path.name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.name, loader))
    loader.exec_module(module)
    return module


def main():
    instructions = load(ROOT / "bench" / "instructions")
    # The check itself: 4 % more fails, 2 % more and any less do not.
    assert not instructions.verdict("bulk", 1040, 1000)[0]
    assert instructions.verdict("bulk", 1020, 1000)[0] and instructions.verdict("bulk", 500, 1000)[0]
    assert "--write" in instructions.verdict("bulk", 960, 1000)[1]
    if "avx2" not in pathlib.Path("/proc/cpuinfo").read_text():
        print("skip instructions: they are counted on a processor with AVX2")
        return 0
    return instructions.check(instructions.counts(list(instructions.WORK)))


if __name__ == "__main__":
    sys.exit(main())
