#!/usr/bin/env python3
"""lastack connect and lastack relay against the kernel's sockets, over TUN devices in a network
namespace of the test's own."""
import contextlib
import hashlib
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from lab import (COMMAND, KERNEL_V4, KERNEL_V6, MIB, V4, V6, check, connect, in_namespace, kernel_states,
                 read_all, run, sockets_of, until)

DEVICE, RELAY_DEVICE = "lcn0", "lcn1"
OURS = {4: V4, 6: V6}
KERNEL = {4: KERNEL_V4, 6: KERNEL_V6}
RELAY = {4: "10.9.1.2", 6: "fd00:91::2"}
BEHIND = {4: "10.9.1.1", 6: "fd00:91::1"}  # the kernel's addresses on the relay's device


def device_options(name, ours, peers):
    options = ["--tun", name]
    for family, length in ((4, 24), (6, 64)):
        options += ["--ip", f"{ours[family]}/{length}", "--peer", peers[family]]
    return options


def command_line(*words, family=4, port=0):
    where = [KERNEL[family], str(port)] if port else []
    return [COMMAND, "connect", *words, *where, *device_options(DEVICE, OURS, KERNEL)]


def start(*words, family=4, port=0, **options):
    options.setdefault("stdin", subprocess.PIPE)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen(command_line(*words, family=family, port=port), **options)


def finish(process, data=b"", seconds=60):
    """(exit code, standard output, standard error)"""
    try:
        out, err = process.communicate(data, timeout=seconds)
    finally:
        if process.poll() is None:
            process.kill()
    return process.returncode, out, err.decode() if err else ""


def listening(family):
    """A listener of the kernel's, and its port."""
    listener = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
    listener.bind(("::" if family == 6 else "0.0.0.0", 0))
    listener.listen(100)
    listener.settimeout(60)
    return listener, listener.getsockname()[1]


@contextlib.contextmanager
def served(family, talk):
    """A server of the kernel's that calls talk(socket) once for each connection; yields its port. What
    talk() returns is kept in .results of the thread."""
    listener, port = listening(family)
    results = []

    def accept_all():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(60)
            with contextlib.suppress(OSError), sock:
                results.append(talk(sock))

    thread = threading.Thread(target=accept_all)
    thread.start()
    try:
        yield port, results
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def states(text):
    """The states that -v told, in their order."""
    return re.findall(r"^([A-Z_0-9]{6,})  ", text, re.M)


def digest(data):
    return hashlib.sha256(data).hexdigest()


# --- connect

def both_ways():
    there, back = os.urandom(20 * MIB), os.urandom(20 * MIB)

    def talk(sock):
        sender = threading.Thread(target=lambda: (sock.sendall(back), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        seen = read_all(sock)
        sender.join()
        return seen

    for family in (4, 6):
        with served(family, talk) as (port, results):
            code, out, err = finish(start("-N", family=family, port=port), there, 120)
        check(f"IPv{family}: 20 MiB each way at once, SHA-256 equal",
              code == 0 and digest(out) == digest(back) and results == [(20 * MIB, digest(there))],
              f"code {code}, {len(out)} octets back, {results}, {err}")


def files_both_ways(folder):
    """Regular files can't be waited for, and need not be."""
    data = os.urandom(5 * MIB)
    (folder / "in").write_bytes(data)
    with served(4, lambda sock: sock.sendall(pull(sock))) as (port, _):
        with open(folder / "in", "rb") as source, open(folder / "out", "wb") as sink:
            code, _, err = finish(start("-N", port=port, stdin=source, stdout=sink))
    check("from a file and into one", code == 0 and (folder / "out").read_bytes() == data, err)


def pull(sock):
    data = b""
    while part := sock.recv(MIB):
        data += part
    return data


def half_close_held():
    for family in (4, 6):
        listener, port = listening(family)
        process = start("-vN", family=family, port=port)
        sock, address = listener.accept()
        process.stdin.close()
        process.stdin = None
        ended = sock.recv(10) == b""
        held = until(lambda: kernel_states(port, local=True).get(address[:2]) == "CLOSE_WAIT")
        rows = sockets_of(run(COMMAND, "ss", "--json", "--pid", str(process.pid)))
        sock.sendall(b"still here")
        got = process.stdout.read(10)
        sock.close()
        code, out, err = finish(process)
        listener.close()
        check(f"IPv{family}: the server holds the half-closed connection, and is heard",
              ended and held and got == b"still here" and (code, out) == (0, b""), f"{code} {got}")
        check(f"IPv{family}: ss shows it in FIN_WAIT_2",
              [(r["state"], r["remote"].endswith(f":{port}")) for r in rows] == [("FIN_WAIT_2", True)],
              rows)
        wanted = ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"]
        check(f"IPv{family}: -v says the states in order", states(err) == wanted, err)


def server_closes_first():
    with served(4, lambda sock: sock.sendall(b"bye")) as (port, _):
        process = start("-v", port=port)
        out = process.stdout.read(3)
        told = b""
        while b"CLOSE_WAIT" not in told:
            told += process.stderr.readline()
        waits = process.poll() is None
        code, _, err = finish(process)
    wanted = ["SYN_SENT", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"]
    check("the server closes first: it goes on until standard input ends",
          out == b"bye" and waits and code == 0, f"{out} {code}")
    check("-v says the states in order there, too", states(told.decode() + err) == wanted, err)


def without_n():
    """The end of standard input is not told; what was read before it arrives."""
    def talk(sock):
        first = sock.recv(100)
        sock.settimeout(0.5)
        try:
            return first, sock.recv(100)
        except TimeoutError:
            return first, "nothing"

    with served(4, talk) as (port, results):
        code, _, err = finish(start(port=port), b"line\n")
    check("without -N the connection stays open at the end of standard input",
          code == 0 and results == [(b"line\n", "nothing")], f"{code} {results} {err}")


def refused_and_reset():
    for family in (4, 6):
        listener, port = listening(family)
        listener.close()
        began = time.monotonic()
        code, _, err = finish(start(family=family, port=port))
        check(f"IPv{family}: refused", code == 1 and "refused the connection" in err
              and time.monotonic() - began < 10, f"{code} {err}")

        def reset(sock):
            sock.recv(1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        with served(family, reset) as (port, _):
            process = start("-v", family=family, port=port)
            process.stdin.write(b"x")
            process.stdin.flush()
            process.wait(20)  # although standard input is still open
            code, _, err = finish(process)
        check(f"IPv{family}: reset by the peer", code == 1 and "reset the connection" in err
              and states(err)[-2:] == ["ESTABLISHED", "CLOSED"], f"{code} {err}")


def silence():
    began = time.monotonic()
    code, _, err = finish(subprocess.Popen(
        [COMMAND, "connect", "-w", "1.5", "10.9.0.77", "9", *device_options(DEVICE, OURS, KERNEL)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE))
    took = time.monotonic() - began
    check("nobody answers: -w ends it, with the number of tries",
          code == 1 and re.search(r"no answer from 10\.9\.0\.77 port 9 after 2 tries in 1\.5 s", err)
          and 1.5 <= took < 10, f"{code} {took:.1f} s {err}")
    with served(4, lambda sock: sock.recv(1)) as (port, results):
        code, _, err = finish(start("-v", "-w", "0.5", port=port, stdin=subprocess.PIPE), b"")
    check("idle for the time of -w: it closes in order", code == 0 and "idle for 0.5 s" in err
          and results == [b""], f"{code} {err}")


def unreachable():
    """A namespace beyond ours answers with ICMP: nothing is routed further there."""
    run("ip", "route", "add", "unreachable", "10.77.0.0/16")
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    process = subprocess.Popen(
        [COMMAND, "connect", "-w", "3", "10.77.0.1", "9", *device_options(DEVICE, OURS, KERNEL)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    code, _, err = finish(process)
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
    check("unreachable: a router says so", code == 1 and "is unreachable: a router says so (ICMP)" in err,
          f"{code} {err}")


def small_things():
    with served(6, lambda sock: (sock.getpeername()[1], sock.recv(1))) as (port, results):
        code, out, err = finish(start("-zv", "-p", "4711", family=6, port=port))
    check("-z connects and closes, -p from the port it names",
          (code, out, results) == (0, b"", [(4711, b"")]), f"{code} {results} {err}")
    for words, code, text in (
            (["-6", "10.9.0.1", "7"], 2, "'10.9.0.1' is no IPv6 address"),
            (["nowhere.invalid", "7"], 2, "/etc/hosts has no address for that name"),
            (["10.9.0.1", "0"], 2, "1 to 65535"),
            (["-4", "-6", "localhost", "7"], 2, "-4")):
        done = run(*command_line(*words), stdin=subprocess.DEVNULL)
        check(f"{' '.join(words)} is wrong usage", done.returncode == code and text in done.stderr,
              f"{done.returncode} {done.stderr}")
    done = run(COMMAND, "connect", "fd00::1", "7", "--tun", DEVICE, "--ip", "10.9.0.2/24",
               stdin=subprocess.DEVNULL)
    check("no address of that family is said clearly",
          done.returncode == 2 and "has no IPv6 address" in done.stderr, done.stderr)


def held_up():
    """A reader that does not read stops the sender, on both sides; both go on afterwards."""
    sent = []

    def pour(sock):
        sock.settimeout(None)
        block = bytes(MIB)
        for _ in range(64):
            sock.sendall(block)
            sent.append(len(block))

    with served(4, pour) as (port, _):
        process = start(port=port)
        stuck = until(lambda: len(sent) > 0 and steady(lambda: len(sent)), 20)
        check("standard output is not read: the server is stopped", stuck and sum(sent) < 40 * MIB,
              f"{sum(sent)} octets")
        size = 0
        while part := process.stdout.read(MIB):
            size += len(part)
            if size == 64 * MIB:
                process.stdin.close()
                process.stdin = None
        code, _, err = finish(process)
    check("and all of it arrives once it is read", (code, size) == (0, 64 * MIB), f"{code} {size} {err}")

    listener, port = listening(4)
    process = start("-N", port=port)
    sock, _ = listener.accept()
    written = []

    def push():
        piece = MIB // 16  # on a way this short less than a MiB may wait to be sent
        for _ in range(64 * 16):
            process.stdin.write(bytes(piece))
            written.append(piece)
        process.stdin.close()

    thread = threading.Thread(target=push)
    thread.start()
    stuck = until(lambda: len(written) > 0 and steady(lambda: len(written)), 20)
    check("the server does not read: standard input is left alone",
          stuck and sum(written) < 40 * MIB, f"{sum(written)} octets")
    size, _ = read_all(sock)
    thread.join()
    process.stdin = None
    sock.close()
    listener.close()
    code, _, err = finish(process)
    check("and all of it is sent once it is read", (code, size) == (0, 64 * MIB), f"{code} {size} {err}")


def steady(number, seconds=0.7):
    """Whether a number stays as it is for a while."""
    before = number()
    return not until(lambda: number() != before, seconds)


def nobody_reads_output():
    """The reader of standard output goes: its direction is shut, the other goes on."""
    def talk(sock):
        sock.sendall(b"x" * 100)
        return pull(sock)

    with served(4, talk) as (port, results):
        process = start("-v", port=port)
        process.stdout.read(100)
        process.stdout.close()
        process.stdout = None
        process.stdin.write(b"first ")
        process.stdin.flush()
        process.stdin.write(b"second")
        code, _, err = finish(process)
    check("standard output is closed: what is written still arrives",
          (code, results) == (0, [b"first second"]), f"{code} {results} {err}")


def signals():
    for number in (signal.SIGINT, signal.SIGTERM):
        listener, port = listening(4)
        process = start("-v", port=port)
        sock, _ = listener.accept()
        process.stdin.write(b"x")
        process.stdin.flush()
        first = sock.recv(1)
        process.send_signal(number)
        code, _, err = finish(process)
        try:
            answer = sock.recv(1)
        except ConnectionResetError:
            answer = "reset"
        check(f"{number.name} resets the connection and ends the command",
              (code, first, answer) == (-number, b"x", "reset") and states(err)[-1] == "CLOSED",
              f"{code} {answer} {err}")
        sock.close()
        listener.close()


# --- relay

class Relay:
    """lastack relay to the kernel's port, for as long as the block lasts."""

    def __init__(self, family, port):
        self.command = [COMMAND, "relay", "80", BEHIND[family], str(port),
                        *device_options(RELAY_DEVICE, RELAY, BEHIND)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.said, _ = self.process.communicate(timeout=20)

    def states(self):
        rows = sockets_of(run(COMMAND, "ss", "--json", "--pid", str(self.process.pid)))
        return sorted(r["state"] for r in rows if r["state"] != "LISTEN")


def relay_both_ways():
    there, back = os.urandom(20 * MIB), os.urandom(20 * MIB)

    def talk(sock):
        seen = read_all(sock)
        sock.sendall(back)
        return seen

    for family in (4, 6):
        with served(10 - family, talk) as (port, results), Relay(10 - family, port) as relay:
            with connect(RELAY[family], 80) as sock:
                sock.sendall(there)
                sock.shutdown(socket.SHUT_WR)
                seen = read_all(sock)
        check(f"relay: IPv{family} in, IPv{10 - family} out, 20 MiB, half-closed, 20 MiB back",
              seen == (20 * MIB, digest(back)) and results == [(20 * MIB, digest(there))],
              f"{seen[0]} octets")
        check("relay: and says so at its end",
              "1 accepted, 1 ended by both sides, 0 reset, 0 not connected" in relay.said, relay.said)


def relay_half_close():
    listener, port = listening(4)
    with Relay(4, port) as relay:
        sock = connect(RELAY[4], 80)
        server, _ = listener.accept()
        server.settimeout(30)
        sock.shutdown(socket.SHUT_WR)
        ended = server.recv(1) == b""
        good = until(lambda: relay.states() == ["CLOSE_WAIT", "FIN_WAIT_2"])
        check("relay: a FIN goes across, and ss shows both legs half-closed", ended and good,
              relay.states())
        server.sendall(b"still here")
        heard = sock.recv(10)
        server.close()
        check("relay: the other direction goes on, until its own FIN",
              (heard, sock.recv(1)) == (b"still here", b""), heard)
        sock.close()

        sock = connect(RELAY[4], 80)
        server, _ = listener.accept()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        server.settimeout(30)
        try:
            answer = server.recv(1)
        except ConnectionResetError:
            answer = "reset"
        check("relay: a reset goes across as a reset", answer == "reset", answer)
        server.close()
        listener.close()
        try:
            sock = connect(RELAY[4], 80)
            answer = sock.recv(1)
        except ConnectionResetError:
            answer = "reset"
        check("relay: nobody listens behind it: reset", answer == "reset", answer)
        sock.close()


def relay_many():
    with served(4, lambda sock: sock.sendall(pull(sock))) as (port, _), Relay(4, port):
        data = os.urandom(100_000)
        socks = [connect(RELAY[4], 80) for _ in range(50)]
        results = []

        def talk(sock):
            with sock:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                results.append(read_all(sock) == (len(data), digest(data)))

        threads = [threading.Thread(target=talk, args=(s,)) for s in socks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    check("relay: 50 connections at once", results == [True] * 50, results)


def main(folder):
    parts = [both_ways, lambda: files_both_ways(folder), half_close_held, server_closes_first,
             without_n, refused_and_reset, silence, unreachable, small_things, held_up,
             nobody_reads_output, signals, relay_both_ways, relay_half_close, relay_many]
    for part in parts:
        part()


if __name__ == "__main__":
    sys.exit(in_namespace(main))
