#!/usr/bin/env python3
"""The way out of `lastack run`, and into it: programs of a run and sockets of the machine (--allow-host, --publish).
As an ordinary user, in a network namespace of its own, whose kernel is the world."""
import contextlib
import hashlib
import os
import socket
import struct
import subprocess
import sys
import textwrap
import threading

from lab import MIB, check, in_namespace, must, sockets_of, until
from run import PYTHON, Folder

WORLD = "192.0.2.1"  # an address of the machine that is not its loopback
NOBODY = "192.0.2.9"  # on the same network, which carries nothing

COMMON = """
import errno, hashlib, os, socket, struct, sys, time
def all_of(connection):
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)
def name(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
def to(address, port):
    return socket.create_connection((address, port))
def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
"""
exec(COMMON)  # noqa: S102: the world's end says the same with the same words


class World:
    """A server of the machine's: each connection goes to `serve` on a thread of its own."""

    def __init__(self, serve, address="127.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        dual = address == "::"  # IPv4 as well
        self.listener = socket.create_server((address, 0), family=family, backlog=512, dualstack_ipv6=dual)
        self.port = self.listener.getsockname()[1]
        self.serve, self.threads = serve, []

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.threads.append(threading.Thread(target=self.one, args=(connection,), daemon=True))
                self.threads[-1].start()

    def one(self, connection):
        with connection, contextlib.suppress(ConnectionError):
            self.serve(connection)

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(20)
        check("the world's ends are over, too", not any(thread.is_alive() for thread in self.threads))


def out(at, text, *arguments, options=()):
    """The program under `lastack run --allow-host`."""
    return at.run(at.command, "run", "--allow-host", *options, "--", PYTHON, "-c", COMMON + textwrap.dedent(text),
                  *arguments)


# --- out of the run


def octets_and_ends(at):
    content = os.urandom(32 * MIB)
    (at.path / "content").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    for address, machine in (("10.0.2.2", "127.0.0.1"), ("fd00:2::2", "::1"), (WORLD, WORLD)):
        with World(lambda c: (c.sendall(content), c.shutdown(socket.SHUT_WR), c.recv(1)), machine) as world:
            done = out(at, """
                print(hashlib.sha256(all_of(to(sys.argv[1], sys.argv[2]))).hexdigest())
                """, address, world.port)
        check(f"{address}: 32 MiB come in, all of them", done.stdout.strip() == digest, done.stdout, done.stderr)
        came = []
        with World(lambda c: (came.append(all_of(c)), c.sendall(b"all of it")), machine) as world:
            done = out(at, """
                connection = to(sys.argv[1], sys.argv[2])
                connection.sendall(open("content", "rb").read())
                connection.shutdown(socket.SHUT_WR)
                print(all_of(connection).decode())
                """, address, world.port)
        check(f"{address}: 32 MiB go out, and the answer comes after the program's end",
              came == [content] and done.stdout == "all of it\n", done.stdout, done.stderr)
    with World(lambda c: (c.shutdown(socket.SHUT_WR), came.append(all_of(c)))) as world:
        out(at, """
            connection = to("10.0.2.2", sys.argv[1])
            assert connection.recv(1) == b""
            connection.sendall(b"still " * 100_000)
            """, world.port)
    check("the world ends first, and the program goes on sending", came[-1] == b"still " * 100_000)


def resets(at):
    with World(lambda c: (c.sendall(b"last words"), reset(c))) as world:
        done = out(at, """
            connection = to("10.0.2.2", sys.argv[1])
            print(connection.recv(100), name(connection.recv, 100))
            """, world.port)
    check("the world's reset comes behind what it had sent", done.stdout == "b'last words' ECONNRESET\n", done.stdout)
    with World(lambda c: (c.shutdown(socket.SHUT_WR), c.recv(1), reset(c))) as world:
        done = out(at, """
            connection = to("10.0.2.2", sys.argv[1])
            ended = connection.recv(1)
            connection.sendall(b"x")
            while (answer := name(connection.send, b"y")) == 1:
                time.sleep(0.01)
            print(ended, answer)
            """, world.port)
    check("one that comes after the world's end is told by EPIPE", done.stdout == "b'' EPIPE\n", done.stdout)
    told = []
    with World(lambda c: told.extend([c.recv(100), name(c.recv, 100)])) as world:
        out(at, """
            connection = to("10.0.2.2", sys.argv[1])
            connection.sendall(b"mine")
            time.sleep(0.2)
            reset(connection)
            """, world.port)
        until(lambda: len(told) == 2)
    check("and the program's reset becomes the machine's", told == [b"mine", "ECONNRESET"], told)


def no_way(at):
    done = out(at, """
        with socket.create_server(("", 9)):  # of the run, and not the one that is sought
            print(name(to, "10.0.2.2", 9), name(to, "fd00:2::2", 9), name(to, "198.51.100.1", 9))
        other = socket.socket()
        other.setblocking(False)
        print(name(other.connect, ("192.0.2.1", 9)))
        time.sleep(0.2)
        print(errno.errorcode[other.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])
        """)
    check("a refusal is the program's, and so is that there is no way",
          done.stdout == "ECONNREFUSED ECONNREFUSED ENETUNREACH\nEINPROGRESS\nECONNREFUSED\n", done.stdout, done.stderr)
    run = at.start(at.command, "run", "--allow-host", "--", PYTHON, "-c",
                   COMMON + f"to('{NOBODY}', 9)", stderr=subprocess.DEVNULL)

    def row():
        rows = sockets_of(at.run(at.command, "ss", "-tan", "--json"))
        return next((row for row in rows if row["remote"] == f"{NOBODY}:9"), None)

    seen = until(row)
    check("while nobody answers the machine the program's connection is in SYN_SENT, and so is the machine's",
          seen and seen["state"] == seen["machine"]["state"] == "SYN_SENT", seen)
    run.send_signal(15)
    run.wait(20)


def a_slow_world(at):
    release = threading.Event()
    count = []
    with World(lambda c: (release.wait(60), count.append(len(all_of(c))))) as world:
        run = at.start(at.command, "run", "--allow-host", "--", PYTHON, "-c", COMMON + textwrap.dedent("""
            connection = to("10.0.2.2", sys.argv[1])
            connection.settimeout(1)
            sent = 0
            try:
                while True:
                    sent += connection.send(bytes(1 << 16))
            except TimeoutError:
                print(sent, flush=True)
            """), str(world.port), stdout=subprocess.PIPE)
        sent = int(run.stdout.readline())
        release.set()
        until(lambda: count)
        run.wait(20)
    check("who does not read closes the program's window", sent < 64 * MIB, sent)
    check("and has all of it in the end", count == [sent], count, sent)


def many(at):
    with World(lambda c: c.sendall(c.recv(100).upper())) as world:
        done = out(at, """
            all = [to("10.0.2.2", sys.argv[1]) for _ in range(300)]
            for i, one in enumerate(all):
                one.sendall(b"number %d" % i)
            print(sum(all_of(one) == b"NUMBER %d" % i for i, one in enumerate(all)))
            """, world.port)
    check("300 connections at once, each with its own answer", done.stdout == "300\n", done.stdout, done.stderr)


def small_writes(at):
    """Who switches Nagle's algorithm off is not held back between the two connections: not for the 40 ms that an
    acknowledgement may take."""
    rounds = 25

    def serve(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while connection.recv(2, socket.MSG_WAITALL) == b"ab":
            for octet in (b"c", b"d"):
                connection.sendall(octet)

    with World(serve) as world:
        done = out(at, """
            connection = to("10.0.2.2", sys.argv[1])
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            took = []
            for _ in range(int(sys.argv[2])):
                begun = time.monotonic()
                for octet in (b"a", b"b"):
                    connection.sendall(octet)
                assert connection.recv(2, socket.MSG_WAITALL) == b"cd"
                took.append(time.monotonic() - begun)
            print(sorted(took)[len(took) // 2])
            """, world.port, rounds)
    check("small writes go on at once, in both directions", 0 < float(done.stdout or 0) < 0.02,
          done.stdout, done.stderr)


def over_a_bad_wire(at):
    content = os.urandom(1 * MIB)
    with World(lambda c: c.sendall(content)) as world:
        done = out(at, 'print(hashlib.sha256(all_of(to("10.0.2.2", sys.argv[1]))).hexdigest())', world.port,
                   options=("--wire", "loss=2%,delay=2ms,jitter=1ms"))
    check("--wire makes the way there a bad one, and everything comes",
          done.stdout.strip() == hashlib.sha256(content).hexdigest(), done.stdout, done.stderr)


# --- datagrams


def answers(address, port, answer):
    """A server of the machine's for datagrams; until it is closed."""
    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                octets, sender = server.recvfrom(65536)
                server.sendto(answer(octets), sender)

    threading.Thread(target=serve, daemon=True).start()
    return server


def datagrams(at):
    for address, machine in (("10.0.2.2", "127.0.0.1"), ("fd00:2::2", "::1"), (WORLD, WORLD)):
        with answers(machine, 0, bytes.upper) as server:
            done = out(at, """
                to = (sys.argv[1], int(sys.argv[2]))
                family = socket.AF_INET6 if ":" in to[0] else socket.AF_INET
                one, other = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
                one.connect(to)
                for size in (0, 1, 1400, 60_000):
                    one.send(b"a" * size)
                    assert one.recv(65536) == b"A" * size, size
                for i in range(200):
                    other.sendto(b"number %d" % i, to)
                    octets, sender = other.recvfrom(65536)
                    assert octets == b"NUMBER %d" % i and sender[:2] == to, (octets, sender)
                print("answered")
                """, address, server.getsockname()[1])
        check(f"{address}: datagrams go out, and the answers come from there", done.stdout == "answered\n", done.stdout,
              done.stderr)
    done = out(at, """
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.connect(("10.0.2.2", 9))
        print(one.send(b"x"), name(one.recvfrom, 1))
        """)
    check("that nobody receives is told", done.stdout == "1 ECONNREFUSED\n", done.stdout, done.stderr)
    done = at.under(PYTHON, "-c", COMMON + textwrap.dedent("""
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        print(name(one.sendto, b"x", ("192.0.2.1", 9)), name(one.connect, ("192.0.2.1", 9)))
        """))
    check("without --allow-host there is no way", done.stdout == "ENETUNREACH ENETUNREACH\n", done.stdout, done.stderr)


def as_for(address):
    """Answers each question for a name's addresses with one, where it is asked for that family."""
    wanted = 28 if ":" in address else 1
    octets = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)

    def answer(question):
        end = question.index(b"\0", 12) + 5
        asked = int.from_bytes(question[end - 4:end - 2], "big")
        found = asked == wanted
        record = b"\xc0\x0c" + struct.pack(">HHIH", wanted, 1, 60, len(octets)) + octets
        head = question[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, found, 0, 0)
        return head + question[12:end] + (record if found else b"")

    return answer


def names(at):
    hosts = at.path / "resolv.conf"
    hosts.write_text("nameserver 127.0.0.53\n")
    must("mount", "--bind", hosts, "/etc/resolv.conf")
    with answers("127.0.0.53", 53, as_for(WORLD)), World(lambda c: c.sendall(b"found"), WORLD) as world:
        done = out(at, 'print(all_of(to("some.name.example", sys.argv[1])))', world.port)
        check("names are found as the machine finds them, also where it asks itself", done.stdout == "b'found'\n",
              done.stdout, done.stderr)
        done = out(at, 'print(all_of(to("localhost", sys.argv[1])))', world.port)
        check("but localhost is the run's own", "ConnectionRefusedError" in done.stderr, done.stdout, done.stderr)
    must("umount", "/etc/resolv.conf")


# --- into the run


@contextlib.contextmanager
def published(at, text, *publish):
    options = [word for one in publish for word in ("--publish", one)]
    run = at.start(at.command, "run", *options, "--", PYTHON, "-u", "-c", COMMON + textwrap.dedent(text),
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check(f"the server of {' '.join(publish)} is up", run.stdout.readline() == "up\n")
    yield run
    run.stdin.close()
    check("and ends", run.wait(20) == 0)


SERVER = """
    server = socket.create_server((%r, 80), family=%s)
    print("up")
    for _ in range(%d):
        connection, peer = server.accept()
        print(peer[0])
        connection.sendall(all_of(connection).upper())
        connection.close()
    sys.stdin.read()
    """


def says(address, port, text):
    with socket.create_connection((address, port)) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        return all_of(connection)


def into_the_run(at):
    with published(at, SERVER % ("", "socket.AF_INET", 2), "50080:80", "0.0.0.0:50081:80") as run:
        check("a published port leads to the server, half-close and all", says("127.0.0.1", 50080, b"hello") == b"HELLO")
        check("who comes from the machine's loopback is 10.0.2.2", run.stdout.readline() == "10.0.2.2\n")
        check("a port of all addresses does as well", says(WORLD, 50081, b"x" * MIB) == b"X" * MIB)
        check("and who comes from elsewhere is who it is", run.stdout.readline() == f"{WORLD}\n")
    with published(at, SERVER % ("::1", "socket.AF_INET6", 1), "[::1]:50082:80") as run:
        check("a server on the run's loopback is found, IPv6", says("::1", 50082, b"six") == b"SIX")
        check("with who it is", run.stdout.readline() == "fd00:2::2\n")
    with published(at, SERVER % ("127.0.0.1", "socket.AF_INET", 1), "50083:80", "50084:81") as run:
        check("so is one on IPv4's", says("127.0.0.1", 50083, b"four") == b"FOUR")
        check("where nobody listens there is a reset", name(says, "127.0.0.1", 50084, b"") == "ECONNRESET")
    with socket.create_server(("127.0.0.1", 50085)):
        done = at.run(at.command, "run", "--publish", "50085:80", "true")
        check("a port that is taken is said", done.returncode == 1 and
              "can't listen at 127.0.0.1:50085: Address already in use" in done.stderr and
              "choose another port" in done.stderr, done.stderr)
    done = at.run(at.command, "run", "--publish", "80", "true")
    check("so is what makes no sense", done.returncode == 2 and "as in 8080:80" in done.stderr, done.stderr)


def nothing_is_left(at):
    sockets = must("ss", "-Htan", "state", "connected", "exclude", "time-wait")
    check("no connection of the machine is left", until(lambda: must(
        "ss", "-Htan", "state", "connected", "exclude", "time-wait") == ""), sockets)


def main(folder):
    folder.chmod(0o755)
    must("ip", "tuntap", "add", "dev", "world0", "mode", "tun")
    must("ip", "address", "add", f"{WORLD}/24", "dev", "world0")
    must("ip", "link", "set", "world0", "up")
    at = Folder(folder)
    for part in (octets_and_ends, resets, no_way, a_slow_world, many, small_writes, over_a_bad_wire, datagrams, names,
                 into_the_run, nothing_is_left):
        part(at)
    must("ip", "link", "delete", "world0")


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--mount"))
