#!/usr/bin/env python3
"""Transfers, many connections and lasting half-closes against the kernel, both roles, over a good wire.
With --whole: 1 GiB each way, 1,000 connections at once, 100,000 in a row, half-closes of a minute."""
import os
import sys

from lab import GIB, KIB, MIB, in_namespace
from scenarios import Scale, all_but_transfers, everything

SMALL = Scale(octets=32 * MIB, at_once=200, octets_each=100 * KIB, in_a_row=3000, held=3)
# Ethernet has its own way to find the neighbour; all else is the same.
ON_TAP = Scale(octets=0, at_once=100, octets_each=32 * KIB, in_a_row=320, held=1, medium="TAP", name="TAP, ")
WHOLE = Scale(octets=GIB, at_once=1000, octets_each=MIB, in_a_row=100_000, held=60)


def main(folder):
    whole = "--whole" in sys.argv
    if whole:
        os.environ["LASTACK_FIGURES"] = "1"
    everything(WHOLE if whole else SMALL)
    all_but_transfers(ON_TAP)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
