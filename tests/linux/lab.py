"""What the tests against the kernel share: a namespace of their own, checks, a host that serves, and
the kernel's view of its connections. LASTACK_COMMAND names another command than the release build's."""
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import checks
from checks import check

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("LASTACK_COMMAND", str(ROOT / "build" / "release" / "lastack"))
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
QUEUED = 400 * KIB  # octets that a send buffer always has room for, and no receiver who has 4096
V4, V6 = "10.9.0.2", "fd00:9::2"  # lastack's end of the wire
KERNEL_V4, KERNEL_V6 = "10.9.0.1", "fd00:9::1"
QUEUE = "8192"  # packets, as on a device that lastack makes itself
ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def sockets_of(shown):
    """What `lastack ss --json` showed: a row for each socket, none where no host runs."""
    return json.loads(shown.stdout)["sockets"] if shown.stdout else []


def must(*command):
    """Its output; a step that the test stands on has to work."""
    done = run(*command)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def until(what, seconds=20.0):
    """Asks again for a while: what another process does is not done at once. Only where a test fails is
    it waited for to the end: it may be long."""
    end = time.monotonic() + seconds
    while not (answer := what()):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return answer


def in_namespace(main, *namespaces):
    """Runs main(folder) in a network namespace of its own and says how it went: 0 or 1. The folder is
    for files, and where hosts put their control sockets; nothing of ours is left behind."""
    script = pathlib.Path(sys.argv[0])
    if os.environ.get("LASTACK_IN_NAMESPACE") != "1":
        if os.geteuid() != 0:
            print(f"skip {script.stem}: needs root")
            return 0
        os.environ["LASTACK_IN_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--net", *namespaces, "--", sys.executable, *sys.argv])
    # What a shell begins behind its back (`&`) has it ignored, and so have its children: lost, where it comes early.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    must("ip", "link", "set", "lo", "up")
    # Ports that tests bind themselves: the kernel takes none of them for a connection that asked for any.
    pathlib.Path("/proc/sys/net/ipv4/ip_local_reserved_ports").write_text("50000-50999")
    with tempfile.TemporaryDirectory() as text:
        folder = pathlib.Path(text)
        os.environ["XDG_RUNTIME_DIR"] = text
        before = devices()
        main(folder)
        check("no device is left", until(lambda: devices() == before))
        check("no control socket is left", list(folder.glob("lastack/*.sock")) == [])
    return checks.status()


def devices():
    return run("ip", "-o", "link").stdout.count("\n")


# --- other network namespaces

libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace that lives as long as a process in it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.pid = self.holder.pid
        mine = os.stat("/proc/self/ns/net").st_ino
        while os.stat(f"/proc/{self.pid}/ns/net").st_ino == mine:
            time.sleep(0.01)

    def run(self, *command):
        return must("nsenter", "-t", str(self.pid), "-n", *command)

    def socket(self, family):
        """A socket of that namespace, made by a thread that goes there."""
        made = []

        def make():
            descriptor = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
            assert libc.setns(descriptor, CLONE_NEWNET) == 0
            os.close(descriptor)
            made.append(socket.socket(family))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def end(self):
        self.holder.kill()
        self.holder.wait()


# --- lastack's end

class Served:
    """lastack serve on a TUN device, for as long as the block lasts. Its second network, if there has to
    be one, is told apart by `net`."""

    def __init__(self, *services, name="la0", net=9, more=()):
        self.command = [COMMAND, "serve", *services, "--tun", name,
                        "--ip", f"10.{net}.0.2/24", "--peer", f"10.{net}.0.1",
                        "--ip", f"fd00:{net}::2/64", "--peer", f"fd00:{net}::1", *more]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line == "ready\n", f"serve said {line!r}"
        self.pid = str(self.process.pid)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.code = self.process.wait(30)

    def ask(self, what):
        return run(COMMAND, "ask", what, "--pid", self.pid)

    def counters(self):
        return json.loads(self.ask("counters").stdout)

    def rows(self):
        return sockets_of(run(COMMAND, "ss", "--json", "--pid", self.pid))

    def states(self, port):
        """{client's end: state} of the connections to a port of its own."""
        return {end_from(r["remote"]): r["state"] for r in self.rows()
                if r["local"].endswith(f":{port}") and r["state"] != "LISTEN"}

    def state(self, end):
        return next((r["state"] for r in self.rows() if end_from(r["remote"]) == end), None)


class Control:
    """The control socket of a running host, asked as `lastack ask` asks it, without a process for each
    question."""

    def __init__(self, pid):
        self.path = f"{os.environ['XDG_RUNTIME_DIR']}/lastack/{pid}.sock"
        if not until(lambda: os.path.exists(self.path)):
            raise RuntimeError(f"no host answers at {self.path}")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        until(self.connects)
        self.lines = self.sock.makefile("r")
        self.lines.readline()

    def connects(self):
        try:
            self.sock.connect(self.path)
        except ConnectionRefusedError:
            return False
        return True

    def ask(self, what, **more):
        self.sock.sendall(json.dumps({"ask": what, **more}).encode() + b"\n")
        answer = json.loads(self.lines.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self):
        self.lines.close()
        self.sock.close()


@contextlib.contextmanager
def quiet_tun(name="la0", offload=True):
    """A TUN device made beforehand, with the kernel's addresses, over which the kernel sends nothing of
    its own accord. It stays when a host behind it goes."""
    for kind, what in (("default", "accept_ra"), ("default", "router_solicitations")):
        pathlib.Path(f"/proc/sys/net/ipv6/conf/{kind}/{what}").write_text("0")
    must("ip", "tuntap", "add", "dev", name, "mode", "tun", "multi_queue")
    queue = idle_queue(name, offload)
    try:
        must("ip", "link", "set", name, "addrgenmode", "none", "txqueuelen", QUEUE)
        must("ip", "addr", "add", KERNEL_V4 + "/24", "dev", name)
        must("ip", "addr", "add", KERNEL_V6 + "/64", "dev", name, "nodad")
        must("ip", "link", "set", name, "up")
        yield name
    finally:
        os.close(queue)
        run("ip", "link", "del", name)


def idle_queue(name, offload):
    """A queue of the device that takes no packets: without one the device would lose its carrier with each
    host that goes, and be without it for a second when the next one comes. All queues have the header of
    offloads, or none has."""
    TUNSETIFF, TUNSETQUEUE = 0x400454ca, 0x400454d9
    IFF_TUN, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE, IFF_DETACH_QUEUE = 0x1, 0x1000, 0x4000, 0x100, 0x400
    queue = os.open("/dev/net/tun", os.O_RDWR)
    what = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | (IFF_VNET_HDR if offload else 0)
    fcntl.ioctl(queue, TUNSETIFF, struct.pack("16sH22x", name.encode(), what))
    fcntl.ioctl(queue, TUNSETQUEUE, struct.pack("16sH22x", b"", IFF_DETACH_QUEUE))
    return queue


# --- what tshark says of all that passed

EXPERT_ITEMS = pathlib.Path(__file__).with_name("expert_items.tsv")
WARNING = 0x600000  # of tshark's severities


class Capture:
    """All that passes a device while the block lasts. `pokes()` sends something that passes it."""

    def __init__(self, device, file, pokes):
        self.device, self.file, self.pokes = device, str(file), pokes

    def __enter__(self):
        self.dump = subprocess.Popen(["tshark", "-q", "-B", "256", "-i", self.device, "-w", self.file],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

        # It says that it captures a little before it does: the packets it has seen tell.
        def sees():
            self.pokes()
            return os.path.exists(self.file) and os.path.getsize(self.file) > 1000

        if not until(sees, 180):
            raise RuntimeError("tshark captures nothing")
        return self

    def __exit__(self, *_):
        # Another process, which has to see the last packets: those that are sent now come behind them.
        before = os.path.getsize(self.file)

        def sees():
            self.pokes()
            return os.path.getsize(self.file) > before

        until(sees)
        self.dump.send_signal(signal.SIGINT)
        _, said = self.dump.communicate(timeout=60)
        self.missed = sum(int(count) for count in re.findall(r"(\d+) packets? dropped", said))

    def read(self, *words):
        """Payload is payload: by a port that chance picked tshark would take it for another protocol."""
        plain = [f"-d{layer}.port==1-65535,data" for layer in ("tcp", "udp")]
        sums = [word for name in ("tcp", "udp", "ip") for word in ("-o", f"{name}.check_checksum:TRUE")]
        return must("tshark", "-r", self.file, *plain, *sums, *words)

    def count(self, what):
        return self.read("-Y", what).count("\n")

    def is_sound(self, name, scenario):
        """Nothing malformed, no bad checksum, and no expert item of warning or above that is not allowed
        in that scenario. Returns how many packets there are."""
        # Where the sum comes to 0 the kernel writes 0xffff, which is the same number (RFC 1624 §3).
        bad = [f'{layer}.checksum.status == "Bad"' for layer in ("udp", "ip", "icmp", "icmpv6")]
        wrong = self.read("-Y", " || ".join(["_ws.malformed", *bad,
                                             '(tcp.checksum.status == "Bad" && tcp.checksum != 0xffff)']))
        check(f"{name}: tshark finds nothing malformed and no bad checksum", wrong == "", wrong[:4000])
        found = self.expert_items()
        # A process of its own, the capture may miss packets where the machine is busy, and says how many.
        known = allowed(scenario) + (allowed("missed") if self.missed else [])
        strange = {text: count for text, count in found.items()
                   if not any(text.startswith(start) for start in known)}
        shown = [self.read("-Y", f'_ws.expert.message contains "{text[:24]}"')[:2000] for text in strange]
        check(f"{name}: and nothing else to warn of", not strange, strange, f"the capture missed {self.missed}",
              *shown)
        return self.count("tcp")

    def expert_items(self):
        """{message: how often}, those of warning or above."""
        lines = self.read("-Y", f"_ws.expert.severity >= {WARNING}", "-T", "fields", "-E", "aggregator=|",
                          "-e", "_ws.expert.severity", "-e", "_ws.expert.message").splitlines()
        found = {}
        for severities, messages in (line.split("\t") for line in lines):
            for severity, message in zip(severities.split("|"), messages.split("|")):
                if int(severity, 0) >= WARNING:
                    found[message] = found.get(message, 0) + 1
        return found


def allowed(scenario):
    """Beginnings of the expert items that a scenario may bring, from the list that says why."""
    rows = [line.split("\t") for line in EXPERT_ITEMS.read_text().splitlines()
            if line and not line.startswith("#")]
    return [message for name, message, _ in rows[1:] if name in (scenario, "*")]


def poke():
    """A datagram that passes the device whoever is behind it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with contextlib.suppress(OSError):
            sock.sendto(b"?", (V4, 9))


# --- the kernel's end

def connect(host, port):
    return socket.create_connection((host, port), timeout=60)


def is_refused(host, port):
    try:
        connect(host, port).close()
    except ConnectionRefusedError:
        return True
    return False


def end_from(text):
    """"10.9.0.1:41000" or "[fd00:9::1]:41000" as (address, port)."""
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port) if port.isdigit() else 0


def end_of(sock):
    """This end of a socket, as end_from() has it."""
    return sock.getsockname()[:2]


def spelled(end):
    """As lastack and the kernel's ss write an end."""
    address, port = end
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def kernel_states(port, local=False):
    """The kernel's view: {client's end: state} of connections to that port, of lastack's or (local) of
    its own. Both families: the same port number can be in use in each."""
    found = {}
    for line in run("ss", "-Htan").stdout.splitlines():
        state, _, _, ours, theirs = line.split()[:5]
        server, client = (ours, theirs) if local else (theirs, ours)
        if end_from(server)[1] == port and state != "LISTEN":
            state = {"ESTAB": "ESTABLISHED", "SYN-RECV": "SYN_RCVD"}.get(state, state)
            found[end_from(client)] = state.replace("-", "_")
    return found


def kernel_state(local_port, remote_port):
    """The kernel's state of the connection between two of its ports; CLOSED where it knows of none."""
    for line in run("ss", "-Htan", f"sport = :{local_port} and dport = :{remote_port}").stdout.splitlines():
        state = line.split()[0]
        return {"ESTAB": "ESTABLISHED", "SYN-RECV": "SYN_RCVD"}.get(state, state).replace("-", "_")
    return "CLOSED"


def abortive(sock):
    """From now on close() resets."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# --- octets

def read_all(sock):
    """(octets, SHA-256) of what comes until the FIN."""
    digest, size = hashlib.sha256(), 0
    while chunk := sock.recv(MIB):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def pattern(size):
    """What `serve source` and `serve turn` send."""
    period = bytes(range(251))
    return (period * (size // 251 + 1))[:size]


def checksum(octets):
    """RFC 1071."""
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn_from_nobody(port):
    """A SYN from an address that nobody has: the SYN,ACK is never answered."""
    source, destination = socket.inet_aton("10.9.0.77"), socket.inet_aton(V4)
    tcp = struct.pack("!HHIIBBHHH", 7777, port, 1000, 0, 5 << 4, 2, 65535, 0, 0)
    pseudo = source + destination + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, source, destination)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.sendto(ip + tcp, (V4, 0))
