#!/usr/bin/env python3
"""UDP against the kernel's sockets over TUN, in a network namespace of the test's own."""
import contextlib
import json
import os
import socket
import sys

from lab import COMMAND, V4, V6, Served, check, in_namespace, run, until

# --- what both ends say

def counters():
    """All that lastack has counted, by nstat's names."""
    answer = json.loads(run(COMMAND, "nstat", "-asz", "--json").stdout)
    return answer["hosts"][0]["counters"]


def rows(*words):
    return [line.split() for line in run(COMMAND, "ss", *words).stdout.splitlines()]


@contextlib.contextmanager
def udp_socket(host, port=None):
    """A kernel socket, connected to `port` where that is given."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.settimeout(30)
        if port is not None:
            sock.connect((host, port))
        yield sock


def echoes(host, port, size):
    """Whether a datagram of `size` octets comes back as it went."""
    data = os.urandom(size)
    with udp_socket(host, port) as sock:
        sock.send(data)
        try:
            return sock.recv(70000) == data
        except (TimeoutError, ConnectionError) as error:
            return f"{error!r}"


def echo(name, more):
    with Served("udp-echo", "7", more=more):
        for host, most in ((V4, 65507), (V6, 65527)):
            family = "Udp6" if ":" in host else "Udp"
            before = counters()
            sizes = (0, 1, 2, 1000, 1452, 1472, 1473, 9000, 60000, most)
            for size in sizes:
                good = echoes(host, 7, size)
                check(f"{name}: {host} sends {size} octets back", good is True, good)
            after = counters()
            grown = {key: after[key] - before[key] for key in after}
            check(f"{name}: {host} has counted each datagram once, both ways",
                  grown[family + "InDatagrams"] == grown[family + "OutDatagrams"] == len(sizes)
                  and grown[family + "InErrors"] == 0, grown)
            ip = "Ip6" if ":" in host else "Ip"
            in_pieces = sum(size + 8 + (40 if ":" in host else 20) > 1500 for size in sizes)
            check(f"{name}: {host} has put {in_pieces} of them together, and cut as many",
                  grown[ip + "ReasmOKs"] == grown[ip + "FragOKs"] == in_pieces, grown)


def many():
    """1,000 datagrams, never more under way than a queue holds: none is lost, none is twice."""
    with Served("udp-echo", "7"):
        for host in (V4, V6):
            with udp_socket(host, 7) as sock:
                back, sent = set(), 0
                while len(back) < 1000:
                    while sent < 1000 and sent - len(back) < 50:
                        sock.send(b"%d" % sent + b"." * (sent % 1400))
                        sent += 1
                    data = sock.recv(2000)
                    number = int(data.split(b".")[0])
                    assert number not in back and len(data) == len(b"%d" % number) + number % 1400
                    back.add(number)
            check(f"1,000 datagrams to {host} come back, each once", back == set(range(1000)))


def one_socket_many_peers():
    """Answers go to whom each question came from."""
    with Served("udp-echo", "7"), contextlib.ExitStack() as stack:
        for host in (V4, V6):
            socks = [stack.enter_context(udp_socket(host, 7)) for _ in range(20)]
            for i, sock in enumerate(socks):
                sock.send(b"%d" % i)
            check(f"20 sockets of the kernel at {host}: each gets its own",
                  [sock.recv(100) for sock in socks] == [b"%d" % i for i in range(20)])


def closed_port():
    with Served("udp-discard", "9"):
        for host in (V4, V6):
            with udp_socket(host, 8) as sock:
                for size in (10, 3000):  # whole, and in pieces
                    sock.send(b"x" * size)
                    try:
                        what = sock.recv(100)
                    except OSError as error:
                        what = error
                    check(f"{size} octets to a closed port of {host}: ECONNREFUSED",
                          isinstance(what, ConnectionRefusedError), repr(what))
            with udp_socket(host, 9) as sock:
                before = counters()
                sock.send(b"x")
                name = ("Udp6" if ":" in host else "Udp") + "InDatagrams"
                check(f"and an open one of {host} takes it",
                      until(lambda: counters()[name] == before[name] + 1))
                check(f"without an answer from {host}", sock.getsockopt(socket.SOL_SOCKET,
                                                                         socket.SO_ERROR) == 0)
        check("counted as nstat does",
              counters()["UdpNoPorts"] == counters()["Udp6NoPorts"] == 2, counters())


def their_closed_port():
    """The kernel says that the asker is gone: the echo service goes on for the others."""
    with Served("udp-echo", "7"):
        for host, name in ((V4, "IcmpInDestUnreachs"), (V6, "Icmp6InDestUnreachs")):
            before = counters()
            with udp_socket(host) as sock:
                # The answer comes to a port that is closed by then: the service is stopped meanwhile.
                run(COMMAND, "ask", "pause")
                sock.sendto(b"never read", (host, 7))
            run(COMMAND, "ask", "resume")
            check(f"the kernel's port unreachable over {host} reaches the endpoint",
                  until(lambda: counters()[name] > before[name]
                        and counters()["LastackIcmpErrorsTaken"]
                        > before["LastackIcmpErrorsTaken"]), counters())
            check(f"and {host} still answers", echoes(host, 7, 100) is True)


def bad_checksum():
    """The kernel leaves the checksum out (IPv4), and must not be able to over IPv6."""
    so_no_check = 11
    with Served("udp-echo", "7", more=("--no-offload",)):
        with udp_socket(V4, 7) as sock:
            sock.setsockopt(socket.SOL_SOCKET, so_no_check, 1)
            sock.send(b"unsummed")
            check("IPv4 without a checksum is taken", sock.recv(100) == b"unsummed")
        udp_no_check6_tx = 101
        with udp_socket(V6, 7) as sock:
            sock.setsockopt(socket.IPPROTO_UDP, udp_no_check6_tx, 1)
            sock.send(b"unsummed")
            check("IPv6 without a checksum is not",
                  until(lambda: counters()["Udp6InCsumErrors"] == 1), counters())
        check("and nothing was said about it", counters()["Icmp6OutMsgs"] == 0)


def to_many():
    """RFC 1122: nobody is told of what went to all."""
    with Served("udp-echo", "7"):
        with udp_socket(V4) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            before = counters()
            for port in (7, 8):
                sock.sendto(b"to all", ("10.9.0.255", port))
            check("a broadcast is counted and not answered",
                  until(lambda: counters()["IpInAddrErrors"] == before["IpInAddrErrors"] + 2)
                  and counters()["IcmpOutMsgs"] == before["IcmpOutMsgs"]
                  and counters()["UdpInDatagrams"] == before["UdpInDatagrams"], counters())


def ss_u():
    with Served("udp-echo", "7", "echo", "7", "udp-discard", "9"):
        found = rows("-uan")
        check("ss -ua lists the endpoints as iproute2 does",
              found[0][:3] == ["State", "Recv-Q", "Send-Q"]
              and sorted(row[3] for row in found[1:]) == ["0.0.0.0:7", "0.0.0.0:9", "[::]:7", "[::]:9"]
              and all(row[0] == "UNCONN" and row[4] in ("0.0.0.0:*", "[::]:*")
                      for row in found[1:]), found)
        check("ss alone lists none of them", all(row[0] == "LISTEN" for row in rows("-lH")))
        both = rows("-tuanH")
        check("ss -tu names the protocol", {row[0] for row in both} == {"tcp", "udp"}
              and len(both) == 6, both)
        check("a filter is for both", len(rows("-tuanH", "sport", "=", ":7")) == 4)


def main(_):
    for more, name in (((), "offloads"), (("--no-offload",), "no offloads")):
        echo(name, more)
    many()
    one_socket_many_peers()
    closed_port()
    their_closed_port()
    bad_checksum()
    to_many()
    ss_u()


if __name__ == "__main__":
    sys.exit(in_namespace(main))
