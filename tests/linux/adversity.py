#!/usr/bin/env python3
"""What goes wrong around a host: a server that accepts nobody, a peer whose network namespace goes, octets that
nobody reads, a device that is deleted, a full disk, peers that send garbage, an interrupt at any time. Others go
on, it is said clearly what has happened, and nothing is left behind."""
import contextlib
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

from lab import (COMMAND, KERNEL_V4, KERNEL_V6, KIB, MIB, V4, V6, Namespace, Served, check, connect, devices,
                 end_of, in_namespace, must, run, until)

HOSTS = {4: V4, 6: V6}
DEVICE = ["--tun", "la0", "--ip", f"{V4}/24", "--peer", KERNEL_V4, "--ip", f"{V6}/64", "--peer", KERNEL_V6]
SERVICES = ("echo", "7", "sink", "9", "source", "19", "turn", "90=100000", "forget", "8", "http", "80=.")


def memory(served):
    """Octets that the process has in memory."""
    status = pathlib.Path(f"/proc/{served.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * KIB


def echoes(sock, octets=b"still there?"):
    sock.sendall(octets)
    return sock.recv(len(octets)) == octets


def is_reset(sock):
    """Reads to the end; whether that is a reset."""
    sock.settimeout(20)
    try:
        while sock.recv(MIB):
            pass
    except ConnectionResetError:
        return True
    except OSError:
        pass
    return False


# --- an accept queue that nobody empties

WAIT, CALLERS = 16, 400


def call(family):
    sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
    sock.setblocking(False)
    sock.connect_ex((HOSTS[family], 99))
    return sock


def nobody_accepts():
    with Served("ignore", f"99={WAIT}", "echo", "7") as served:
        others = {family: connect(host, 7) for family, host in HOSTS.items()}
        before = memory(served)
        for family in (4, 6):
            callers = [call(family) for _ in range(CALLERS)]
            mine = {end_of(sock) for sock in callers}
            waiting = lambda: [end for end, state in served.states(99).items()
                               if state == "ESTABLISHED" and end in mine]
            full = until(lambda: len(waiting()) == WAIT + 1)  # one more than the backlog, as in Linux
            check(f"IPv{family}: as many wait as may", full, len(waiting()))
            listed = [row for row in served.rows() if row["state"] == "LISTEN" and row["local"].endswith(":99")]
            check(f"IPv{family}: and ss shows it", (WAIT + 1, WAIT) in [(row["recv_q"], row["send_q"]) for row in listed],
                  listed)
            ends = set(waiting())
            for sock in callers:
                if end_of(sock) in ends:
                    sock.sendall(b"x" * 1000)
            kept = lambda: sum(row["recv_q"] == 1000 for row in served.rows() if row["local"].endswith(":99"))
            check(f"IPv{family}: what those say who wait is kept for whoever accepts them",
                  until(lambda: kept() >= WAIT), kept())
            check(f"IPv{family}: and others go on", echoes(others[family]))
            for sock in callers:
                sock.close()
        overflows = served.counters()["accept_queue_full"]
        check("it is counted", overflows > CALLERS // 2, overflows)
        shown = must(COMMAND, "nstat", "-asz", "TcpExtListenOverflows").split()
        check("under the kernel's name", int(shown[2]) >= overflows, shown)
        check("memory is bounded", memory(served) - before < 16 * MIB, memory(served) - before)
    for sock in others.values():
        sock.close()


# --- a peer whose network namespace goes

FAR = {4: "10.7.0.2", 6: "fd00:7::2"}


@contextlib.contextmanager
def far_away():
    """A namespace behind this one."""
    far = Namespace()
    try:
        for where in (must, far.run):  # whose addresses are theirs at once
            where("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
        must("ip", "link", "add", "far0", "type", "veth", "peer", "far1", "netns", str(far.pid))
        must("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for where, device, host in ((must, "far0", 1), (far.run, "far1", 2)):
            where("ip", "link", "set", device, "up")
            where("ip", "addr", "add", f"10.7.0.{host}/24", "dev", device)
            where("ip", "addr", "add", f"fd00:7::{host}/64", "dev", device, "nodad")
        far.run("ip", "route", "add", "default", "via", "10.7.0.1")
        far.run("ip", "route", "add", "default", "via", "fd00:7::1")
        yield far
    finally:
        far.end()
        run("ip", "link", "del", "far0")  # which else goes with the other end, a little later


def goes_without_a_word(far, socks):
    """Its sockets would say that they close: their link is gone before."""
    far.run("ip", "link", "set", "far1", "down")
    for sock in socks:
        sock.close()
    far.end()


def the_peer_goes():
    with Served("source", "19", "echo", "7", more=["--user-timeout", "2"]) as served:
        near = {family: connect(host, 7) for family, host in HOSTS.items()}
        with far_away() as far:
            socks = []
            for family, host in HOSTS.items():
                sock = far.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
                sock.settimeout(30)
                sock.connect((host, 19))
                sock.recv(MIB)
                socks.append(sock)
            there = len(served.states(19)) == 2
            goes_without_a_word(far, socks)
        check("the peer's network namespace goes in the middle of a transfer: the user timeout ends it",
              there and until(lambda: served.states(19) == {}), served.states(19))
        ended = lambda: int(must(COMMAND, "nstat", "-asz", "TcpExtTCPAbortOnTimeout").split()[2])
        check("and it is counted", ended() == 2, ended())
        for family, sock in near.items():
            check(f"IPv{family}: and others go on", echoes(sock))
            sock.close()


def the_server_goes():
    for family in (4, 6):
        with far_away() as far:
            listener = far.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
            listener.bind(("::" if family == 6 else "0.0.0.0", 0))
            listener.listen()
            listener.settimeout(30)
            with subprocess.Popen([COMMAND, "connect", FAR[family], str(listener.getsockname()[1]), *DEVICE,
                                   "--user-timeout", "2"], stdin=open("/dev/zero"), stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True) as process:
                sock, _ = listener.accept()
                sock.recv(MIB)
                goes_without_a_word(far, [sock, listener])
                _, err = process.communicate(timeout=60)
        check(f"IPv{family}: the server's namespace goes: connect says so, and fails", process.returncode == 1
              and err.startswith("lastack: ") and "answers no more" in err, process.returncode, err)


# --- octets that nobody reads

def unread():
    """serve ends while an echo is stuck: each side has its buffers full of what the other does not read. The last
    octet that we sent was a probe that the kernel did not take, and then its window opens: so it challenges the
    reset, which stands behind that octet, and somebody has to answer."""
    for more in ([], ["--no-offload"]):
        for family, host in HOSTS.items():
            name = " ".join([f"IPv{family}", *more])
            with Served("echo", "7", more=more) as served, \
                    socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.connect((host, 7))
                sock.setblocking(False)
                stuck = until(lambda: fills(sock) or probes(served))
                served.process.send_signal(signal.SIGSTOP)
                read_what_is_there(sock)
                served.process.send_signal(signal.SIGTERM)
                served.process.send_signal(signal.SIGCONT)
                check(f"{name}: serve closes with octets unread, challenged: the kernel is reset",
                      stuck and is_reset(sock), stuck)
            check(f"{name}: and serve ends well", served.code == 0, served.code)


def read_what_is_there(sock):
    with contextlib.suppress(BlockingIOError):
        while sock.recv(65536):
            pass


def fills(sock):
    """Sends as much as is taken."""
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(b"x" * 65536)


def probes(served):
    """Whether our one connection has octets unread, and asks a closed window."""
    return [row for row in served.rows() if row["state"] == "ESTABLISHED" and row["recv_q"] > 0
            and row.get("timer", {}).get("name") == "persist" and row["tcp"]["unacked_octets"] == 1]


# --- a device that is deleted meanwhile

def started(*words, ready=lambda process: process.stdout.readline() == "ready\n", **options):
    process = subprocess.Popen([COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               **options)
    assert ready(process)
    return process


def device_deleted():
    listener = socket.create_server(("0.0.0.0", 0))
    port = str(listener.getsockname()[1])
    is_open = lambda process: listener.accept()
    for words, ready in ((["serve", "echo", "7"], None), (["relay", "80", KERNEL_V4, port], None),
                         (["connect", KERNEL_V4, port], is_open)):
        options = {"ready": ready} if ready else {}
        process = started(*words, *DEVICE, stdin=subprocess.PIPE, **options)
        must("ip", "link", "del", "la0")
        _, err = process.communicate(timeout=30)
        said = err.strip().splitlines()
        check(f"{words[0]}: its device is deleted: it says so, and what to do", process.returncode == 1
              and len(said) == 2 and said[0] == "lastack: la0 was deleted, and all connections with it"
              and "ip tuntap add dev la0" in said[1], process.returncode, err)
        check(f"{words[0]}: and its control socket goes", not control_sockets())
    listener.close()


def control_sockets():
    return list(pathlib.Path(os.environ["XDG_RUNTIME_DIR"]).glob("lastack/*.sock"))


# --- a full disk

def disk_full(folder):
    small = folder / "small"
    small.mkdir()
    must("mount", "-t", "tmpfs", "-o", "size=16k", "none", small)
    try:
        with Served("echo", "7", "source", "19") as served:
            with connect(V4, 7) as sock:
                good = all(echoes(sock, b"%d" % i) for i in range(400))
            for words in (["-w", small / "a.pcapng"], ["-f", "--all", "-w", small / "b.pcapng"]):
                done = run(COMMAND, "trace", "--pid", served.pid, *words, timeout=60)
                check(f"trace {' '.join(map(str, words[:-1]))} on a full disk: it says so, and what to do",
                      good and done.returncode == 1 and "No space left on device\n" in done.stderr
                      and f"lastack: can't write all of {words[-1]}" in done.stderr and "make room" in done.stderr,
                      done)
                words[-1].unlink()
            check("the host goes on", echoes(connect(V6, 7)))
        listener = socket.create_server(("0.0.0.0", 0))
        with open(small / "c", "wb") as file:
            process = subprocess.Popen([COMMAND, "connect", KERNEL_V4, str(listener.getsockname()[1]), *DEVICE],
                                       stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE, text=True)
            sock, _ = listener.accept()
            with contextlib.suppress(ConnectionResetError):
                sock.sendall(b"x" * 100_000)
            process.wait(30)
            err = process.stderr.read()
        check("connect into a file on a full disk: it says so", process.returncode == 1
              and err == "lastack: can't write to standard output: No space left on device\n",
              process.returncode, err)
        process.stdin.close()
        process.stderr.close()
    finally:
        must("umount", small)


# --- garbage

def garbage(seed):
    """Octets of no meaning; some of them almost mean something to HTTP."""
    rng = random.Random(seed)
    octets = rng.randbytes(rng.choice((1, 100, 5000, 30_000)))
    if seed % 3 == 0:
        octets = rng.choice((b"GET ", b"GET /", b"HEAD / HTTP/1.1\r\n", b"\r\n\r\n")) + octets + b"\r\n\r\n"
    return octets


def talk_nonsense(host, port, seed):
    """One peer: what it says, and then it half-closes, closes or resets."""
    with connect(host, port) as sock:
        with contextlib.suppress(OSError):  # it may be reset at any time
            sock.sendall(garbage(seed))
            if seed % 4 == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif seed % 4 != 3:
                sock.shutdown(socket.SHUT_WR)
            if seed % 2:
                sock.settimeout(0.01)
                sock.recv(65536)


def nonsense():
    ports = (7, 9, 19, 90, 8, 80)
    with Served(*SERVICES) as served:
        others = {family: connect(host, 7) for family, host in HOSTS.items()}
        for family, host in HOSTS.items():
            for seed in range(120):
                talk_nonsense(host, ports[seed % len(ports)], seed * family)
            with connect(host, 80) as sock:
                sock.sendall(random.Random(family).randbytes(500) + b"\r\n\r\n")
                answer = sock.recv(MIB)
            check(f"IPv{family}: http says that it does not understand", answer.startswith(b"HTTP/1.1 400 "),
                  answer[:200])
            check(f"IPv{family}: garbage to each service: others go on", echoes(others[family]))
        # Those that never close keep what was half-closed; all the others are over.
        left = lambda: [state for port in (9, 90, 80, 19) for state in served.states(port).values()
                        if state not in ("TIME_WAIT", "FIN_WAIT_2")]
        check("and the garbage is over", until(lambda: left() == []), left())
    check("garbage to each service: serve ends well", served.code == 0, served.code)
    for sock in others.values():
        sock.close()


# --- an interrupt at any time

MOMENTS = 12


def interrupted(words, delay, **options):
    """(exit code, standard error) of a command that is interrupted so many seconds after it began."""
    process = subprocess.Popen([COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               **options)
    time.sleep(delay)  # there is no condition: any moment will do
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def at_any_time(name, words, codes, **options):
    began = time.monotonic()
    interrupted(words, 0.3, **options)
    longest = min(time.monotonic() - began, 0.4)
    before = devices()
    ended = [interrupted(words, longest * moment / MOMENTS, **options) for moment in range(MOMENTS)]
    wrong = [(code, err) for code, err in ended if code not in codes or "lastack: can't" in err]
    check(f"{name}: an interrupt at any time ends it", not wrong, *wrong)
    left = lambda: devices() != before
    check(f"{name}: with its device and its control socket", until(lambda: not left()), run("ip", "link").stdout)


def interrupts():
    listener = socket.create_server(("0.0.0.0", 0), backlog=64)
    port = str(listener.getsockname()[1])
    # Before it has said who is to be told of signals, one ends it as any program.
    at_any_time("serve", ["serve", *SERVICES, *DEVICE], (0, -signal.SIGINT))
    at_any_time("relay", ["relay", "80", KERNEL_V4, port, *DEVICE], (0, -signal.SIGINT))
    with open("/dev/zero", "rb") as zeros:
        at_any_time("connect", ["connect", KERNEL_V4, port, *DEVICE], (-signal.SIGINT,), stdin=zeros)
    check("no control socket is left of them", control_sockets() == [], control_sockets())
    with Served("echo", "7") as served:
        with connect(V4, 7) as sock:
            echoes(sock)
        for more in ([], ["-w", "/dev/null"]):
            at_any_time(" ".join(["trace -f", *more]), ["trace", "-f", "--pid", served.pid, *more],
                        (0, -signal.SIGINT))
    listener.close()


def main(folder):
    nobody_accepts()
    the_peer_goes()
    the_server_goes()
    unread()
    device_deleted()
    disk_full(folder)
    nonsense()
    interrupts()


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--mount"))
