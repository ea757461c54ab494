#!/usr/bin/env python3
"""lastack nstat beside the kernel's nstat: both ends of the same talk, in a network namespace of the
test's own."""
import json
import os
import pathlib
import socket
import sys

from lab import (COMMAND, ETH_P_ALL, MIB, V4, V6, Served, check, connect, in_namespace, read_all, run,
                 until)

# Names that older kernels do not have.
NEW = {"TcpExtBeyondWindow", "IcmpOutRateLimitHost", "Icmp6OutRateLimitHost", "UdpMemErrors",
       "Udp6MemErrors", "IpExtReasmOverlaps"}


# --- both views

def ours():
    answer = json.loads(run(COMMAND, "nstat", "-asz", "--json").stdout)
    return answer["hosts"][0]["counters"]


def theirs():
    return json.loads(run("nstat", "-asz", "--json").stdout)["kernel"]


class Both:
    """What both ends have counted since this was made."""

    def __init__(self):
        self.before = (ours(), theirs())

    def now(self):
        after = (ours(), theirs())
        return [{key: value - old.get(key, 0) for key, value in new.items()}
                for old, new in zip(self.before, after)]

    def same(self, name, ours_name, theirs_name, least=1):
        """Our counter comes to what theirs says; waited for, since the last ACK may be under way."""
        def equal():
            a, b = self.now()
            return a[ours_name] == b[theirs_name] >= least
        good = until(equal)
        a, b = self.now()
        check(f"{name}: our {ours_name} is the kernel's {theirs_name}", good,
              f"ours {a[ours_name]}, theirs {b[theirs_name]}")

    def ours_is(self, name, **expected):
        good = until(lambda: all(self.now()[0][key] == value for key, value in expected.items()))
        check(f"{name}: " + ", ".join(f"{k} {v}" for k, v in expected.items()), good,
              {key: self.now()[0][key] for key in expected})


def names():
    with Served("echo", "7"):
        known, mine = set(theirs()), set(ours())
        strange = {name for name in mine if not name.startswith("Lastack")} - known - NEW
        check("every name without Lastack is one of the kernel's", mine and not strange, strange)
        shown = run(COMMAND, "nstat", "-asz").stdout.splitlines()
        check("as a table: a heading, then name, value and rate",
              shown[0] == "#lastack" and len(shown) == len(mine) + 1
              and all(len(line.split()) == 3 for line in shown[1:]), shown[:5])


def scripted_talk():
    """Connections opened, data both ways, closed. Without offloads a segment is a packet."""
    with Served("echo", "7", more=("--no-offload",)):
        both = Both()
        for host in (V4, V6):
            for i in range(5):
                with connect(host, 7) as sock:
                    data = os.urandom(5000 * (i + 1))
                    sock.sendall(data)
                    sock.shutdown(socket.SHUT_WR)
                    got = b""
                    while part := sock.recv(65536):
                        got += part
                    assert got == data
        both.same("a talk", "TcpPassiveOpens", "TcpActiveOpens", 10)
        both.ours_is("a talk", TcpPassiveOpens=10, TcpActiveOpens=0, TcpAttemptFails=0,
                     TcpEstabResets=0, TcpInErrs=0, TcpOutRsts=0)

        def on_the_wire():
            a, b = both.now()
            return (a["TcpInSegs"] == b["TcpOutSegs"] + b["TcpRetransSegs"]
                    and b["TcpInSegs"] == a["TcpOutSegs"] + a["TcpRetransSegs"] and a["TcpInSegs"] > 50)
        check("a talk: each segment that one has sent, the other has received, both ways",
              until(on_the_wire), *both.now())


def to_closed_ports():
    with Served("echo", "7", more=("--no-offload",)):
        both = Both()
        for host in (V4, V6):
            try:
                connect(host, 8)
            except ConnectionRefusedError:
                pass
        both.same("closed ports", "TcpOutRsts", "TcpAttemptFails", 2)
        both.ours_is("closed ports", TcpOutRsts=2, LastackTcpDropNoConnection=2)


def resets():
    with Served("echo", "7", more=("--no-offload",)):
        both = Both()
        sock = connect(V4, 7)
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        both.ours_is("a reset", TcpEstabResets=1, TcpOutRsts=0)
        both.same("a reset", "TcpEstabResets", "TcpOutRsts")


class Sniffer:
    """The segments that the kernel sends, as they pass the device."""

    def __init__(self):
        SO_RCVBUFFORCE = 33  # whatever the system allows others
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * MIB)
        self.socket.bind(("la0", ETH_P_ALL))
        self.socket.setblocking(False)
        self.pure_acks = 0

    def look(self):
        """Counts those that acknowledge and no more."""
        SYN_FIN_RST, ACK = 0x07, 0x10
        while True:
            try:
                packet, origin = self.socket.recvfrom(70000)
            except BlockingIOError:
                return self.pure_acks
            v4 = packet[0] >> 4 == 4
            if origin[2] != socket.PACKET_OUTGOING or packet[9 if v4 else 6] != socket.IPPROTO_TCP:
                continue
            total = int.from_bytes(packet[2:4], "big") if v4 else 40 + int.from_bytes(packet[4:6], "big")
            tcp = packet[20 if v4 else 40:total]
            if len(tcp) == tcp[12] // 16 * 4 and tcp[13] & (SYN_FIN_RST | ACK) == ACK:
                self.pure_acks += 1


def is_delayed(both, sock):
    """Whether the ACK of an octet is; nothing is sent back that it could ride on."""
    counted = lambda: both.now()[0]["TcpExtDelayedACKs"]
    before = counted()
    sock.sendall(b"x")
    return until(lambda: counted() == before + 1, 4)


def acks():
    with Served("echo", "7", "sink", "9", more=("--no-offload",)):
        whole, wire = Both(), Sniffer()
        socks = [connect(host, 9) for host in (V4, V6)]
        for sock in socks:  # the first is answered at once: then the window outgrows what a SYN,ACK can say
            sock.sendall(b"x")
        lies = lambda: [line.split()[2] for line in run("ss", "-Htn", "dport = :9").stdout.splitlines()]
        until(lambda: lies() == ["0", "0"])
        both = Both()
        for sock in socks * 2:  # where the machine is busy the kernel may send it again before: once more then
            check("an octet alone: its ACK is counted as delayed", any(is_delayed(both, sock) for _ in range(5)))
        for sock in [connect(host, 7) for host in (V4, V6)] + socks:
            sock.sendall(os.urandom(200_000))
            sock.shutdown(socket.SHUT_WR)
            read_all(sock)
            sock.close()
        seen = lambda: (whole.now()[0]["TcpExtTCPPureAcks"], wire.look())
        check("ACKs without octets are as many as pass the device",
              until(lambda: seen()[0] == seen()[1] > 8), seen())


def recoveries():
    """What is lost is sent again before a timer says so, with SACK and without."""
    for sack, name, other in ((1, "TcpExtTCPSackRecovery", "TcpExtTCPRenoRecovery"),
                              (0, "TcpExtTCPRenoRecovery", "TcpExtTCPSackRecovery")):
        pathlib.Path("/proc/sys/net/ipv4/tcp_sack").write_text(str(sack))
        with Served("turn", f"90={4 * MIB}", more=("--wire", "loss=2%,seed=1")):
            both = Both()
            with connect(V4, 90) as sock:
                sock.shutdown(socket.SHUT_WR)
                size, _ = read_all(sock)
            ours = both.now()[0]
            check(f"a bad wire, SACK {'on' if sack else 'off'}: {name}, and each sent again at once",
                  size == 4 * MIB and 0 < ours[name] <= ours["TcpExtTCPFastRetrans"] and ours[other] == 0,
                  {key: ours[key] for key in (name, other, "TcpExtTCPFastRetrans")})
    pathlib.Path("/proc/sys/net/ipv4/tcp_sack").write_text("1")


def duplicates():
    """The kernel says what it received twice (RFC 2883), sometimes of several segments in one ACK; and the wire
    doubles some of these, too."""
    with Served("turn", f"90={4 * MIB}", more=("--wire", "duplicate=5%,seed=1")):
        both = Both()
        with connect(V4, 90) as sock:
            sock.shutdown(socket.SHUT_WR)
            size, _ = read_all(sock)
        seen = lambda: (both.now()[1]["TcpExtTCPDSACKOldSent"], both.now()[0]["TcpExtTCPDSACKRecv"])
        right = lambda sent, received: 0 < received <= 2 * sent
        check("a wire that doubles packets: our TcpExtTCPDSACKRecv counts what the kernel says came twice",
              size == 4 * MIB and until(lambda: right(*seen())), seen())


def datagrams():
    with Served("udp-echo", "7", "udp-discard", "9"):
        both = Both()
        for host, family in ((V4, socket.AF_INET), (V6, socket.AF_INET6)):
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.settimeout(30)
                sock.connect((host, 7))
                for size in (10, 5000):
                    sock.send(b"x" * size)
                    sock.recv(70000)
            udp = "Udp6" if ":" in host else "Udp"
            ip = "Ip6" if ":" in host else "Ip"
            both.same("datagrams", udp + "InDatagrams", udp + "OutDatagrams", 2)
            both.same("datagrams", udp + "OutDatagrams", udp + "InDatagrams", 2)
            both.same("datagrams", ip + "ReasmReqds", ip + "FragCreates", 4)
            both.same("datagrams", ip + "FragCreates", ip + "ReasmReqds", 4)
            both.same("datagrams", ip + "ReasmOKs", ip + "FragOKs", 1)
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((host, 8))
                sock.send(b"x")
            icmp = "Icmp6" if ":" in host else "Icmp"
            both.same("datagrams", icmp + "OutDestUnreachs", icmp + "InDestUnreachs")
            both.ours_is("datagrams", **{udp + "NoPorts": 1})


def shown(*words):
    """{name: value} of the table."""
    lines = run(COMMAND, "nstat", *words).stdout.splitlines()
    assert lines[:1] == ["#lastack"], lines
    return {line.split()[0]: int(line.split()[1]) for line in lines[1:]}


def history():
    with Served("echo", "7") as served:
        connect(V4, 7).close()
        check("the first time: since the host began", shown("-s").get("TcpPassiveOpens") == 1)
        shown()
        check("the second time: nothing new", "TcpPassiveOpens" not in shown())
        for _ in range(3):
            connect(V4, 7).close()
        check("-s shows what is new and keeps nothing",
              until(lambda: shown("-s", "TcpPassiveOpens").get("TcpPassiveOpens") == 3)
              and shown("-s", "TcpPassiveOpens")["TcpPassiveOpens"] == 3)
        check("-a shows all, whatever was shown", shown("-as", "TcpPassive*")
              == {"TcpPassiveOpens": 4})
        check("-z shows what is nothing, too", shown("-sz", "TcpInErrs") == {"TcpInErrs": 0})
        check("-r forgets what was shown", shown("-r", "TcpPassiveOpens")["TcpPassiveOpens"] == 4)
        connect(V4, 7).close()
        until(lambda: shown("-s").get("TcpPassiveOpens") == 1)
        check("-n shows nothing and keeps it", run(COMMAND, "nstat", "-n").stdout == ""
              and "TcpPassiveOpens" not in shown("-s"))
        folder = pathlib.Path(os.environ["XDG_RUNTIME_DIR"]) / "lastack"
        check("the history lies beside the socket, per host",
              (folder / f"{served.process.pid}.nstat").is_file(), list(folder.iterdir()))
        done = run(COMMAND, "nstat", "NoSuch*")
        check("a pattern that names nothing: exit code 3, and what to do",
              done.returncode == 3 and "nstat -az" in done.stderr, done)
    with Served("echo", "7"):
        check("another host begins anew", shown("-asz")["TcpPassiveOpens"] == 0)
        done = run("env", "-u", "XDG_RUNTIME_DIR", "-u", "XDG_CACHE_HOME", "-u", "HOME",
                   f"XDG_RUNTIME_DIR={os.environ['XDG_RUNTIME_DIR']}", COMMAND, "nstat", "-s")
        check("it needs nothing else of the environment", done.returncode == 0, done.stderr)
    left = list(folder.glob("*.nstat"))
    check("no history of hosts that are gone stays for long", len(left) <= 1, left)
    done = run(COMMAND, "nstat")
    check("no host: exit code 3", done.returncode == 3 and "no host runs here" in done.stderr, done)


def main(_):
    names()
    scripted_talk()
    to_closed_ports()
    resets()
    acks()
    recoveries()
    duplicates()
    datagrams()
    history()


if __name__ == "__main__":
    sys.exit(in_namespace(main))
