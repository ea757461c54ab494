#!/usr/bin/env python3
"""lastack bench measures what it says: its fields are there, and its counts are possible ones."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks

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
            and 1 < report["floor_ns_per_packet"] < 1.25 * report["cpu_ns_per_packet"] < 1e6  # measured one by one
            and report["least"] <= report["cpu_ns_per_packet"] <= report["most"])


def on_threads():
    done = subprocess.run([COMMAND, "bench", "threads", "--json", "--rounds", "3", "--mib", "8"], check=True,
                          capture_output=True, text=True)
    report = json.loads(done.stdout)
    return (report["threads"] == 2 and report["octets"] == 8 << 20 and report["scaling"] > 1
            and 1 < report["cpu_ns_per_1460_octets_alone"] < 1e6)


def of_sockets():
    """Figures of a moment: that there are all of them, and that they fit together."""
    done = subprocess.run([COMMAND, "bench", "sockets", "--json", "--rounds", "2", "--sockets", "300"], check=True,
                          capture_output=True, text=True)
    report = json.loads(done.stdout)
    calls = report["calls"]
    told = ["lastack", "kernel", "ratio"]
    return {"sockets: every call, in nanoseconds":
            report["bench"] == "sockets" and report["unit"] == "ns" and report["sockets"] == 300 and
            set(calls) == {"send_64", "receive_64", "send_64k", "receive_64k", "accept", "close", "close_second",
                           "poll_one", "poll_all", "edge"} and
            all(0 < call[of]["least"] <= call[of]["median"] <= call[of]["most"] < 1e9
                for call in calls.values() for of in told),
            "sockets: those that have something carried are told alone, too":
            {name for name, call in calls.items() if "lastack_alone" in call} ==
            {"send_64", "receive_64", "send_64k", "receive_64k", "close", "close_second"},
            "sockets: ratios are those of the rounds":
            all(call["lastack"]["least"] / call["kernel"]["most"] <= call["ratio"]["median"] * 1.000001 and
                call["ratio"]["median"] <= call["lastack"]["most"] / call["kernel"]["least"] * 1.000001
                for call in calls.values())}


def over_tun():
    """Figures of a moment: that there are some, and that they are those of one flow."""
    rows = ["read", "receive", "write", "send", "ping", "ping_busy"]
    done = subprocess.run([COMMAND, "bench", "tun", "--json", "--rounds", "1", "--seconds", "0.1",
                           "--only", ",".join(rows)], capture_output=True, text=True)
    if "can't make a network namespace" in done.stderr:
        return {"tun says that it takes root": done.returncode == 1 and "root" in done.stderr}
    tun = json.loads(done.stdout or "{}")
    return {"tun: every row that was asked for, and no other":
            all(0 < tun[name]["least"] <= tun[name]["most"] < 1e6 for name in rows) and "veth" not in tun,
            "tun: ratios are within the round":
            abs(tun["receive_to_read"]["median"] - tun["receive"]["median"] / tun["read"]["median"]) < 1e-6}


def main():
    small = ["--mib", "8"]
    found = {
        "bulk": bulk(bench("bulk", *small), 1448),
        "bulk over IPv6": bulk(bench("bulk", "-6", *small), 1428),
        "bulk, MTU 9000": bulk(bench("bulk", "--mtu", "9000", *small), 8948),
        "bulk, largest MTU": bulk(bench("bulk", "--mtu", "max", *small), 65483),
        "bulk, super-segments": bench("bulk", "--offload", *small)["packets_both_ways"] < 2000,
    }
    ping = bench("pingpong", "--rounds", "2000", "--idle", "50", "--round-robin")
    found["pingpong over 51 connections, two packets a round"] = (
        ping["connections"] == 51 and ping["packets_both_ways"] == 4400
        and ping["cpu_ns_per_round_trip"] > 1)
    connect = bench("connect", "--connections", "500", "--time-wait", "100")
    found["connect keeps the TIME_WAITs asked for"] = 90 <= connect["time_wait_kept"] <= 110
    many = bench("connect", "--connections", "500", "--time-wait", "70000")
    found["connect keeps more TIME_WAITs than a port has clients"] = 65000 <= many["time_wait_kept"] <= 75000
    found["connect: nine packets each"] = connect["packets_both_ways"] == 9 * 500
    scale = bench("scale", "--connections", "2000", "--rounds", "5000")
    found["scale among 2000"] = (scale["connections"] == 2000 and scale["alone_ns"] > 1 and
                                  scale["busy_among_idle_ratio"] > 0.1)
    idle = bench("idle", "--connections", "10000")
    found["idle ESTABLISHED <= 512 octets, counted and on the heap"] = (
        idle["counted_octets_per_end"] <= 512 and 400 < idle["heap_octets_per_end"] <= 512)
    found["and resident memory beside it"] = 400 < idle["resident_octets_per_end"] <= 640
    found["README says how much memory an idle connection takes"] = (
        f" {idle['counted_octets_per_end']} octets of memory" in (ROOT / "README.md").read_text())
    found["threads: two do more than one"] = on_threads()
    found |= of_sockets()
    found |= over_tun()
    for wrong in (["bulk", "--mtu", "100"], ["pingpong", "--rounds", "0"], ["sideways"], []):
        done = subprocess.run([COMMAND, "bench", *wrong], capture_output=True)
        found[f"usage: {' '.join(wrong) or 'nothing'} ends with 2"] = done.returncode == 2
    for name, good in found.items():
        checks.check(f"bench: {name}", good)
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
