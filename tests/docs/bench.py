#!/usr/bin/env python3
"""lastack bench measures what it says: its fields are there, and its counts are possible ones."""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ROOT / "build" / "release" / "lastack"


def bench(*arguments):
    done = subprocess.run([COMMAND, "bench", *arguments, "--json", "--repeat", "3"], check=True,
                          capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["schema"] == 1 and report["bench"] == arguments[0] and report["runs"] == 3
    return report


def bulk(report, segment):
    packets = report["octets"] / segment
    return (report["octets"] == 8 << 20 and report["octets_per_packet"] == segment
            and packets < report["packets_both_ways"] < 3 * packets + 100
            and 1 < report["floor_ns_per_packet"] < report["cpu_ns_per_packet"] < 1e6
            and report["least"] <= report["cpu_ns_per_packet"] <= report["most"])


def main():
    small = ["--mib", "8"]
    checks = {
        "bulk": bulk(bench("bulk", *small), 1448),
        "bulk over IPv6": bulk(bench("bulk", "-6", *small), 1428),
        "bulk, MTU 9000": bulk(bench("bulk", "--mtu", "9000", *small), 8948),
        "bulk, largest MTU": bulk(bench("bulk", "--mtu", "max", *small), 65483),
        "bulk, super-segments": bench("bulk", "--offload", *small)["packets_both_ways"] < 2000,
    }
    ping = bench("pingpong", "--rounds", "2000", "--idle", "50", "--round-robin")
    checks["pingpong over 51 connections, two packets a round"] = (
        ping["connections"] == 51 and ping["packets_both_ways"] == 4400
        and ping["cpu_ns_per_round_trip"] > 1)
    connect = bench("connect", "--connections", "500", "--time-wait", "100")
    checks["connect keeps the TIME_WAITs asked for"] = 90 <= connect["time_wait_kept"] <= 110
    checks["connect: nine packets each"] = connect["packets_both_ways"] == 9 * 500
    scale = bench("scale", "--connections", "2000", "--rounds", "5000")
    checks["scale among 2000"] = (scale["connections"] == 2000 and scale["alone_ns"] > 1 and
                                  scale["busy_among_idle_ratio"] > 0.1)
    idle = bench("idle", "--connections", "10000")
    checks["idle ESTABLISHED <= 512 octets, counted and on the heap"] = (
        idle["counted_octets_per_end"] <= 512 and 400 < idle["heap_octets_per_end"] <= 512)
    for wrong in (["bulk", "--mtu", "100"], ["pingpong", "--rounds", "0"], ["sideways"], []):
        done = subprocess.run([COMMAND, "bench", *wrong], capture_output=True)
        checks[f"usage: {' '.join(wrong) or 'nothing'} ends with 2"] = done.returncode == 2
    for name, good in checks.items():
        print(f"{'ok' if good else 'not ok'} bench: {name}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
