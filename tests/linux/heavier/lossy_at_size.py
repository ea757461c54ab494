#!/usr/bin/env python3
"""Over bad wires what kernel_transfers.py --whole does over a good one, at its sizes and at 1 and 5 % loss: 1 GiB
each way, 1,000 connections at once, 100,000 one after another. Loss makes each wait for its timers, so that they go
side by side, each in a network namespace of its own, and the connections in a hundred rows. What the kernel and
lastack hold besides, and what tshark says of it, is kernel_lossy.py's.

    lossy_at_size.py [NAME...]   only those whose names have one of these in them: "at once", "5 %", "TAP"
"""
import asyncio
import collections
import contextlib
import errno
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import lab
import scenarios
from lab import GIB, MIB, check, in_namespace
from scenarios import KERNEL, OURS, ROUGH, Relay, Scale, kernel_server, serve_tasks, timed

ROWS, PORTS_OF_ONE = 100, 10
TOLD_EVERY = 60  # seconds


def scale_of(share):
    return Scale(octets=GIB, at_once=1000, octets_each=MIB, in_a_row=100_000, held=0,
                 wire=f"loss={share}%,{ROUGH}", name=f"{share} % lost: ")


def parts():
    """{name: what to do}, the longest first."""
    made = {}
    for share in (5, 1):
        scale = scale_of(share)
        for medium in ("TUN", "TAP"):
            for family in (4, 6):
                where = f"{share} %, {medium}, IPv{family}"
                made[f"transfer, lastack serves, {where}"] = \
                    lambda s=scale, m=medium, f=family: scenarios.each_way_served(s, m, (f,))
                made[f"transfer, lastack connects, {where}"] = \
                    lambda s=scale, m=medium, f=family: scenarios.each_way_connected(s, m, (f,))
        for family in (4, 6):
            made[f"in a row, {share} %, IPv{family}"] = lambda s=scale, f=family: in_rows(s, f)
            made[f"at once, {share} %, IPv{family}"] = lambda s=scale, f=family: scenarios.many_at_once(s, (f,))
    return made


# --- one after another, a hundred times side by side

async def answer_and_close(reader, writer):
    """The server closes first: TIME_WAIT is the kernel's."""
    with contextlib.suppress(OSError):
        writer.write(await reader.read(100))
        writer.close()
        await writer.wait_closed()


async def connected(family, ports):
    """A socket from the next port whose last connection is over at this end: one whose FIN was lost is not yet."""
    loop = asyncio.get_running_loop()
    while True:
        sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((KERNEL[family], ports[0]))
            await loop.sock_connect(sock, (OURS[family], 80))
            return sock
        except OSError as error:
            sock.close()
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            await asyncio.sleep(0.01)
        finally:
            ports.rotate(-1)


async def one(family, ports, number):
    """True, or what came back instead."""
    loop = asyncio.get_running_loop()
    text = str(number).encode()
    with await connected(family, ports) as sock:
        await loop.sock_sendall(sock, text)
        seen = b""
        while part := await loop.sock_recv(sock, 100):
            seen += part
    return seen == text or seen


async def row(family, number, length, bad):
    first = 50_000 + number * PORTS_OF_ONE
    ports = collections.deque(range(first, first + PORTS_OF_ONE))
    for i in range(length):
        try:
            good = await asyncio.wait_for(one(family, ports, number * length + i), 120)
        except (OSError, asyncio.TimeoutError) as error:
            good = repr(error)
        if good is not True:
            bad.append((number, i, good))
        if len(bad) > 5:
            return


async def all_rows(family, length, bad, ask):
    tasks = [asyncio.create_task(row(family, number, length, bad)) for number in range(ROWS)]
    asking = asyncio.create_task(asyncio.to_thread(ask, lambda: all(task.done() for task in tasks)))
    await asyncio.gather(*tasks)
    await asking


def in_rows(scale, family):
    """Each SYN but the first ones comes in on TIME_WAIT, of lastack's at its server's side, of the kernel's at its
    client's."""
    seen, bad = [(0, 0)], []
    ports = ROWS * PORTS_OF_ONE
    with kernel_server(serve_tasks, family, answer_and_close) as port, \
            Relay(scale.medium, family, port, [*scale.options(), "--ports", f"40000-{40000 + ports - 1}"]) as relay:

        def ask(is_over):
            while not is_over():
                seen.append(relay.time_waits(port))
                time.sleep(1)

        with timed(f"{scale.name}IPv{family}, {scale.in_a_row} in {ROWS} rows", connections=scale.in_a_row):
            asyncio.run(all_rows(family, scale.in_a_row // ROWS, bad, ask))
    scale.check(f"IPv{family}: {scale.in_a_row} connections one after another in {ROWS} rows through lastack, from "
                f"{ports} ports at each leg", not bad, *bad, relay.said)
    most = [max(counts) for counts in zip(*seen)]
    scale.check(f"IPv{family}: and both sides had those ports in TIME_WAIT", min(most) >= ports // 2, most)


# --- side by side

def only(name):
    # The kernel gives up what it retransmits for a server that has closed after 102 s in which nothing was
    # acknowledged, and tells nobody: where a thousand share two cores, five losses in a row are enough for that.
    pathlib.Path("/proc/sys/net/ipv4/tcp_orphan_retries").write_text("15")
    parts()[name]()


def begin(name):
    return subprocess.Popen([sys.executable, __file__, "--only", name], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "LASTACK_FIGURES": "1"})


def main(words):
    wanted = [name for name in parts() if not words or any(word in name for word in words)]
    running = {name: begin(name) for name in wanted}
    began = told = time.monotonic()
    while running:
        time.sleep(1)
        for name in [name for name, process in running.items() if process.poll() is not None]:
            process = running.pop(name)
            print(process.stdout.read(), end="", flush=True)
            check(f"{name}: is over", process.returncode == 0, f"exit code {process.returncode}")
        if running and time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            print(f"{told - began:.0f} s: {len(running)} of {len(wanted)} go on, {next(iter(running))} among them",
                  file=sys.stderr, flush=True)
    return lab.checks.status()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--only"]:
        sys.exit(in_namespace(lambda folder: only(sys.argv[2])))
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]}: needs root, for namespaces and devices")
    sys.exit(main(sys.argv[1:]))
