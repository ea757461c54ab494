#!/usr/bin/env python3
"""Every pair of states that two ends can stand in, lastack's and the kernel's: brought about on purpose,
packet by packet over a paused link, and both sides' ss asked. The pairs and the steps are pairs.tsv's."""
import os
import pathlib
import signal
import socket
import subprocess
import sys

import lab
from lab import (COMMAND, KERNEL_V4, KERNEL_V6, V4, V6, Control, abortive, check, in_namespace, kernel_state,
                 must, quiet_tun, run, sockets_of, until)

TABLE = pathlib.Path(__file__).with_name("pairs.tsv")
STATES = ["LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING",
          "LAST_ACK", "TIME_WAIT", "CLOSED"]
PORTS = {"echo": 7, "forget": 8, "http": 80, "turn": 90, "nobody": 99}
OURS = {4: V4, 6: V6}
KERNEL = {4: KERNEL_V4, 6: KERNEL_V6}
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def rows():
    lines = [line.split("\t") for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    return lines[1:]


class Host:
    """A lastack host whose link is paused from the start."""

    def __init__(self, *words):
        device = ["--tun", "la0", "--ip", V4 + "/24", "--ip", V6 + "/64", "--paused"]
        self.process = subprocess.Popen([COMMAND, *words, *device], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if words[0] == "serve":
            self.process.stdout.readline()
        self.control = Control(self.process.pid)

    def passes_one(self, fate, way):
        return self.control.ask(fate, way=way)["packets"] == 1

    def end(self):
        """At once: a host asked to end would wait for its peers."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
        self.control.close()
        if os.path.exists(self.control.path):
            os.unlink(self.control.path)


class Server(Host):
    """One for many scenes. Its time stands still, so what a scene has left in it does nothing more."""

    def __init__(self, folder):
        super().__init__("serve", "echo", "7", "forget", "8", "http", f"80={folder}", "turn", "90=200000")

    def clear(self):
        for way in ("in", "out"):
            while self.passes_one("lose", way):
                pass


class Scene:
    """Two ends, a link between them that passes what it is told to, and steps by name."""

    def __init__(self, role, family, number, host):
        self.role, self.family, self.host = role, family, host
        # Ports of its own: what another scene has left is not mistaken for this one's.
        self.kernel_port, self.our_port = 20000 + number, 10000 + number
        self.listener = self.sock = None
        if host is not None:
            host.clear()
        elif role == "client":
            self.listener = self.kernel_socket()
            self.listener.listen()

    def kernel_socket(self):
        sock = socket.socket(socket.AF_INET6 if self.family == 6 else socket.AF_INET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((KERNEL[self.family], self.kernel_port))
        return sock

    # --- steps

    def step(self, text):
        first, _, second = text.partition(" ")
        if first == "open":
            return self.open(second)
        if first in ("in", "in*", "out", "out*"):
            return self.packet("pass", first)
        if first == "lose":
            return self.packet("lose", second)
        what, _, argument = second.partition(" ")
        return getattr(self, {"K": "kernel_", "A": "lastack_"}[first] + what)(*argument.split())

    def packet(self, fate, way):
        one = lambda: self.host.passes_one(fate, way.rstrip("*"))
        if not until(one):
            raise RuntimeError(f"no packet comes to {fate} {way}")
        while way.endswith("*") and one():
            pass

    def open(self, service):
        steps = [f"K connect {service}", "in", "out", "in"] if service else ["A connect", "out", "in", "out"]
        for step in steps:
            self.step(step)
        if not service:
            self.accept()

    def accept(self):
        self.listener.settimeout(20)
        self.sock, _ = self.listener.accept()
        self.listener.close()

    def kernel_connect(self, service=None):
        if service:
            self.our_port = PORTS[service]
        self.sock = self.kernel_socket()
        self.sock.setblocking(False)
        self.sock.connect_ex((OURS[self.family], self.our_port))

    def kernel_deaf(self):
        self.listener.close()

    def kernel_get(self):
        self.sock.send(REQUEST)

    def kernel_send(self):
        self.sock.send(b"more")

    def kernel_shut(self):
        self.sock.shutdown(socket.SHUT_WR)

    def kernel_abort(self):
        abortive(self.sock)
        self.sock.close()

    def lastack_connect(self):
        self.end_host()
        self.host = Host("connect", "-N", "--time-wait", "-p", str(self.our_port), KERNEL[self.family],
                         str(self.kernel_port))
        until(lambda: self.lastacks() == "SYN_SENT")

    def lastack_shut(self):
        before = self.lastacks()
        self.host.process.stdin.close()
        until(lambda: self.lastacks() != before)

    def lastack_abort(self):
        self.host.process.send_signal(signal.SIGINT)
        self.host.process.wait(60)

    def lastack_dies(self):
        self.host.process.kill()
        self.host.process.wait()

    # --- both sides' ss

    def kernels(self):
        return kernel_state(self.kernel_port, self.our_port)

    def lastacks(self):
        rows = sockets_of(run(COMMAND, "ss", "-a", "--json", "--pid", str(self.host.process.pid)))
        wanted = (f":{self.our_port}", f":{self.kernel_port}")
        return next((row["state"] for row in rows
                     if (row["local"].endswith(wanted[0]) and row["remote"].endswith(wanted[1]))), "CLOSED")

    # --- the end

    def end_host(self):
        if self.host is not None and self.role != "server":
            self.host.end()
            self.host = None

    def end(self):
        self.end_host()
        run("ss", "-K", "-a", "-t", f"sport = :{self.kernel_port}")
        for sock in (self.sock, self.listener):
            if sock is not None:
                sock.close()


def bring_about(scene, wanted, steps):
    """What went wrong; nothing where both sides' ss say what is wanted."""
    shown = tuple("CLOSED" if state == "LISTEN" else state for state in wanted)
    seen = lambda: (scene.lastacks(), scene.kernels())
    try:
        for step in steps.split("; "):
            scene.step(step)
        return "" if until(lambda: seen() == shown, 5) else "lastack {}, kernel {}".format(*seen())
    except (OSError, RuntimeError) as error:
        return f"at '{step}': {error!r}"
    finally:
        scene.end()


def none_is_left_out(table):
    """Each pair has, in either role, steps or the reason why there are none."""
    covered = lambda role, pair: [row for row in table if row[0] in (role, "*") and all(
        said in (state, "*") for said, state in zip(row[1:3], pair))]
    missing = [(role, ours, theirs) for role in ("server", "client") for ours in STATES for theirs in STATES
               if not covered(role, (ours, theirs))]
    check("no pair of states is left out", not missing, *missing)
    brought = {tuple(row[1:3]) for row in table if not row[3].startswith("never")}
    both_ways = {tuple(reversed(pair)) for pair in brought}
    check("what lastack can stand in against the kernel the kernel can against lastack", brought == both_ways,
          *(brought ^ both_ways))


def patient_kernel():
    """Sends nothing again for long: what waits in the link is what the steps have put there. Only a SYN is
    sent again after a second, whatever is said."""
    pathlib.Path("/proc/sys/net/ipv4/tcp_early_retrans").write_text("0")
    must("ip", "route", "change", "10.9.0.0/24", "dev", "la0", "src", KERNEL_V4, "rto_min", "60s")
    must("ip", "-6", "route", "add", "fd00:9::/64", "dev", "la0", "metric", "1", "rto_min", "60s")


def share(roles, family, folder):
    """The pairs of some roles over one family."""
    (folder / "index.html").write_text("hello\n")
    with quiet_tun():
        patient_kernel()
        server = Server(folder) if "server" in roles else None
        number = 0
        for role, ours, theirs, steps in rows():
            if role not in roles or steps.startswith("never"):
                continue
            for _ in range(3):  # on a busy machine a second may pass in between, and with it a SYN
                number += 1
                why = bring_about(Scene(role, family, number, server), (ours, theirs), steps)
                if server and server.process.poll() is not None:
                    server.end()
                    server = Server(folder)
                if not why:
                    break
            check(f"IPv{family}, {role}: {ours} / {theirs}", not why, steps, why)
        if server:
            server.end()


SHARES = [("server", 4), ("server", 6), ("client,both", 4), ("client,both", 6)]


def main():
    if len(sys.argv) > 1:
        roles, family = sys.argv[1:]
        return in_namespace(lambda folder: share(roles.split(","), int(family), folder))
    if os.geteuid() != 0:
        print("skip kernel_pairs: needs root")
        return 0
    none_is_left_out(rows())
    parts = [subprocess.Popen([sys.executable, __file__, roles, str(family)]) for roles, family in SHARES]
    codes = [part.wait() for part in parts]
    return 1 if any(codes) else lab.checks.status()


if __name__ == "__main__":
    sys.exit(main())
