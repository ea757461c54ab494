#!/usr/bin/env python3
"""What goes past a filter, or was there before it: io_uring, calls of 32 bits and of x32, sockets of all families,
types and protocols, sockets of the machine's that a run inherits or gets as its input. Each has its answer under
`lastack run`, and no packet of the machine's tells of it."""
import pathlib
import socket
import subprocess
import sys

from lab import ROOT, check, in_namespace
from run import Folder, PYTHON

OUTSIDE = ("127.0.0.1", 50001)
BESIDES = {"UNIX", "UNIX-STREAM", "NETLINK", "ALG"}  # of the kernel's, which a program may have


def packets():
    """That have passed the machine's loopback, the only device there is."""
    lines = pathlib.Path("/proc/net/dev").read_text().splitlines()
    return next(int(line.split()[2]) for line in lines if line.strip().startswith("lo:"))


def sockets():
    """{protocol: how many there are}, of this network."""
    rows = [line.split() for line in pathlib.Path("/proc/net/protocols").read_text().splitlines()[1:]]
    return {row[0]: int(row[2]) for row in rows if row[0] not in BESIDES and int(row[2]) > 0}


class Unseen:
    def __init__(self, at):
        self.at = at

    def command(self, *words):
        return [self.at.command, "run", "--", PYTHON, "unseen.py", *words]

    def tries(self, *words, **options):
        """{what: answer}; nothing of it is on the machine's network."""
        before = packets()
        done = self.at.run(*self.command(*words), **options)
        after = packets()
        check(f"{words[0]}: it goes through all it tries", done.returncode == 0, done.returncode, done.stdout, done.stderr)
        return dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line), after - before


def past_the_filter(unseen):
    for part in ("io_uring", "other_calls"):
        told, passed = unseen.tries(part)
        for what, answer in told.items():
            check(f"{what}: no such call", answer == "ENOSYS", answer)
        check(f"{part}: nothing is on the machine's network", told and passed == 0, passed)


def every_socket(unseen):
    before = packets(), sockets()
    run = unseen.at.start(*unseen.command("every_socket"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    lines = []
    while (line := run.stdout.readline().strip()) not in ("looked at", ""):
        lines.append(line)
    during = sockets()
    run.communicate("\n", timeout=60)
    told = dict(line.split(": ", 1) for line in lines if not line.startswith("had: "))
    had = {tuple(map(int, line.split()[1:])) for line in lines if line.startswith("had: ")}
    check("of the Internet's sockets TCP's and UDP's are had", had == {(domain, kind, protocol) for domain in (2, 10) for
          kind, protocol in ((1, 0), (1, 6), (2, 0), (2, 17))}, sorted(had))
    check("of the other families those that stay in the machine", set(told["domains"].split()) <= {
        str(int(family)) for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_ALG)},
          told["domains"])
    answers = {"SCTP": "EPROTONOSUPPORT", "SCTP, of messages": "ESOCKTNOSUPPORT", "MPTCP": "EPROTONOSUPPORT",
               "UDP-Lite": "EPROTONOSUPPORT", "DCCP": "ESOCKTNOSUPPORT", "ping": "EPROTONOSUPPORT", "raw": "EPERM",
               "SOCK_PACKET": "ESOCKTNOSUPPORT", "AF_PACKET": "EAFNOSUPPORT"}
    for what, answer in answers.items():
        check(f"{what}: {answer}", told[what] == answer, told[what])
    check("the machine's kernel has made none of them", during == before[1], before[1], during)
    check("and nothing is on its network", packets() == before[0])


def inherited(unseen):
    with socket.create_server(OUTSIDE) as server, socket.create_connection(OUTSIDE) as client, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packet, \
            socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        all_of_them = [one.fileno() for one in (server, client, datagrams, packet, raw)]
        told, passed = unseen.tries("inherited", *all_of_them, pass_fds=all_of_them)
        check("sockets of the machine's are not inherited", list(told.values()) == ["EBADF"] * 5 and passed == 0, told)


def as_input(unseen):
    """Who starts a run gives it its input. It leads where it led, and nowhere else."""
    with socket.create_server(OUTSIDE) as server:
        client = socket.create_connection(OUTSIDE)
        peer, _ = server.accept()
        peer.sendall(b"it is my input")
        told, _ = unseen.tries("as_input", "tcp", stdin=client)
        client.close()
        said = b""
        while octets := peer.recv(1000):
            said += octets
        peer.close()
        check("a connection as input is the program's, both ways", (told.pop("read"), told.pop("sendmsg"), said) ==
              ("it is my input", "done", b"it is my output!"), told, said)
        check("but leads nowhere else", set(told.values()) == {"EPERM"} and len(told) == 5, told)
        server.setblocking(False)
        check("so nobody has come", nobody_comes(server))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        outside.bind(OUTSIDE)
        told, passed = unseen.tries("as_input", "udp", stdin=own)
        check("nor does a socket for datagrams", set(told.values()) == {"EPERM"} and passed == 0, told, passed)


def nobody_comes(server):
    try:
        server.accept()
    except BlockingIOError:
        return True
    return False


def main(folder):
    folder.chmod(0o755)
    at = Folder(folder)
    (folder / "unseen.py").write_bytes((ROOT / "tests" / "run" / "unseen.py").read_bytes())
    unseen = Unseen(at)
    past_the_filter(unseen)
    every_socket(unseen)
    inherited(unseen)
    as_input(unseen)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
