#!/usr/bin/env python3
"""IP against the kernel: packets in pieces both ways, errors, and a path that takes less."""
import contextlib
import hashlib
import json
import os
import socket
import struct
import sys
import time

from lab import (COMMAND, ETH_P_ALL, MIB, V4, V6, Namespace, Served, check, checksum, in_namespace, must, pattern,
                 read_all)

MTU = 1500
IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_RECVERR = 10, 0, 11


class Sniffer:
    """The sizes of the IP packets that lastack puts on the wire, and whether they are pieces."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * MIB)
        self.socket.bind(("la0", ETH_P_ALL))
        self.socket.setblocking(False)

    def packets(self):
        """Of all that came since the last call: (octets, is a piece)."""
        found = []
        while True:
            try:
                packet, origin = self.socket.recvfrom(70000)
            except BlockingIOError:
                return found
            if origin[2] == socket.PACKET_OUTGOING:
                continue
            if packet[0] >> 4 == 4 and packet[12:16] == socket.inet_aton(V4):
                found.append((len(packet), struct.unpack("!H", packet[6:8])[0] & 0x3fff != 0))
            elif packet[0] >> 4 == 6 and packet[8:24] == socket.inet_pton(socket.AF_INET6, V6):
                found.append((len(packet), packet[6] == 44))


def ping(host, size):
    """An echo of `size` octets; what came back, or nothing. The kernel cuts and joins."""
    v6 = ":" in host
    data = os.urandom(size)
    head = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 4711, 1)
    if not v6:
        head = struct.pack("!BBHHH", 8, 0, checksum(head + data), 4711, 1)
    family, protocol = ((socket.AF_INET6, socket.IPPROTO_ICMPV6) if v6 else
                        (socket.AF_INET, socket.IPPROTO_ICMP))
    with socket.socket(family, socket.SOCK_RAW, protocol) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MIB)
        sock.settimeout(5)
        if not v6:
            sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        sock.sendto(head + data, (host, 0))
        while True:
            try:
                packet = sock.recv(70000)
            except TimeoutError:
                return False
            message = packet if v6 else packet[(packet[0] & 15) * 4:]
            if message[0] == (129 if v6 else 0):
                return message[4:8] == head[4:8] and message[8:] == data


def pings(more, name):
    with Served("echo", "7", more=more) as served:
        wire = Sniffer()
        for host, sizes in ((V4, (56, 1472, 1473, 5000, 65507)), (V6, (56, 1452, 1453, 5000, 65527))):
            for size in sizes:
                good = ping(host, size)
                seen = wire.packets()
                check(f"{name}: {host} echoes {size} octets", good)
                largest = max((octets for octets, _ in seen), default=0)
                in_pieces = any(piece for _, piece in seen)
                whole = size + 8 + (40 if ":" in host else 20)
                check(f"{name}: {host} answers {size} octets in packets that the link takes",
                      0 < largest <= MTU and in_pieces == (whole > MTU), str(seen))
        counters = served.counters()
        check(f"{name}: each packet that came in pieces was put together once",
              counters["pieces"]["completed"] == 6, json.dumps(counters["pieces"]))


def closed_port():
    with Served("echo", "7") as served:
        for host in (V4, V6):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.settimeout(5)
                sock.connect((host, 33434))
                for size in (10, 3000):  # whole, and in pieces
                    sock.send(b"x" * size)
                    try:
                        sock.recv(100)
                        told = False
                    except ConnectionRefusedError:
                        told = True
                    except TimeoutError:
                        told = False
                    check(f"UDP of {size} octets to a closed port of {host}: port unreachable", told)
        check("counters know of them", served.counters()["no_port"] == 4)


def other_protocol():
    with Served("echo", "7"):
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, 253) as sock:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            sock.settimeout(5)
            sock.connect((V4, 0))
            sock.send(b"x" * 20)
            error = wait_for_error(sock)
            check("a protocol that is not spoken: protocol unreachable (IPv4)",
                  error == "Protocol not available", error)


def wait_for_error(sock):
    end = time.monotonic() + 5
    while time.monotonic() < end:
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            return os.strerror(number)
        time.sleep(0.02)
    return "none"


@contextlib.contextmanager
def never_whole():
    """The first piece alone: the kernel learns that the rest did not come, while other things are
    tested."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 77, 0x2000, 64, 17, 0,
                         socket.inet_aton("10.8.0.1"), socket.inet_aton("10.8.0.2"))
    with Served("echo", "7", name="la1", net=8) as served:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock, \
                socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as listener:
            listener.bind(("10.8.0.1", 0))
            listener.settimeout(60)
            sock.sendto(header + struct.pack("!HHHH", 1234, 9, 100, 0) + b"x" * 16, ("10.8.0.2", 0))
            begin = time.monotonic()
            yield
            early = served.counters()["reassembly_timed_out"] == 1
            waited = time.monotonic() - begin
            check("a packet that never becomes whole is kept", not early or waited > 29, waited)
            try:
                packet = listener.recv(2000)
            except TimeoutError:
                packet = bytes(60)
            waited = time.monotonic() - begin
        check("and after 30 s: time exceeded", waited > 29 and
              packet[20:22] == b"\x0b\x01" and packet[32:34] == header[4:6],
              f"{packet[:60].hex()} after {waited:.1f} s")
        check("and it is forgotten", served.counters()["reassembly_timed_out"] == 1)


# --- a path that takes less: lastack - here - router - far, 1280 octets between here and the router

@contextlib.contextmanager
def narrow_path():
    router, far = Namespace(), Namespace()
    try:
        must("ip", "link", "add", "a0", "mtu", "1280", "type", "veth", "peer", "a1", "mtu", "1280",
            "netns", str(router.pid))
        router.run("ip", "link", "add", "b0", "mtu", "1500", "type", "veth", "peer", "b1", "mtu",
                   "1500", "netns", str(far.pid))
        setup(must, "a0", "1", "1", ("10.9.2.0/24", "10.9.1.2"), ("fd00:9:2::/64", "fd00:9:1::2"))
        setup(router.run, "a1", "1", "2", ("10.9.0.0/24", "10.9.1.1"), ("fd00:9::/64", "fd00:9:1::1"))
        setup(router.run, "b0", "2", "1")
        setup(far.run, "b1", "2", "2", ("default", "10.9.2.1"), ("default", "fd00:9:2::1"))
        for where in (must, router.run):
            where("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        yield far
    finally:
        router.end()
        far.end()
        # The pair goes with the namespace of its other end, a little later.
        while "a0" in os.listdir("/sys/class/net"):
            time.sleep(0.05)


def setup(where, device, net, host, *routes):
    where("ip", "link", "set", "lo", "up")
    where("ip", "link", "set", device, "up")
    where("ip", "addr", "add", f"10.9.{net}.{host}/24", "dev", device)
    where("ip", "addr", "add", f"fd00:9:{net}::{host}/64", "dev", device, "nodad")
    for to, via in routes:
        where("ip", "route", "replace", to, "via", via)


def fetch(far, host, octets):
    """Whether a client behind the router receives what it should."""
    with far.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.settimeout(60)
        sock.connect((host, 90))
        sock.sendall(b"x" * 3000)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock) == (octets, hashlib.sha256(pattern(octets)).hexdigest())


def sent_again(served):
    """How many timers had run out when octets were first sent a second time, and why they were, as the host's trace
    tells; None where all were sent but once."""
    hosts = json.loads(must(COMMAND, "trace", "--json", "--pid", served.pid))["hosts"]
    end = None
    for event in hosts[0]["events"]:
        if event["kind"] != "sent" or not event["octets"]:
            continue
        seq = int(event["header"][8:16], 16)
        if end is not None and (seq - end) % 2**32 >= 2**31:
            return event.get("attempt", 0), event["why"]
        end = (seq + event["octets"]) % 2**32
    return None


def first_through(far, served, host, octets):
    """The first connection through a narrow path: (whole, what sent_again() says, ICMP errors)."""
    before = served.counters()["icmp_errors_in"]
    whole = fetch(far, host, octets)
    return whole, sent_again(served), served.counters()["icmp_errors_in"] - before


def path_mtu(more, name):
    octets = 5 * MIB
    for host in (V4, V6):
        # On a busy machine the ICMP message may be made later than a timer runs: once more then.
        for _ in range(3):
            with Served("turn", f"90={octets}", more=[*more, "--trace", "50000"]) as served, \
                    narrow_path() as far:
                whole, again_for, told = first_through(far, served, host, octets)
                wire = Sniffer()
                good = fetch(far, host, octets)
                seen = wire.packets()
                again = served.counters()["icmp_errors_in"] - told
            if whole and again_for == (0, "too_big"):
                break
        check(f"{name}: 5 MiB through a path of 1280 octets from {host}, SHA-256 equal", whole)
        check(f"{name}: {host} sends again what was too big, and waits for no timer",
              again_for == (0, "too_big"), again_for)
        check(f"{name}: {host} was told by ICMP", told > 0)
        check(f"{name}: the next connection of {host} knows the path from the start",
              good and again == 0 and seen != [], f"{again} errors more")
        if more:  # without offloads what the capture shows is what goes on the wire
            check(f"{name}: no packet of {host} is larger than the path takes, or cut",
                  max(size for size, _ in seen) <= 1280 and not any(p for _, p in seen),
                  str(max(seen, default=0)))


def main(_):
    with never_whole():
        for more, name in (((), "offloads"), (("--no-offload",), "no offloads")):
            pings(more, name)
            path_mtu(more, name)
        closed_port()
        other_protocol()


if __name__ == "__main__":
    sys.exit(in_namespace(main))
