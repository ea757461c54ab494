#!/usr/bin/env python3
"""Many of the kernel's connections on one host, and floods that must not touch them: 20,000 established,
half of them over each family; then SYNs and first pieces from nobody, as fast as they can be sent. Says what
a connection costs, and what a round trip takes alone and among all of them."""
import multiprocessing
import os
import pathlib
import random
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import MIB, V4, V6, Served, check, checksum, connect, in_namespace, until

EACH = 10_000      # connections of a family
SYNS = 200_000
PIECES = 100_000
ROUNDS = 20_000
MOST_ASKED = 2 * MIB  # by one who asks for a table
MOST_GROWN = 24 * MIB  # by a flood: the limits on handshakes, replies and pieces, with room to spare


def memory(served):
    """Octets that the process has in memory."""
    status = pathlib.Path(f"/proc/{served.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def echoes(sock, octets=b"x"):
    sock.sendall(octets)
    return sock.recv(len(octets)) == octets


class Others:
    """A process that holds as many connections as this one: one alone may not have descriptors enough."""

    def __init__(self, host):
        self.here, there = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.hold, args=(host, there))
        self.process.start()

    @staticmethod
    def hold(host, pipe):
        socks = [connect(host, 7) for _ in range(EACH)]
        pipe.send(all(echoes(sock) for sock in socks))
        pipe.recv()

    def have_echoed(self):
        return self.here.recv()

    def end(self):
        self.here.send("end")
        self.process.join()


def round_trip(socks):
    """Microseconds, over one after another of `socks`."""
    begin = time.perf_counter()
    good = all(echoes(socks[i % len(socks)]) for i in range(ROUNDS))
    check(f"{ROUNDS} octets there and back over {len(socks)} connections in turn", good)
    return (time.perf_counter() - begin) / ROUNDS * 1e6


def go_on(name, socks):
    some = random.sample(socks, 200)
    check(f"{name}: established connections go on", all(echoes(sock, os.urandom(1000)) for sock in some))
    with connect(V4, 7) as sock:
        check(f"{name}: and a new one is taken", echoes(sock))


def ipv4(protocol, payload, source, identification=0, fragment=0):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, fragment, 64, protocol, 0,
                       source, socket.inet_aton(V4)) + payload


def syn(source, port):
    tcp = struct.pack("!HHIIBBHHH", port, 7, random.getrandbits(32), 0, 5 << 4, 2, 65535, 0, 0)
    pseudo = source + socket.inet_aton(V4) + struct.pack("!BBH", 0, 6, len(tcp))
    return ipv4(6, tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:], source)


def somebody():
    """An address of the network that nobody has."""
    return socket.inet_aton(f"10.9.0.{random.randint(3, 250)}")


def flood(served, socks, name, packets):
    """Sends them all, the established talking meanwhile, and looks at what is left of it."""
    before, began = memory(served), time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number, packet in enumerate(packets):
            raw.sendto(packet, (V4, 0))
            if number % 20_000 == 19_999:
                go_on(f"{name}, {number + 1} sent", socks)
    took = time.monotonic() - began
    grown = memory(served) - before
    print(f"{name}: {took:.1f} s, memory grew by {grown / MIB:.1f} MiB", file=sys.stderr)
    check(f"{name}: memory is bounded", grown < MOST_GROWN, grown)


def main(_):
    with Served("echo", "7", more=["--trace", "0"]) as served:
        alone = [connect(V4, 7)]
        one = round_trip(alone)
        before, began = memory(served), time.monotonic()
        others = Others(V6)
        socks = alone + [connect(V4, 7) for _ in range(EACH)]
        check("each of them echoes", all(echoes(sock) for sock in socks) and others.have_echoed())
        took = time.monotonic() - began
        many = len(socks) + EACH
        unasked = memory(served)
        each = (unasked - before) / (many - 1)
        established = lambda: sum(state == "ESTABLISHED" for state in served.states(7).values())
        check(f"{many} connections are established at once", until(lambda: established() == many),
              established())
        asked = memory(served) - unasked
        check("a table of all of them is made row by row, and keeps no memory", asked < MOST_ASKED, asked)
        print(f"{many} connections in {took:.1f} s; {each:.0f} octets of memory each", file=sys.stderr)
        check("a connection costs what was promised, and what its server keeps", each < 1024, each)
        turn, again = round_trip(socks), round_trip(alone)
        print(f"a round trip: {one:.0f} us alone, {again:.0f} us among them, {turn:.0f} us in turn",
              file=sys.stderr)
        flood(served, socks, "SYN flood", (syn(somebody(), random.randint(1024, 65535)) for _ in range(SYNS)))
        counters = served.counters()
        check("the SYN queue was full, and cookies went out", counters["cookies_sent"] > 1000, counters)
        body = os.urandom(1400)
        flood(served, socks, "flood of first pieces",
              (ipv4(17, body, somebody(), random.getrandbits(16), 0x2000) for _ in range(PIECES)))
        check("pieces made room for others", served.counters()["reassembly_evicted"] > 1000)
        for sock in socks:
            sock.close()
        others.end()
        check("all of them end", until(lambda: established() == 0, 60))


if __name__ == "__main__":
    sys.exit(in_namespace(main))
