#!/usr/bin/env python3
"""Every pair of states that two ends can stand in, lastack's and the kernel's: brought about on purpose,
packet by packet over a paused link, and both sides' ss asked. The pairs and the steps are pairs.tsv's.
With --wire WORDS there is a bad wire behind the pause (`lastack serve --help`): what it does to packets of a scene
is counted, and a scene that lost one, or got one twice, begins anew. Each host has a seed of its own."""
import argparse
import os
import pathlib
import signal
import socket
import subprocess
import sys

import lab
import scenarios
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


class Spoilt(Exception):
    """The wire lost a packet of the scene, or brought one twice: its steps can't go on."""


class Host:
    """A lastack host whose link is paused from the start, maybe with a bad wire behind it."""

    def __init__(self, *words, wire=None):
        device = ["--tun", "la0", "--ip", V4 + "/24", "--ip", V6 + "/64", "--paused"]
        self.wire = wire
        bad = ["--wire", wire] if wire else []
        self.process = subprocess.Popen([COMMAND, *words, *device, *bad], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if words[0] == "serve":
            self.process.stdout.readline()
        self.control = Control(self.process.pid)

    def passes_one(self, fate, way):
        return self.control.ask(fate, way=way)["packets"] == 1

    def on_wire(self, way):
        """How many packets are under way, and how many the wire has lost or doubled so far."""
        try:
            tally = self.control.ask("counters")["wire"][way] if self.wire else None
        except (OSError, ValueError):  # it has ended
            tally = None
        if tally is None:
            return 0, 0
        ended = tally["handed_on"] + tally["lost"] + tally["queue_full"]
        return tally["sent"] + tally["duplicated"] - ended, tally["lost"] + tally["duplicated"]

    def harm(self):
        return self.on_wire("in")[1] + self.on_wire("out")[1]

    def all_arrived(self, way):
        return self.on_wire(way)[0] == 0

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

    def __init__(self, folder, wire):
        super().__init__("serve", "echo", "7", "forget", "8", "http", f"80={folder}", "turn", "90=200000", wire=wire)

    def clear(self):
        for way in ("in", "out"):
            while self.passes_one("lose", way) or not self.all_arrived(way):
                pass


class Scene:
    """Two ends, a link between them that passes what it is told to, and steps by name."""

    def __init__(self, role, family, number, host, wire):
        self.role, self.family, self.host, self.wire = role, family, host, wire
        self.spoilt_before = 0
        # Ports of its own: what another scene has left is not mistaken for this one's.
        self.kernel_port, self.our_port = 20000 + number, 10000 + number
        self.listener = self.sock = None
        if host is not None:
            host.clear()
            self.spoilt_before = host.harm()
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
        if not until(lambda: one() or self.is_spoilt()) or self.is_spoilt():
            raise Spoilt if self.is_spoilt() else RuntimeError(f"no packet comes to {fate} {way}")
        while way.endswith("*") and (one() or not self.host.all_arrived("in")):
            pass
        until(lambda: self.host.all_arrived("out"))

    def is_spoilt(self):
        return self.host.harm() > self.spoilt_before

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
                         str(self.kernel_port), wire=self.wire and f"{self.wire},seed={self.our_port}")
        self.spoilt_before = 0
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
        if until(lambda: seen() == shown, 5):
            return ""
        if scene.host and scene.is_spoilt():
            raise Spoilt
        return "lastack {}, kernel {}".format(*seen())
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


class Share:
    """The pairs of some roles over one family."""
    MOST_SPOILT = 30  # of one pair's scenes: at 5 % loss half of the longest are

    def __init__(self, roles, family, folder, wire):
        self.roles, self.family, self.folder, self.wire = roles, family, folder, wire
        self.scenes = self.spoilt = 0
        (folder / "index.html").write_text("hello\n")
        with quiet_tun(offload=not wire):
            patient_kernel()
            self.server = Server(folder, wire) if "server" in roles else None
            self.all_pairs()
            if self.server:
                self.server.end()
        if wire:
            check(f"IPv{family}, {','.join(roles)}: the wire spoilt some scenes, which began anew", self.spoilt > 0)
            scenarios.tell(f"{self.scenes} scenes, {self.spoilt} of them spoilt by the wire")

    def all_pairs(self):
        for role, ours, theirs, steps in rows():
            if role in self.roles and not steps.startswith("never"):
                why = self.some_tries(role, (ours, theirs), steps)
                check(f"IPv{self.family}, {role}: {ours} / {theirs}", not why, steps, why)

    def some_tries(self, role, wanted, steps):
        """On a busy machine a second may pass in between, and with it a SYN."""
        spoilt = tries = 0
        while tries < 3:
            why = self.one_try(role, wanted, steps)
            if not why:
                return ""
            spoilt += why == "spoilt"
            tries += why != "spoilt" or spoilt > self.MOST_SPOILT
        return why

    def one_try(self, role, wanted, steps):
        self.scenes += 1
        scene = Scene(role, self.family, self.scenes, self.server, self.wire)
        try:
            return bring_about(scene, wanted, steps)
        except Spoilt:
            self.spoilt += 1
            return "spoilt"
        finally:
            if self.server and self.server.process.poll() is not None:
                self.server.end()
                self.server = Server(self.folder, self.wire)


SHARES = [("server", 4), ("server", 6), ("client,both", 4), ("client,both", 6)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--wire", metavar="WORDS", default="")
    parser.add_argument("share", nargs="*", metavar="ROLES FAMILY")
    options = parser.parse_args()
    if options.share:
        roles, family = options.share
        return in_namespace(lambda folder: Share(roles.split(","), int(family), folder, options.wire))
    if os.geteuid() != 0:
        print("skip kernel_pairs: needs root")
        return 0
    none_is_left_out(rows())
    parts = [subprocess.Popen([sys.executable, __file__, "--wire", options.wire, roles, str(family)])
             for roles, family in SHARES]
    codes = [part.wait() for part in parts]
    return 1 if any(codes) else lab.checks.status()


if __name__ == "__main__":
    sys.exit(main())
