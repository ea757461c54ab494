#!/usr/bin/env python3
"""The kernel as a neighbour on an Ethernet, over a TAP device in namespaces of the test's own."""
import contextlib
import hashlib
import json
import os
import pwd
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

from lab import (COMMAND, ETH_P_ALL, KERNEL_V4, KERNEL_V6, MIB, V4, V6, Served, check, checksum, connect,
                 in_namespace, pattern, read_all, run, until)

OURS, OTHER = "02:4c:53:00:00:02", "02:4c:53:00:00:77"
ETH_P_ARP, ETH_P_IPV6 = 0x0806, 0x86dd


class OnTap(Served):
    """lastack serve on a TAP device, from when its addresses are decided on."""

    def __init__(self, *services, name="la0", mac=OURS, ip=(V4 + "/24", V6 + "/64"),
                 peer=(KERNEL_V4, KERNEL_V6), more=()):
        self.command = [COMMAND, "serve", *services, "--tap", name, "--mac", mac, *more]
        for address in ip:
            self.command += ["--ip", address]
        for address in peer:
            self.command += ["--peer", address]

    def view(self, what):
        return json.loads(self.ask(what).stdout)

    def neighbour(self, address):
        return next((n for n in self.view("neighbours") if n["address"] == address), {})


def kernel_neighbour(address, device="la0"):
    """(MAC, state) of a neighbour, as the kernel sees it."""
    rows = json.loads(run("ip", "-j", "neigh", "show", "to", address, "dev", device).stdout or "[]")
    return (rows[0].get("lladdr"), rows[0]["state"][0]) if rows else (None, None)


def mac_of(device):
    return json.loads(run("ip", "-j", "link", "show", device).stdout)[0]["address"]


def link_local_of(device):
    for row in json.loads(run("ip", "-6", "-j", "addr", "show", "dev", device).stdout):
        for a in row.get("addr_info", []):
            if a["scope"] == "link" and not a.get("tentative"):
                return a["local"]
    return None


def ping(address, size=56, seconds=2.0):
    """One echo request from the kernel; whether the answer brings the same octets back."""
    six = ":" in address
    kind, answer = (128, 129) if six else (8, 0)
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW,
                       socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP) as sock:
        body = struct.pack("!HH", os.getpid() & 0xffff, 1) + os.urandom(size)
        request = struct.pack("!BBH", kind, 0, 0) + body
        if not six:
            request = struct.pack("!BBH", kind, 0, checksum(request)) + body
        sock.sendto(request, (address, 0))
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            packet = sock.recv(65536)
            message = packet if six else packet[(packet[0] & 15) * 4:]
            if message[0] == answer and message[4:] == body:
                return True
    return False


def packet_socket(device, protocol=ETH_P_ALL):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    sock.bind((device, protocol))
    return sock


def octets_of(mac):
    return bytes.fromhex(mac.replace(":", ""))


# --- neighbours

def neighbours(folder):
    with OnTap("echo", "7", "http", f"80={folder}") as served:
        for address, kernel in ((V4, KERNEL_V4), (V6, KERNEL_V6)):
            check(f"the kernel pings {address}", until(lambda: ping(address)))
            check(f"the kernel pings {address} with 1400 octets", ping(address, 1400))
            check(f"the kernel finds {address} REACHABLE at our MAC address",
                  until(lambda: kernel_neighbour(address) == (OURS, "REACHABLE")),
                  kernel_neighbour(address))
            url = f"http://{'[' + address + ']' if ':' in address else address}/index.html"
            got = run("curl", "-sgm", "10", url)
            check(f"curl fetches from {address}", got.stdout == "hello\n", got.stderr)
            # We learned the kernel's address from its question, and TCP found it to be right.
            seen = served.neighbour(kernel)
            check(f"we find {kernel} REACHABLE at the kernel's MAC address",
                  (seen.get("mac"), seen.get("state")) == (mac_of("la0"), "REACHABLE"), seen)
        counters = served.view("link_counters")
        bad = {k: v for kind in ("bad_frame", "bad_arp", "bad_ndp")
               for k, v in counters[kind].items() if v}
        check("nothing of the kernel's is malformed to us", not bad, bad)
    check("serve ends well on a TAP device", served.code == 0)


def ours_asks(served, address, kernel):
    """Without TCP nobody confirms: five seconds after a packet we ask the kernel ourselves."""
    assert until(lambda: ping(address))
    check(f"we ask {kernel} ourselves, and the kernel answers",
          until(lambda: served.neighbour(kernel).get("state") == "REACHABLE", 12),
          served.neighbour(kernel))


def we_ask_the_kernel():
    with OnTap("echo", "7") as served:
        ours_asks(served, V4, KERNEL_V4)
        ours_asks(served, V6, KERNEL_V6)


def bulk_both_ways():
    with OnTap("turn", f"90={100 * MIB}"):
        expected = hashlib.sha256(pattern(100 * MIB)).hexdigest()
        for host in (V4, V6):
            with connect(host, 90) as sock:
                block = os.urandom(MIB)
                for _ in range(100):
                    sock.sendall(block)
                sock.shutdown(socket.SHUT_WR)
                size, digest = read_all(sock)
            check(f"100 MiB each way over Ethernet to {host}, half-closed in between",
                  (size, digest) == (100 * MIB, expected), f"{size} octets")


def the_kernel_moves(folder):
    size = 64 * MIB
    (folder / "big").write_bytes(pattern(size))
    with OnTap("http", f"80={folder}") as served:
        for host, kernel, mac in ((f"{V4}", KERNEL_V4, "02:00:00:00:aa:04"),
                                  (f"[{V6}]", KERNEL_V6, "02:00:00:00:aa:06")):
            curl = subprocess.Popen(["curl", "-sgm", "60", "--limit-rate", "16M",
                                     f"http://{host}/big"], stdout=subprocess.PIPE)
            seen = hashlib.sha256(curl.stdout.read(4 * MIB))
            done = run("ip", "link", "set", "la0", "address", mac)
            assert done.returncode == 0, done.stderr
            while block := curl.stdout.read(MIB):
                seen.update(block)
            good = curl.wait() == 0 and seen.hexdigest() == hashlib.sha256(pattern(size)).hexdigest()
            check(f"a transfer from {host} survives that the kernel's MAC address changes", good)
            check(f"and we know {kernel} by its new one", served.neighbour(kernel).get("mac") == mac,
                  served.neighbour(kernel))
    (folder / "big").unlink()


# --- one address, two hosts

@contextlib.contextmanager
def prepared(name, *addresses):
    """A TAP device made beforehand, with the kernel's addresses on it."""
    commands = [["ip", "tuntap", "add", "dev", name, "mode", "tap"]]
    commands += [["ip", "addr", "add", a, "dev", name] + (["nodad"] if ":" in a else [])
                 for a in addresses]
    commands += [["ip", "link", "set", name, "up"]]
    for command in commands:
        done = run(*command)
        assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        run("ip", "link", "del", name)


def ours_is_taken():
    with prepared("la1", KERNEL_V4 + "/24", KERNEL_V6 + "/64"):
        for address in (KERNEL_V4 + "/24", KERNEL_V6 + "/64"):
            served = OnTap("echo", "7", name="la1", ip=[address], peer=[])
            done = run(*served.command, timeout=30)
            said = f"not using {address.split('/')[0]}: {mac_of('la1')} has it"
            check(f"{address} is the kernel's: serve does not take it and says who has it",
                  done.returncode == 1 and said in done.stderr and "ready" not in done.stdout,
                  done.stderr)


def the_kernel_wants_ours():
    with OnTap("echo", "7") as served:
        run("ip", "-6", "addr", "add", V6 + "/64", "dev", "la0")
        flags = lambda: run("ip", "-6", "addr", "show", "dev", "la0", "to", V6).stdout
        check("the kernel finds that we have its IPv6 address", until(lambda: "dadfailed" in flags()),
              flags())
        run("ip", "-6", "addr", "del", V6 + "/64", "dev", "la0")
        check("and we still answer for it", until(lambda: ping(V6)))
        with packet_socket("la0", ETH_P_ARP) as sock:
            ours, theirs = octets_of(OTHER), octets_of(OURS)
            frame = (b"\xff" * 6 + ours + struct.pack("!HHHBBH", ETH_P_ARP, 1, 0x0800, 6, 4, 1)
                     + ours + socket.inet_aton("0.0.0.0") + bytes(6) + socket.inet_aton(V4))
            sock.send(frame)
            answers = 0
            end = time.monotonic() + 2
            while not answers and (left := end - time.monotonic()) > 0:
                if select.select([sock], [], [], left)[0]:
                    reply = sock.recv(2000)
                    answers += reply[20:22] == b"\0\2" and reply[22:28] == theirs \
                        and reply[28:32] == socket.inet_aton(V4)
            check("who probes for our IPv4 address is answered", answers == 1)
        rows = {a["address"]: a["state"] for a in served.view("addresses")["addresses"]}
        check("all of ours are still ours", set(rows.values()) == {"preferred"}, rows)


# --- routers

class Router(threading.Thread):
    """Answers router solicitations on a device, in the kernel's name, with an advertisement."""

    def __init__(self, device, prefix, lifetime=1800):
        super().__init__(daemon=True)
        self.device, self.prefix, self.lifetime = device, prefix, lifetime
        self.sock = packet_socket(device, ETH_P_ALL)
        self.solicited = 0
        self.ended = False

    def advertisement(self):
        mac, source = octets_of(mac_of(self.device)), link_local_of(self.device)
        options = (b"\1\1" + mac + struct.pack("!BBHI", 5, 1, 0, 1400)
                   + struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 1800, 0)
                   + socket.inet_pton(socket.AF_INET6, self.prefix))
        body = struct.pack("!BBHII", 64, 0, self.lifetime, 0, 0) + options
        source, to = (socket.inet_pton(socket.AF_INET6, a) for a in (source, "ff02::1"))
        pseudo = source + to + struct.pack("!II", len(body) + 4, 58)
        sum_ = checksum(pseudo + struct.pack("!BBH", 134, 0, 0) + body)
        icmp = struct.pack("!BBH", 134, 0, sum_) + body
        ip = struct.pack("!IHBB", 6 << 28, len(icmp), 58, 255) + source + to
        return octets_of("33:33:00:00:00:01") + mac + struct.pack("!H", ETH_P_IPV6) + ip + icmp

    def run(self):
        while not self.ended:
            if not select.select([self.sock], [], [], 0.1)[0]:
                continue
            frame = self.sock.recv(2000)
            is_rs = frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 133
            if is_rs and frame[6:12] == octets_of(OURS):
                until(lambda: link_local_of(self.device))  # the kernel's is not there from the start
                self.solicited += 1
                self.sock.send(self.advertisement())

    def end(self):
        self.ended = True
        self.join()
        self.sock.close()


def autoconfigured():
    run("ip", "addr", "add", "2001:db8:77::1/128", "dev", "lo")
    with prepared("la2", "2001:db8:9::1/64"):
        router = Router("la2", "2001:db8:9::")
        router.start()
        with OnTap("echo", "7", name="la2", ip=[], peer=[], more=["--auto"]) as served:
            rows = lambda: {a["address"]: a for a in served.view("addresses")["addresses"]}
            made = "2001:db8:9:0:4c:53ff:fe00:2/64"
            good = until(lambda: rows().get(made, {}).get("state") == "preferred", 10)
            check("we solicit a router and make an address from its prefix",
                  good and router.solicited >= 1, rows())
            check("with the lifetimes it has", 3500 < rows()[made]["valid_s"] <= 3600
                  and 1700 < rows()[made]["preferred_s"] <= 1800, rows())
            default = [r for r in served.view("routes") if r["to"] == "::/0"]
            check("and a default route by it",
                  [r["via"] for r in default] == [link_local_of("la2")], default)
            address = made.split("/")[0]
            check("the kernel pings the address", until(lambda: ping(address)))
            with socket.socket(socket.AF_INET6) as sock:
                sock.bind(("2001:db8:77::1", 0))
                sock.settimeout(10)
                sock.connect((address, 7))
                sock.sendall(b"from beyond")
                sock.shutdown(socket.SHUT_WR)
                got = b"".join(iter(lambda: sock.recv(100), b""))
            check("somebody beyond the router talks to it", got == b"from beyond", got)
            router.lifetime = 0
            router.sock.send(router.advertisement())
            check("a router that resigns is no route any more",
                  until(lambda: all(r["to"] != "::/0" for r in served.view("routes"))))
        router.end()
    run("ip", "addr", "del", "2001:db8:77::1/128", "dev", "lo")


# --- a switch that passes groups on only to who asked for them

def snooping_switch():
    commands = [["ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "1",
                 "mcast_querier", "1", "mcast_query_response_interval", "100",
                 "mcast_startup_query_interval", "100"],
                ["ip", "addr", "add", KERNEL_V4 + "/24", "dev", "br0"],
                ["ip", "addr", "add", KERNEL_V6 + "/64", "dev", "br0", "nodad"],
                ["ip", "link", "set", "br0", "up"]]
    for command in commands:
        done = run(*command)
        assert done.returncode == 0, done.stderr
    with prepared("la3"):
        run("ip", "link", "set", "la3", "master", "br0")
        with OnTap("echo", "7", name="la3", peer=[]) as served:
            entries = lambda: [e["grp"] for e in json.loads(
                run("bridge", "-j", "mdb", "show", "dev", "br0").stdout)[0]["mdb"]
                if e["port"] == "la3"]
            check("a snooping switch knows what we listen to",
                  until(lambda: {"ff02::1:ff00:2"} <= set(entries())), entries())
            check("it asks, and we answer", until(lambda: served.view("link_counters")["mld_in"] > 0,
                                                  20))
            run("ip", "neigh", "flush", "dev", "br0")
            check("the kernel finds us behind it", until(lambda: ping(V6)) and ping(V4))
    run("ip", "link", "del", "br0")


# --- what a capture shows

KINDS = {"ARP requests": "arp.opcode == 1", "ARP replies": "arp.opcode == 2",
         "neighbour solicitations": "icmpv6.type == 135", "neighbour advertisements": "icmpv6.type == 136",
         "router solicitations": "icmpv6.type == 133", "FINs": "tcp.flags.fin == 1"}


def unasked_neighbours():
    """The kernel sends from addresses that we know nothing of, without asking us first: we have to."""
    for source, ours in (("10.9.0.77/24", V4), ("fd00:9::77/64", V6)):
        run("ip", "addr", "add", source, "dev", "la0", *(["nodad"] if ":" in source else []))
        run("ip", "neigh", "replace", ours, "lladdr", OURS, "dev", "la0", "nud", "permanent")
        with socket.create_connection((ours, 7), 10, (source.split("/")[0], 0)) as sock:
            sock.sendall(b"hello")
            check(f"we ask who {source} is, and answer", sock.recv(5) == b"hello")


def shows(capture, test):
    """Whether a capture that is still being written has such a frame of ours."""
    seen = run("tshark", "-r", str(capture), "-Y", f"eth.src == {OURS} && {test}")
    return seen.stdout.strip() != ""


def nothing_malformed(folder):
    capture = folder / "ethernet.pcap"
    with OnTap("echo", "7", "http", f"80={folder}", more=["--no-offload", "--auto"]):
        dump = subprocess.Popen(["tshark", "-q", "-i", "la0", "-w", str(capture)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        def sees():
            ping(V4, seconds=0.2)
            return capture.exists() and capture.stat().st_size > 1000
        check("tshark captures on a TAP device", until(sees, 20))
        run("ip", "neigh", "flush", "dev", "la0")
        for host in (V4, V6):
            ping(host)
            with connect(host, 7) as sock:
                sock.sendall(os.urandom(100000))
                sock.shutdown(socket.SHUT_WR)
                read_all(sock)
        unasked_neighbours()
        # A capture that is ended loses what the kernel has not handed over yet, so what is to be seen
        # in it is waited for; routers are solicited every four seconds as long as none answers.
        for kind, test in KINDS.items():
            check(f"tshark sees our {kind}", until(lambda test=test: shows(capture, test), 20))
        dump.send_signal(signal.SIGINT)
        dump.wait(10)
    read = ["tshark", "-r", str(capture), "-o", "tcp.check_checksum:TRUE", "-o",
            "ip.check_checksum:TRUE", "-d", "tcp.port==1-65535,data"]
    wrong = run(*read, "-Y", "_ws.malformed || tcp.checksum.status == \"Bad\" || "
                "ip.checksum.status == \"Bad\" || icmp.checksum.status == \"Bad\" || "
                "icmpv6.checksum.status == \"Bad\" || arp.duplicate-address-detected")
    check("tshark finds nothing malformed in our frames and the kernel's",
          wrong.returncode == 0 and wrong.stdout.strip() == "", wrong.stdout + wrong.stderr)


# --- without root

def unprivileged(folder):
    """The device node is only root's on some machines: here is one as udev makes it."""
    node = folder / "tun"
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 200))
    os.chmod(node, 0o666)
    done = run("mount", "--bind", str(node), "/dev/net/tun")
    assert done.returncode == 0, done.stderr
    nobody = pwd.getpwnam("nobody")
    env = dict(os.environ, USER="nobody")
    env.pop("XDG_RUNTIME_DIR")
    as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "env": env}
    command = [COMMAND, "serve", "echo", "7", "--tap", "la4", "--ip", V4 + "/24"]
    done = run(*command, **as_nobody)
    check("without root it says how root prepares the device",
          done.returncode == 1 and "ip tuntap add dev la4 mode tap user nobody" in done.stderr,
          done.stderr)
    run("ip", "tuntap", "add", "dev", "la4", "mode", "tap", "user", "nobody")
    run("ip", "addr", "add", KERNEL_V4 + "/24", "dev", "la4")
    run("ip", "link", "set", "la4", "up")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               **as_nobody)
    ready = process.stdout.readline()
    check("on a device that root has prepared it serves without root",
          ready == "ready\n" and until(lambda: ping(V4)), ready)
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    run("ip", "link", "del", "la4")
    run("umount", "/dev/net/tun")


def wrong_usage():
    for arguments, said in ((["--tap", "la0"], "--ip"),
                            (["--tap", "la0", "--tun", "la1", "--ip", "10.9.0.2/24"], "--tun"),
                            (["--tun", "la0", "--ip", "10.9.0.2/24", "--mac", OURS], "--tap"),
                            (["--tap", "la0", "--ip", "10.9.0.2/24", "--mac", "ff:ff:ff:ff:ff:ff"],
                             "ff:ff:ff:ff:ff:ff")):
        done = run(COMMAND, "serve", "echo", "7", *arguments)
        check("wrong usage: " + " ".join(arguments), done.returncode == 2 and said in done.stderr,
              done.stderr)


def main(folder):
    (folder / "index.html").write_text("hello\n")
    neighbours(folder)
    we_ask_the_kernel()
    bulk_both_ways()
    the_kernel_moves(folder)
    ours_is_taken()
    the_kernel_wants_ours()
    autoconfigured()
    snooping_switch()
    nothing_malformed(folder)
    unprivileged(folder)
    wrong_usage()


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--mount"))
