#!/usr/bin/env python3
"""Opens and closes that cross, resets, peers that vanish and peers that come back without their memory: the
kernel at the other end, both roles, both families. heavier/kernel_lossy.py does the same over bad wires."""
import re
import socket
import subprocess
import sys
import threading
import time

import lab
from lab import (COMMAND, KERNEL_V4, KERNEL_V6, V4, V6, Control, Served, abortive, connect, end_from,
                 end_of, in_namespace, kernel_state, must, quiet_tun, run, until)

OURS = {4: V4, 6: V6}
KERNEL = {4: KERNEL_V4, 6: KERNEL_V6}
DEVICE = ["--tun", "la0", "--ip", V4 + "/24", "--ip", V6 + "/64"]


class Wire:
    """The wire of all that follows: a good one, or what --wire is given. On a bad one a packet can't be passed by
    itself, and what is lost changes the order in which ends learn of each other."""
    options = []
    name = ""
    msl = "0.1"  # where packets get lost TIME_WAIT has to be there for the FIN that comes again
    # The kernel answers twice a second what carries no octets (net.ipv4.tcp_invalid_ratelimit): where an answer
    # may be lost, probes have to come less often than that.
    keepalive, user_timeout = "0.3,0.2,3", "2"

    @classmethod
    def becomes(cls, wire, name):
        cls.options, cls.name, cls.msl = ["--wire", wire], name, "2"
        cls.keepalive, cls.user_timeout = "0.3,0.6,8", "10"


def check(text, good, *details):
    return lab.check(f"{Wire.name}{text}", good, *details)


def serving(*services, more=(), **options):
    return Served(*services, more=[*more, *Wire.options], **options)


class Connecting:
    """lastack connect on a device that is there already, and the control socket of its host."""

    def __init__(self, family, our_port, kernel_port, *more):
        self.process = subprocess.Popen(
            [COMMAND, "connect", "-v", "-p", str(our_port), KERNEL[family], str(kernel_port), *DEVICE,
             *Wire.options, *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.control = Control(self.process.pid)

    def passes(self, way):
        if not until(lambda: self.control.ask("pass", way=way)["packets"] == 1):
            raise RuntimeError(f"no packet comes to pass {way}")

    def says(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def end(self, data=b""):
        """(exit code, standard output, the states that -v told, standard error)"""
        out, err = self.process.communicate(data, timeout=60)
        self.control.close()
        err = err.decode()
        return self.process.returncode, out, re.findall(r"^([A-Z_0-9]{6,})  ", err, re.M), err

    def dies(self):
        self.process.kill()
        self.process.communicate()
        self.control.close()
        run("rm", "-f", self.control.path)


def bound(family, port):
    sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((KERNEL[family], port))
    sock.settimeout(60)
    return sock


def listening(family, port):
    listener = bound(family, port)
    listener.listen()
    return listener


def talks(near, far):
    """Both directions of a connection between a lastack connect and a socket of the kernel."""
    near.says(b"from lastack")
    there = far.recv(12)
    far.sendall(b"from the kernel")
    back = near.process.stdout.read(15)
    return (there, back) == (b"from lastack", b"from the kernel")


# --- at once

def both_open(family):
    near = Connecting(family, 4000 + family, 5000 + family, "-N", "--paused", "--time-wait", "--msl",
                      Wire.msl)
    far = bound(family, 5000 + family)
    far.setblocking(False)
    far.connect_ex((OURS[family], 4000 + family))
    if not Wire.options:
        near.passes("out")
        near.passes("in")  # now the SYNs have crossed
    near.control.ask("resume")
    until(lambda: kernel_state(5000 + family, 4000 + family) == "ESTABLISHED")
    far.settimeout(60)
    good = talks(near, far)
    far.shutdown(socket.SHUT_WR)
    code, _, states, err = near.end()
    far.close()
    opened = ["SYN_RCVD", "ESTABLISHED"]
    if Wire.options and "SYN_RCVD" not in states:
        opened = ["ESTABLISHED"]  # the kernel's SYN was lost, so ours was answered
    wanted = ["SYN_SENT", *opened, "CLOSE_WAIT", "LAST_ACK", "CLOSED"]
    if Wire.options:
        states, wanted = states[:1 + len(opened)], wanted[:1 + len(opened)]  # the ends may cross
    check(f"IPv{family}: both open at once, and both are heard", good and (code, states) == (0, wanted), err)


def both_close(family):
    listener = listening(family, 5010 + family)
    near = Connecting(family, 4010 + family, 5010 + family, "-N", "--time-wait", "--msl", Wire.msl)
    far, _ = listener.accept()
    good = talks(near, far)
    near.control.ask("pause")
    near.process.stdin.close()
    near.process.stdin = None
    far.shutdown(socket.SHUT_WR)
    seen = True
    if Wire.options:
        until(lambda: near.control.ask("ss")[0]["state"] == "FIN_WAIT_1")
    else:
        near.passes("out")
        seen = until(lambda: kernel_state(5010 + family, 4010 + family) == "CLOSING")
    near.control.ask("resume")
    gone = until(lambda: kernel_state(5010 + family, 4010 + family) == "TIME_WAIT")
    code, _, states, err = near.end()
    third = "FIN_WAIT_2" if Wire.options and "FIN_WAIT_2" in states else "CLOSING"  # the kernel's FIN was lost
    wanted = ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", third, "TIME_WAIT", "CLOSED"]
    check(f"IPv{family}: both close at once, by CLOSING to TIME_WAIT on both sides",
          good and seen and gone and (code, states) == (0, wanted), states, err, kernel_state(5010 + family, 4010 + family))
    far.close()
    listener.close()


# --- resets

def resets(served, family):
    host = OURS[family]
    sock = connect(host, 7)
    end = end_of(sock)
    until(lambda: served.state(end) == "ESTABLISHED")
    abortive(sock)
    sock.close()
    check(f"IPv{family}: the kernel resets (SO_LINGER 0): nothing is left here",
          until(lambda: served.state(end) is None))
    sock = connect(host, 19)
    end = end_of(sock)
    until(lambda: int(run("ss", "-Htan", f"dport = :19 and sport = :{end[1]}").stdout.split()[1]) > 10000)
    sock.close()
    check(f"IPv{family}: the kernel closes with unread octets, so it resets: nothing is left here",
          until(lambda: served.state(end) is None), served.state(end))


# --- peers that vanish

def counted(served, name):
    return int(must(COMMAND, "nstat", "-asz", name, "--pid", served.pid).split()[2])


def vanishes(results, name, net, vanish, more, speaks, asks):
    """A kernel that is there no more, without a word: how the host finds out, and what it has done for that, by the
    counter's name."""
    with serving("echo", "7", name=f"la{net}", net=net, more=more) as served:
        addresses = {4: f"10.{net}.0.2", 6: f"fd00:{net}::2"}
        socks = {family: connect(addresses[family], 7) for family in (4, 6)}
        ends = {family: end_of(sock) for family, sock in socks.items()}
        good = until(lambda: all(served.state(end) == "ESTABLISHED" for end in ends.values()))
        if speaks:  # an echo waits to be acknowledged
            run(COMMAND, "ask", "pause", "out", "--pid", served.pid)
            for sock in socks.values():
                sock.sendall(b"hello")
            until(lambda: all(row["send_q"] > 0 for row in served.rows() if row["state"] == "ESTABLISHED"))
        vanish(f"la{net}")
        served.ask("resume")
        gone = until(lambda: served.states(7) == {}, 60)
        results.append((name, good and gone and counted(served, asks) >= len(ends), served.rows(), asks))
        for sock in socks.values():
            sock.close()


def goes_down(device):
    must("ip", "link", "set", device, "down")


def loses_its_addresses(device):
    must("ip", "addr", "flush", "dev", device)


def peers_that_vanish():
    results = []
    cases = [("the link goes down: the retransmission limit ends it", 21, goes_down, ["--retries", "3"], True,
              "TcpExtTCPTimeouts"),
             ("the addresses go: the user timeout ends it", 22, loses_its_addresses, ["--user-timeout", "2"], True,
              "TcpExtTCPTimeouts"),
             ("the link goes down while all is quiet: keepalive ends it", 23, goes_down,
              ["--keepalive", "1,0.5,3"], False, "TcpExtTCPKeepAlive")]
    threads = [threading.Thread(target=vanishes, args=(results, *case)) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, good, *rows in sorted(results, key=lambda r: r[0]):
        check(name, good, *rows)
    check("each of them was looked at", len(results) == len(cases), results)


def peers_that_answer():
    """What ends the others does not end this one."""
    with serving("echo", "7", more=["--keepalive", Wire.keepalive, "--user-timeout", Wire.user_timeout]) as served:
        socks = [connect(host, 7) for host in (V4, V6)]
        asked = lambda: all(row["tcp"].get("lastack_ms", 10**6) < 400 and row["since_ms"] > 3000
                            for row in served.rows() if row["state"] == "ESTABLISHED")
        check("a kernel that answers keepalive keeps its connections",
              until(lambda: len(served.states(7)) == 2 and asked()), served.rows())
        for sock in socks:
            sock.sendall(b"hello")
            check("and they go on", sock.recv(5) == b"hello")
            sock.close()


# --- peers that come back without their memory (RFC 9293 §3.5.1)

def forgets(sock):
    """The kernel's end is gone, and nothing is sent (tcp(7)'s TCP_REPAIR): no RST has to be lost for it."""
    TCP_REPAIR = 19
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.close()


def the_kernel_forgets(family):
    """The kernel's new SYN comes in on what we hold for ESTABLISHED."""
    with serving("echo", "7") as served:
        sock = bound(family, 5020 + family)
        sock.connect((OURS[family], 7))
        end = end_of(sock)
        sock.sendall(b"before")
        good = sock.recv(6) == b"before"
        # What we sent again would meet nobody, and be answered with RST before the kernel's SYN is.
        good = good and until(lambda: [r["send_q"] for r in served.rows() if end_from(r["remote"]) == end] == [0])
        forgets(sock)
        lost = kernel_state(5020 + family, 7) == "CLOSED"
        held = served.state(end) == "ESTABLISHED"
        again = bound(family, 5020 + family)
        again.connect((OURS[family], 7))
        again.sendall(b"after")
        good = good and again.recv(5) == b"after"
        check(f"IPv{family}: the kernel forgets and connects again: challenged, reset, connected",
              good and lost and held, lost, held)
        drops = served.counters()["dropped"]
        check(f"IPv{family}: and its SYN was challenged, not believed", drops["syn_in_window"] +
              drops["outside_window"] + drops["old_duplicate"] + drops["paws"] > 0, drops)
        shown = run(COMMAND, "nstat", "-asz", "TcpExtTCPChallengeACK").stdout.split()
        check(f"IPv{family}: and nstat counts the challenge", shown[1:] and int(shown[2]) >= 1, shown)
        again.close()


def the_kernel_forgets_a_client(family):
    listener = listening(family, 5030 + family)
    near = Connecting(family, 4030 + family, 5030 + family)
    far, _ = listener.accept()
    good = talks(near, far)
    until(lambda: near.control.ask("ss")[0]["send_q"] == 0)
    forgets(far)
    near.says(b"are you there?")
    code, _, states, err = near.end()
    check(f"IPv{family}: the kernel forgets: what we send next is answered with RST, and it is said",
          good and code == 1 and "reset the connection" in err and states[-1] == "CLOSED", code, err)
    listener.close()


def we_forget(family):
    """Our new SYN comes in on what the kernel holds for ESTABLISHED."""
    listener = listening(family, 5040 + family)
    near = Connecting(family, 4040 + family, 5040 + family)
    far, _ = listener.accept()
    good = talks(near, far)
    near.dies()
    held = kernel_state(5040 + family, 4040 + family) == "ESTABLISHED"
    near = Connecting(family, 4040 + family, 5040 + family)
    again, _ = listener.accept()
    try:
        told = far.recv(1)
    except ConnectionResetError:
        told = "reset"
    check(f"IPv{family}: we forget and connect again: the kernel is reset, and we are connected",
          good and held and told == "reset" and talks(near, again), held, told)
    again.close()
    near.end()
    far.close()
    listener.close()


def everything():
    with quiet_tun(offload=not Wire.options):
        for family in (4, 6):
            both_open(family)
            both_close(family)
            the_kernel_forgets_a_client(family)
            we_forget(family)
    # A RST is sent once: where it is lost, keepalive asks after who is gone.
    with serving("echo", "7", "source", "19", more=["--keepalive", "1,0.6,8"] if Wire.options else []) as served:
        for family in (4, 6):
            resets(served, family)
    for family in (4, 6):
        the_kernel_forgets(family)
    peers_that_vanish()
    peers_that_answer()


def main(_):
    everything()


if __name__ == "__main__":
    sys.exit(in_namespace(main))
