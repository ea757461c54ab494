#!/usr/bin/env python3
"""What bench/compare makes of its runs, and that the page shows what was measured. The peers themselves
are not run: bench/compare is a command of its own."""
import pathlib
import re
import subprocess
import sys

import instructions

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"


def made_up():
    """Two rounds; the second while the machine was half as fast."""
    return {(("bulk", 0), "lastack"): [{"ns": 100, "floor": 50}, {"ns": 200, "floor": 100}],
            (("bulk", 0), "lwip"): [{"ns": 400}, {"ns": 1000}],
            (("connect", 1000), "kernel"): [{"ns": 5, "time_wait": [1000, 1200]},
                                            {"ns": 7, "time_wait": [1010, 1100]}]}


def measured_parts(text):
    return {what: part.strip() for what, part in
            re.findall(r"<!-- measured: (.+?) -->\n(.*?)<!-- end of \1 -->", text, re.S)}


def core_of(compare, paces):
    """A compare.Core which takes `paces`, one after the other, and whose runs give their number."""
    class Made(compare.Core):
        PAUSE = 0

        def __init__(self):
            self.least, self.again, self.ran, self.paces = 1, 0, 0, iter(paces)

        def pace(self):
            return next(self.paces)

        def once(self, *_):
            self.ran += 1
            return self.ran
    return Made()


def runs_again(compare):
    """{what: whether it is so} of runs on a core that is shared for a while."""
    alone = core_of(compare, [1, 1.05])
    for_a_while = core_of(compare, [1, 1.6, 1.6, 1, 1, 1])
    shared = core_of(compare, [1.6, 1.6, 1.5, 1.4, 1.3, 1.6, 1.6, 1.6, 1.6, 1.6])
    return {
        "a run alone on its core counts": alone.measure("", "", {}) == 1 and alone.again == 0,
        "one beside others is done again": for_a_while.measure("", "", {}) == 3 and for_a_while.again == 2,
        "in the end the least disturbed counts": shared.measure("", "", {}) == 2 and shared.again == 4,
    }


def main():
    compare = instructions.load(ROOT / "bench" / "compare")
    table = compare.summary(made_up())
    parts = measured_parts(PAGE.read_text())
    drawn = compare.plot.bars([("a < b", [("lastack", 100), ("lwip", 400)])], "here")
    found = {
        "the ratio is that within a round": table[("bulk", 0), "lwip"]["ratio"] == 4.5,
        "the median and the spread": table[("bulk", 0), "lastack"]["ns"] == 150
        and table[("bulk", 0), "lastack"]["most"] == 200,
        "least and most in TIME_WAIT": table[("connect", 1000), "kernel"]["time_wait"] == [1000, 1200],
        "the longest bar has the whole room": 'width="550.0"' in drawn and 'width="137.5"' in drawn,
        "a title is text": "a &lt; b" in drawn,
        "the page has every part, measured": set(parts) == {"compare", "limits", "sockets", "tun", "run",
                                                            "profile bulk", "profile pingpong", "profile connect"}
        and all(part.count("\n|") > 3 for part in parts.values()),
        "the ratio of a run is that within a round": compare.under_run.summary(
            {"lastack": [1, 4], "relay": [2, 4]})["relay"]["ratio"] == 0.75,
        "each peer is in the page": all(f"| {peer} |" in parts["compare"] for peer in compare.PEERS),
    }
    found |= runs_again(compare)
    for command in (["compare"], ["compare", "run"], ["limits"], ["tun"], ["instructions"], ["pages"]):
        done = subprocess.run([ROOT / "bench" / command[0], *command[1:], "--help"], capture_output=True, text=True)
        found[f"bench/{' '.join(command)} --help"] = done.returncode == 0 and len(done.stdout) > 100
    for wrong in (["compare", "--only", "sideways"], ["compare", "--time-wait", "0"], ["limits", "--rounds", "0"],
                  ["compare", "run", "--only", "sideways"],
                  ["tun", "--rounds", "0"], ["instructions", "sideways"]):
        done = subprocess.run([ROOT / "bench" / wrong[0], *wrong[1:]], capture_output=True)
        found[f"usage: {' '.join(wrong)} ends with 2"] = done.returncode == 2
    for name, good in found.items():
        checks.check(name, good)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
