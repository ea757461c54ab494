"""What is tried against the kernel at several sizes: transfers, many connections at once and one after another,
half-closes that last; over a good wire and over bad ones. kernel_transfers.py and kernel_lossy.py run them."""
import asyncio
import collections
import contextlib
import dataclasses
import hashlib
import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import time

import lab
from lab import (COMMAND, KERNEL_V4, KERNEL_V6, MIB, V4, V6, Served, check, kernel_states, pattern, run, until)

OURS = {4: V4, 6: V6}
KERNEL = {4: KERNEL_V4, 6: KERNEL_V6}
MOST_SECONDS = 1800  # of a transfer among many: one that hangs is told
ANY = {4: "0.0.0.0", 6: "::"}  # the device, and with it the kernel's addresses, may come later


ROUGH = "delay=1ms,jitter=1ms,reorder=2%,reorder-by=3ms,duplicate=0.5%,seed=1"  # and what it loses


@dataclasses.dataclass
class Scale:
    """How much of each; `wire` is what --wire is given, none for a good one."""
    octets: int          # each way, in one transfer
    at_once: int         # connections
    octets_each: int     # each way, in each of those
    in_a_row: int        # connections
    held: float          # seconds that a half-close lasts
    wire: str = ""
    ports: int = 16      # at each leg, of those in a row: each is used again while in TIME_WAIT
    medium: str = "TUN"  # where it is not told otherwise
    more: tuple = ()     # further options of lastack
    name: str = ""       # of the wire, for the checks

    def options(self):
        return [*(["--wire", self.wire] if self.wire else []), *self.more]

    def check(self, text, good, *details):
        return check(f"{self.name}{text}", good, *details)


def tell(text):
    """A figure for whoever runs the heavy sizes."""
    if os.environ.get("LASTACK_FIGURES"):
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def timed(what, octets=0, connections=0):
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    rate = f", {octets / seconds / 1e6:.0f} MB/s" if octets else ""
    rate += f", {connections / seconds:.0f} connections/s" if connections else ""
    tell(f"{what}: {seconds:.1f} s{rate}")


# --- the kernel's side, in processes of its own

def serve_kernel(family, handle, ready):
    """A server of the kernel's that calls handle(socket) for one connection after another."""
    listener = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ANY[family], 0))
    listener.listen(1024)
    ready.send(listener.getsockname()[1])
    while True:
        sock, _ = listener.accept()
        with contextlib.suppress(OSError), sock:
            handle(sock)


def echo_all(sock):
    """As it comes, both ways at once; closes after the peer's FIN and the last octet."""
    waiting, ended = collections.deque(), False
    sock.setblocking(False)
    while not ended or waiting:
        readable, writable, _ = select.select([] if ended or len(waiting) > 64 else [sock],
                                              [sock] if waiting else [], [])
        if readable:
            part = sock.recv(MIB)
            ended = part == b""
            if part:
                waiting.append(memoryview(part))
        if writable:
            sent = sock.send(waiting[0])
            waiting[0] = waiting[0][sent:]
            if not waiting[0]:
                waiting.popleft()


def answer_and_close(sock):
    """The server closes first: TIME_WAIT is the kernel's."""
    sock.sendall(sock.recv(100))


async def echo_stream(reader, writer):
    with contextlib.suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
        writer.close()
        await writer.wait_closed()


def serve_tasks(family, handle, ready):
    """All connections at once, each handled by handle(reader, writer)."""
    async def run_server():
        server = await asyncio.start_server(handle, ANY[family], 0, backlog=4096)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run_server())


@contextlib.contextmanager
def kernel_server(target, *arguments):
    """The port of a server that runs for as long as the block lasts."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=target, args=(*arguments, there))
    process.start()
    there.close()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


# --- one transfer, each way

def blocks(size):
    """Octets of no pattern, the same in each run, in blocks."""
    block = hashlib.shake_256(b"lastack").digest(MIB)
    for i in range(0, size, MIB):
        part = block[i // MIB % 4096:] + block[:i // MIB % 4096]
        yield part[:min(MIB, size - i)]


def exchange(send, end, receive, size, apart=lambda: None):
    """Sends, in a process of its own, and receives at once: (SHA-256 sent, SHA-256 received, octets
    received). `apart` is what is left for this process to do once the other sends."""
    pid = os.fork()
    if pid == 0:
        for block in blocks(size):
            send(block)
        end()
        os._exit(0)
    apart()
    sent, seen, count = hashlib.sha256(), hashlib.sha256(), 0
    while part := receive(MIB):
        seen.update(part)
        count += len(part)
    for block in blocks(size):
        sent.update(block)
    os.waitpid(pid, 0)
    return sent.digest(), seen.digest(), count


def device(medium):
    options = ["--tap" if medium == "TAP" else "--tun", "la0"]
    is_there = run("ip", "link", "show", "la0").returncode == 0  # made beforehand, for a capture
    for family, length in ((4, 24), (6, 64)):
        options += ["--ip", f"{OURS[family]}/{length}", *([] if is_there else ["--peer", KERNEL[family]])]
    return options


class On(Served):
    """lastack serve, on either kind of device."""

    def __init__(self, medium, *services, more=()):
        self.command = [COMMAND, "serve", *services, *device(medium), *more]


def each_way_served(scale, medium, families=(4, 6)):
    with On(medium, "echo", "7", more=scale.options()):
        for family in families:
            sock = lab.connect(OURS[family], 7)
            sock.settimeout(120)
            with timed(f"{scale.name}{medium}, IPv{family}, served", 2 * scale.octets):
                sent, seen, count = exchange(sock.sendall, lambda: sock.shutdown(socket.SHUT_WR), sock.recv,
                                             scale.octets)
            sock.close()
            scale.check(f"{medium}, IPv{family}, lastack serves: {scale.octets >> 20} MiB each way at once, "
                        "SHA-256 equal", sent == seen, f"{count} octets came back")


def each_way_connected(scale, medium, families=(4, 6)):
    for family in families:
        with kernel_server(serve_kernel, family, echo_all) as port:
            process = subprocess.Popen([COMMAND, "connect", "-N", KERNEL[family], str(port), *device(medium),
                                        *scale.options()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            def write(block):
                left = memoryview(block)
                while left:
                    left = left[os.write(process.stdin.fileno(), left):]
            # The other process has the pipe, too: its end is seen once both have closed it.
            read = lambda most: os.read(process.stdout.fileno(), most)
            with timed(f"{scale.name}{medium}, IPv{family}, connected", 2 * scale.octets):
                sent, seen, count = exchange(write, process.stdin.close, read, scale.octets,
                                             apart=process.stdin.close)
            process.stdout.close()
            code = process.wait(60)
        scale.check(f"{medium}, IPv{family}, lastack connects: {scale.octets >> 20} MiB each way at once, "
                    "SHA-256 equal", sent == seen and code == 0, f"{count} octets came back, exit code {code}")


def transfers(scale):
    for medium in ("TUN", "TAP"):
        each_way_served(scale, medium)
        each_way_connected(scale, medium)


# --- many

class Relay(Served):
    """The kernel to the kernel through lastack, which so has both roles at once."""

    def __init__(self, medium, family, port, more=()):
        self.command = [COMMAND, "relay", "80", KERNEL[family], str(port), *device(medium), *more]

    def __enter__(self):
        super().__enter__()
        return self

    def time_waits(self, port):
        """How many stand in TIME_WAIT: at lastack's server's side, at that of the kernel's server on `port`."""
        ours = [row["state"] for row in self.rows() if row["local"].endswith(":80")]
        return ours.count("TIME_WAIT"), list(kernel_states(port, local=True).values()).count("TIME_WAIT")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.said, _ = self.process.communicate(timeout=60)
        self.code = self.process.returncode


async def talk(family, number, size, all_open):
    """One of many: opens, waits for the others, sends and is echoed."""
    data = hashlib.shake_256(str(number).encode()).digest(65536) * (size // 65536 + 1)
    data = data[:size]
    reader, writer = await asyncio.open_connection(OURS[family], 80)
    await all_open.wait()

    async def send():
        for i in range(0, size, 65536):
            writer.write(data[i:i + 65536])
            await writer.drain()
        writer.write_eof()

    sender = asyncio.create_task(send())
    seen, count = hashlib.sha256(), 0
    while part := await reader.read(65536):
        seen.update(part)
        count += len(part)
    await sender
    writer.close()
    return seen.digest() == hashlib.sha256(data).digest(), count


async def talk_all(family, count, size, relay):
    all_open = asyncio.Barrier(count) if hasattr(asyncio, "Barrier") else None
    talks = [asyncio.wait_for(talk(family, i, size, all_open), MOST_SECONDS) for i in range(count)]
    results = await asyncio.gather(*talks, return_exceptions=True)
    return [r for r in results if not (isinstance(r, tuple) and r[0])]


def many_at_once(scale, families=(4, 6)):
    for family in families:
        with kernel_server(serve_tasks, family, echo_stream) as port, \
                Relay(scale.medium, family, port, scale.options()) as relay:
            with timed(f"{scale.name}IPv{family}, {scale.at_once} at once", 2 * scale.at_once * scale.octets_each,
                       scale.at_once):
                bad = asyncio.run(talk_all(family, scale.at_once, scale.octets_each, relay))
        scale.check(f"IPv{family}: {scale.at_once} connections at once through lastack in both roles, "
                    f"{scale.octets_each >> 10} KiB each way in each", not bad, f"{len(bad)} went wrong",
                    *bad[:3], relay.said)


def in_a_row(scale):
    """One after another, from few ports at either leg: each SYN but the first ones comes in on TIME_WAIT, of
    lastack's at its server's side, of the kernel's at its client's."""
    ports = scale.ports
    for family in (4, 6):
        first = 40000
        with kernel_server(serve_kernel, family, answer_and_close) as port, \
                Relay(scale.medium, family, port,
                      [*scale.options(), "--ports", f"{first}-{first + ports - 1}"]) as relay:
            bad, most = [], [0, 0]
            with timed(f"{scale.name}IPv{family}, {scale.in_a_row} in a row", connections=scale.in_a_row):
                for i in range(scale.in_a_row):
                    good = one_of_a_row(family, 50000 + i % ports, i)
                    if good is not True:
                        bad.append((i, good))
                    if i % (scale.in_a_row // 4) == scale.in_a_row // 8:
                        most = [max(pair) for pair in zip(most, relay.time_waits(port))]
                    if len(bad) > 5:
                        break
        scale.check(f"IPv{family}: {scale.in_a_row} connections one after another through lastack, from "
                    f"{ports} ports at each leg", not bad, *bad, relay.said)
        scale.check(f"IPv{family}: and both sides had those ports in TIME_WAIT", min(most) >= ports // 2, most)


def one_of_a_row(family, port, number):
    """True, or what went wrong."""
    text = str(number).encode()
    try:
        with socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.settimeout(60)
            sock.bind((KERNEL[family], port))
            sock.connect((OURS[family], 80))
            sock.sendall(text)
            seen = b"".join(iter(lambda: sock.recv(100), b""))
    except OSError as error:
        return repr(error)
    return seen == text or seen


# --- half-closes that last

def half_closes(scale):
    """nc and socat have said all they have to say; lastack goes on for as long as they listen."""
    tools = {"nc -N": lambda host: ["nc", "-N", host, "19"],
             "socat": lambda host: ["socat", "-t", "1000000", "-", f"TCP:{f'[{host}]' if ':' in host else host}:19"]}
    with On(scale.medium, "source", "19", more=scale.options()) as served:
        held = [Holding(name, tool(OURS[family]), family) for name, tool in tools.items() for family in (4, 6)]
        both = lambda: (sorted(served.states(19).values()), sorted(kernel_states(19).values()))
        wanted = (["CLOSE_WAIT"] * 4, ["FIN_WAIT_2"] * 4)
        good = until(lambda: both() == wanted)
        end = time.monotonic() + scale.held
        rounds = 0
        while time.monotonic() < end:  # a little at a time, and none of them is forgotten
            for one in held:
                one.reads()
            rounds += 1
        still = both() == wanted
        for one in held:
            scale.check(f"{one.name}, IPv{one.family}: half-closed for {scale.held:.0f} s, and lastack goes on sending",
                        good and still and one.is_right and one.last_came, both(), one.octets)
            one.end()
        scale.check("and a reset ends it", until(lambda: served.states(19) == {}), served.rows())


class Holding:
    """A program that has half-closed its connection to `serve source`, and what it prints."""

    def __init__(self, name, command, family):
        self.name, self.family = name, family
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
        self.octets, self.is_right, self.last_came = 0, True, False

    def reads(self):
        """Some of it; whether it is what the service sends at that place."""
        self.last_came = bool(select.select([self.process.stdout], [], [], 20)[0])
        part = os.read(self.process.stdout.fileno(), 65536) if self.last_came else b""
        at = self.octets % 251
        self.is_right &= part != b"" and part == pattern(len(part) + at)[at:]
        self.octets += len(part)
        time.sleep(0.01)  # nobody listens at full speed for a minute

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def everything(scale):
    transfers(scale)
    all_but_transfers(scale)


def all_but_transfers(scale):
    many_at_once(scale)
    in_a_row(scale)
    half_closes(scale)
