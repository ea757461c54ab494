#!/usr/bin/env python3
"""All of it again over bad wires (--wire): the transfers, ends that cross, reset, vanish and forget, and every pair
of states that two ends can stand in. tshark reads the transfers as a whole, without offloads: nothing malformed, no
bad checksum, nothing to warn of but what expert_items.tsv explains.
With --whole: larger, and at 5 % loss, too."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import kernel_ends
import kernel_pairs
import scenarios
from lab import KIB, MIB, Capture, check, in_namespace, poke, quiet_tun
from scenarios import ROUGH, Scale

GOOD = Scale(octets=4 * MIB, at_once=40, octets_each=64 * KIB, in_a_row=300, held=1, more=("--no-offload",),
             name="no offload: ")
# A close that lost something takes a while, and keeps its port from the next.
SMALL = Scale(octets=2 * MIB, at_once=40, octets_each=32 * KIB, in_a_row=100, ports=64, held=1,
              wire="loss=1%," + ROUGH, name="1 % lost: ")
WHOLE = [Scale(octets=octets, at_once=200, octets_each=100 * KIB, in_a_row=300, ports=150, held=60,
               wire=f"loss={share}%," + ROUGH, name=f"{share} % lost: ")
         for share, octets in ((1, 16 * MIB), (5, 4 * MIB))]


def parts(scale):
    return {"transfers": lambda: [tried(scale, "TUN") for tried in
                                  (scenarios.each_way_served, scenarios.each_way_connected)],
            "many": lambda: scenarios.many_at_once(scale),
            "row": lambda: scenarios.in_a_row(scale),
            "half-close": lambda: scenarios.half_closes(scale)}


def under_capture(scale, folder):
    wire = "lossy" if scale.wire else "good"
    for name, part in parts(scale).items():
        with quiet_tun(offload=False):
            with Capture("la0", folder / "all.pcap", poke) as capture:
                part()
        packets = capture.is_sound(f"{scale.name}{name}", f"{wire} {name}")
        check(f"{scale.name}{name}: and it saw the packets", packets > 100, packets)
        os.unlink(folder / "all.pcap")


def pairs(scale):
    """Each part of it has a namespace of its own."""
    outside = {name: value for name, value in os.environ.items() if name != "LASTACK_IN_NAMESPACE"}
    script = pathlib.Path(kernel_pairs.__file__)
    done = subprocess.run([sys.executable, script, "--wire", scale.wire], env=outside, check=False)
    check(f"{scale.name}every pair of states", done.returncode == 0)


def main(folder):
    whole = "--whole" in sys.argv
    if whole:
        os.environ["LASTACK_FIGURES"] = "1"
    for scale in [GOOD, *(WHOLE if whole else [SMALL])]:
        under_capture(scale, folder)
    # Ethernet has its own way to find the neighbour, which the wire treats no better.
    for scale in WHOLE if whole else [SMALL]:
        scenarios.each_way_served(scale, "TAP")
        scenarios.each_way_connected(scale, "TAP")
        kernel_ends.Wire.becomes(scale.wire, scale.name)
        kernel_ends.everything()
        pairs(scale)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
