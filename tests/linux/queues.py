#!/usr/bin/env python3
"""lastack serve --queues: several hosts on several queues of one TUN device, against the kernel's sockets, in
a network namespace of the test's own."""
import contextlib
import json
import os
import socket
import sys
import time

from lab import COMMAND, KIB, MIB, V4, V6, Served, check, connect, end_of, in_namespace, must, pattern, run, spelled, until

QUEUES = 4
CLIENTS = 48


def echoes(sock, octets):
    sock.sendall(octets)
    got = b""
    while len(got) < len(octets) and (chunk := sock.recv(len(octets) - len(got))):
        got += chunk
    return got == octets


def clients_share_the_hosts(served):
    """Whichever queue the kernel picks for a new connection, the host whose it is answers."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(host, 7)) for host in (V4, V6) for _ in range(CLIENTS // 2)]
        good = [echoes(sock, os.urandom(3 * KIB)) for sock in clients]
        check("each of many connections echoes", all(good), good.count(False))
        rows = [row for row in served.rows() if row["state"] == "ESTABLISHED"]
        check("ss shows the connections of all hosts", len(rows) == CLIENTS, len(rows))
        queues = {row["queue"] for row in rows}
        check("every host has some of them", queues == set(range(QUEUES)), queues)
        check("packets came to hosts whose they were not", served.counters()["handed_over"] > 0)
        opens = nstat("TcpPassiveOpens")
        check("nstat counts for all hosts", opens == CLIENTS, opens)
        check("and none was reset", served.counters()["resets_out"] == 0)
        idle_flows(served, clients)


def idle_flows(served, clients):
    """The kernel forgets where a flow is when nothing was written for three seconds; then its packets come
    where its hash says, and go on to where they belong."""
    before = served.counters()["handed_over"]
    waiting = list(clients)

    def forgotten():
        time.sleep(0.5)  # one tries after another: a connection that is tried is remembered anew
        sock = waiting.pop()
        return not echoes(sock, b"still there?") or served.counters()["handed_over"] > before

    check("the kernel has forgotten flows", until(forgotten, 30))
    check("which go on all the same", all(echoes(sock, b"yes") for sock in clients))


def nstat(name):
    answer = json.loads(run(COMMAND, "nstat", "-asz", "--json", name).stdout)
    return answer["hosts"][0]["counters"][name]


def bulk():
    """Both ways, over as many connections as there are hosts and more."""
    socks = [connect(V4, 20) for _ in range(2 * QUEUES)]
    for sock in socks:
        sock.shutdown(socket.SHUT_WR)
    whole = pattern(MIB)
    good = []
    for sock in socks:
        got = b"".join(iter(lambda: sock.recv(MIB), b""))
        good.append(got == whole)
        sock.close()
    check("1 MiB comes whole over each of many connections", all(good), good)


def asked_about_one(served):
    answer = json.loads(served.ask("pause").stdout or "{}")
    check("the link is paused for all hosts", answer.get("paused") == {"in": True, "out": True}, answer)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"waits", (V4, 9))
        passed = lambda queue: json.loads(run(COMMAND, "ask", "pass", "in", "--queue", str(queue)).stdout)
        check("a packet that waits is passed on by the host at whose queue it is",
              until(lambda: any(passed(queue)["packets"] == 1 for queue in range(QUEUES))))
    check("a queue that is none is refused", passed(QUEUES) == {"error": "there is no such queue"}, passed(QUEUES))
    check("and goes on for all", served.ask("resume").returncode == 0)


def traced(served):
    """Each host has a trace of its own: all of them are shown."""
    ends = []
    for _ in range(2 * QUEUES):
        with connect(V4, 7) as sock:
            ends.append(end_of(sock))
            echoes(sock, b"seen?")
    hosts = json.loads(run(COMMAND, "trace", "--json").stdout)["hosts"]
    check("trace has a part for each host", [host["queue"] for host in hosts] == list(range(QUEUES)), len(hosts))
    seen = {event["remote"] for host in hosts for event in host["events"]}
    check("and together they have seen all connections", all(spelled(end) in seen for end in ends), ends)
    text = run(COMMAND, "trace").stdout
    heads = [f"== process {served.pid}:{queue} ==" for queue in range(QUEUES)]
    check("each under its queue", all(head in text for head in heads), text[:2000])


def ends_in_order(served):
    """At the end each host closes its connections."""
    socks = [connect(V4, 7) for _ in range(2 * QUEUES)]
    good = all(echoes(sock, b"here") for sock in socks)
    served.process.terminate()
    check("at SIGTERM every host closes with FIN", good and all(sock.recv(10) == b"" for sock in socks))
    for sock in socks:
        sock.close()


def wrong_usage():
    tap = run(COMMAND, "serve", "echo", "7", "--queues", "2", "--tap", "lb0", "--ip", "10.9.7.2/24")
    check("several queues are a TUN device's only", tap.returncode == 2, tap.stderr)
    must("ip", "tuntap", "add", "dev", "lb1", "mode", "tun")
    one = run(COMMAND, "serve", "echo", "7", "--queues", "2", "--tun", "lb1", "--ip", "10.9.7.2/24")
    check("one that was made for one queue says how to make it",
          one.returncode == 1 and "multi_queue" in one.stderr, one.stderr)
    must("ip", "link", "del", "lb1")


def main(_):
    wrong_usage()
    with Served("echo", "7", "turn", f"20={MIB}", "udp-echo", "7", more=["--queues", str(QUEUES)]) as served:
        clients_share_the_hosts(served)
        bulk()
        asked_about_one(served)
        traced(served)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.sendto(b"datagram", (V4, 7))
            check("UDP is answered wherever it comes", sock.recv(100) == b"datagram")
        ends_in_order(served)
    check("and the command ends with 0", served.code == 0, served.code)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
