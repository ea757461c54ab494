#!/usr/bin/env python3
"""lastack trace of a host that talks to the kernel: ladders, captures that tshark reads, and events as
they come. In a network namespace of the test's own."""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys

import lab
from lab import (COMMAND, V4, V6, check, connect, end_from, end_of, in_namespace, is_refused, run,
                 spelled, syn_from_nobody, until)

STATES = re.compile(r"\b(CLOSED|LISTEN|SYN_SENT|SYN_RCVD|ESTABLISHED|FIN_WAIT_1|FIN_WAIT_2|"
                    r"CLOSE_WAIT|CLOSING|LAST_ACK|TIME_WAIT)\b")
TITLE = re.compile(r"^(\S+) <-> (\S+)  began (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})$", re.M)


class Served(lab.Served):
    def trace(self, *arguments):
        return run(COMMAND, "trace", "--pid", self.pid, *arguments)

    def events(self, *arguments):
        return json.loads(self.trace("--json", *arguments).stdout)["hosts"][0]["events"]


class Following:
    """lastack trace -f with its output in a file, for as long as the block lasts."""

    def __init__(self, served, folder, *arguments):
        self.output = folder / "followed"
        self.command = [COMMAND, "trace", "-f", "--pid", served.pid, *arguments]

    def __enter__(self):
        with open(self.output, "wb") as file:
            self.process = subprocess.Popen(self.command, stdout=file, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.code = self.process.wait(10)

    def text(self):
        return self.output.read_text(errors="replace")


def talk(served, host):
    """Each way to end: the peer's end of a connection, and the states that the host goes through."""
    said = {}
    sock = connect(host, 7)
    sock.sendall(b"hello")
    assert sock.recv(5) == b"hello"
    mine = end_of(sock)
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(1) == b""
    sock.close()
    assert until(lambda: served.state(mine) is None)
    said[mine] = ["SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"]

    half = connect(host, 8)
    half.shutdown(socket.SHUT_WR)
    assert until(lambda: served.state(end_of(half)) == "CLOSE_WAIT")
    said[end_of(half)] = ["SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT"]

    sock = connect(host, 7)
    mine = end_of(sock)
    assert until(lambda: served.state(mine) == "ESTABLISHED")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    assert until(lambda: served.state(mine) is None)
    said[mine] = ["SYN_RCVD", "ESTABLISHED", "CLOSED"]

    assert is_refused(host, 9999)
    return said, half


def sections(text):
    """{(host's end, peer's end): its ladder}"""
    titles = list(TITLE.finditer(text))
    ends = [t.start() for t in titles[1:]] + [len(text)]
    return {(end_from(t[1]), end_from(t[2])): text[t.end():end] for t, end in zip(titles, ends)}


def check_ladders(served, said):
    done = served.trace()
    ladders = sections(done.stdout)
    check("a ladder for each connection and for each refused try",
          len(ladders) == done.stdout.count(" <-> ") == len(said) + 2, done.stdout + done.stderr)
    wrong = [f"{end}: {STATES.findall(text)}" for (_, end), text in ladders.items()
             if STATES.findall(text) != said.get(end, [])]
    check("each says the states in the order in which they were", not wrong, "\n".join(wrong))
    no = [text for (end, _), text in ladders.items() if end[1] == 9999]
    check("a closed port's says why, and the RST", len(no) == 2 and all(
        "(no_connection)" in text and "nobody listens" in text and "RST,ACK seq 1 ack 1" in text
        for text in no), "\n".join(no))
    echoed = next(text for (end, _), text in ladders.items() if end[1] == 7)
    calls = ["recv = 5", "send 5", "close()"]
    check("calls and segments stand in it",
          all(word in echoed for word in [*calls, "SYN,ACK seq 0 ack 1", "1:6 ACK ack 1", "◀", "▶"]),
          echoed)
    plain = served.trace("--ascii", "--lang", "zh", "sport", "=", ":9999").stdout
    check("--ascii and --lang", "◀" not in plain and "<" in plain and "没有这个连接" in plain, plain)


def check_filters(served, said):
    def peers(*words):
        return sorted(end for _, end in sections(served.trace(*words).stdout))
    waiting = sorted(end for end, states in said.items() if states[-1] == "CLOSE_WAIT")
    check("state close-wait: those whose latest state it is", peers("state", "close-wait") == waiting)
    check("dst: one", peers("dst", spelled(waiting[0])) == waiting[:1])
    check("dport: those", peers("dport", "=", f":{waiting[0][1]}") ==
          sorted(end for end in said if end[1] == waiting[0][1]))
    only = [end for end, _ in sections(served.trace("src", V4, "and", "sport", "=", ":9999").stdout)]
    check("src and sport: one", only == [(V4, 9999)], only)
    prefix = sections(served.trace("src", "[fd00:9::/32]", "and", "not", "dst", f"[{V6}]").stdout)
    check("an IPv6 network, in brackets", len(prefix) == 4, list(prefix))
    check("or without", len(sections(served.trace("src", "fd00:9::/32", "and", "not", "dst", V6).stdout)) == 4)
    check("nothing matches: exit code 3", served.trace("sport", "=", ":1").returncode == 3)
    bad = served.trace("sport", "=", ":70000")
    check("a filter that makes no sense: exit code 2", bad.returncode == 2 and "70000" in bad.stderr,
          bad.stderr)


def fields(capture, *names, show=None):
    extra = ["-Y", show] if show else []
    done = run("tshark", "-r", str(capture), "-d", "tcp.port==1-65535,data", *extra, "-T", "fields",
               *[f"-e{name}" for name in names])
    return [line.split("\t") for line in done.stdout.splitlines()]


def check_capture(served, folder, said):
    capture = folder / "trace.pcapng"
    done = served.trace("-w", str(capture))
    events = served.events()
    segments = [e for e in events if e["kind"] in ("arrived", "sent")]
    check("-w says how many packets", done.stdout.startswith(f"{len(segments)} packets: "),
          done.stdout + done.stderr)
    packets = fields(capture, "tcp.stream", "frame.time_epoch", "tcp.len",
                     "frame.packet_flags_direction")
    check("tshark reads as many packets as there are segments", len(packets) == len(segments),
          f"{len(packets)} of {len(segments)}")
    # Each answer lays the two clocks against each other anew.
    check("at their times", all(abs(float(p[1]) * 1e6 - e["wall_us"]) < 1000
                                for p, e in zip(packets, segments)), f"{packets[:3]} {segments[:3]}")
    check("with their lengths and ways", [(int(p[2]), int(p[3], 0)) for p in packets] == [
        (e["octets"], 1 if e["kind"] == "arrived" else 2) for e in segments],
        f"{packets[:3]} {segments[:3]}")
    streams = len({p[0] for p in packets})
    check("tshark counts the same connections", streams == len(said) + 2, streams)
    wrong = fields(capture, "frame.number", "_ws.expert.message",
                   show="_ws.malformed || tcp.analysis.ack_lost_segment || tcp.analysis.lost_segment "
                        "|| tcp.analysis.retransmission")
    check("nothing is malformed, nothing lost, nothing sent again", wrong == [], wrong)
    comments = [c for line in fields(capture, "frame.comment") for c in line]
    check("comments say why", any("dropped: no_connection" in c for c in comments) and
          any("ESTABLISHED -> CLOSE_WAIT (fin)" in c for c in comments), comments)
    some = folder / "some.pcapng"
    served.trace("-w", str(some), "src", f"[{V6}]")
    check("-w takes a filter", 0 < len(fields(some, "frame.number")) < len(segments) and
          {f[0] for f in fields(some, "ip.src")} == {""})
    piped = subprocess.run(f"'{COMMAND}' trace --pid {served.pid} -w - | tshark -r -", shell=True,
                           capture_output=True, text=True)
    check("-w - through a pipe", len(piped.stdout.splitlines()) == len(segments), piped.stderr)
    nowhere = served.trace("-w", "/nowhere/x")
    check("a file that can't be written: exit code 1", nowhere.returncode == 1 and
          "can't write /nowhere/x" in nowhere.stderr, nowhere.stderr)


def say_something(host=V4):
    with connect(host, 7) as sock:
        mine = end_of(sock)
        sock.sendall(b"x")
        sock.recv(1)
    return mine


def say_until_seen(seen, host=V4):
    """When a trace begins to be followed is not to be seen from here: something happens until it says
    so."""
    return until(lambda: (end := say_something(host)) and until(lambda: seen(end), 2))


def check_follow(served, folder, said):
    old = len(served.events())
    with Following(served, folder) as following:
        seen = say_until_seen(lambda end: f" {spelled(end)}  " in following.text())
        mine = spelled(say_something())  # the first may be seen from its middle
        whole = until(lambda: f" {mine}  LAST_ACK --acks_fin--> CLOSED" in following.text())
        text = following.text()
    check("--follow shows events as they come", seen and whole, text)
    lines = [line for line in text.splitlines() if f" {mine}  " in line]
    pattern = re.compile(rf"\d\d:\d\d:\d\d\.\d{{6}} {V4}:7 {re.escape(mine)}  \S.*")
    check("each with its time and both ends", lines and all(pattern.fullmatch(l) for l in lines), text)
    wanted = ["<- SYN seq 0", "LISTEN --syn--> SYN_RCVD", "-> SYN,ACK seq 0 ack 1", "<- ACK ack 1",
              "SYN_RCVD --acks_syn--> ESTABLISHED", "<- 1:2 ACK ack 1", "recv = 1", "send 1"]
    told = [line.split("  ", 1)[1] for line in lines]
    check("in the order in which they were", [t for t in told if t in wanted] == wanted, told)
    check("from now on", not any(f" {spelled(end)} " in text for end in said), text)
    check("a signal ends it with 0", following.code == 0, following.code)
    with Following(served, folder, "--all", "--json") as following:
        seen = until(lambda: following.text().count("\n") >= old)
        events = [json.loads(line) for line in following.text().split("\n")[:-1]]
    numbers = [e["number"] for e in events]
    check("--all begins with what was there", seen and numbers[:old] == list(range(old)), numbers[:9])


def check_follow_capture(served, folder):
    capture = folder / "live.pcapng"
    with Following(served, folder, "-w", str(capture)) as following:
        seen = say_until_seen(lambda end: [str(end[1])] in fields(capture, "tcp.srcport"), V6)
        port = say_something(V6)[1]
        whole = until(lambda: len(fields(capture, "frame.number", show=f"tcp.port == {port} && "
                                         "tcp.flags.fin == 1")) == 2)
    check("-f -w writes packets as they come", seen and whole, following.text())
    check("and a signal ends it with 0", following.code == 0, following.text())


def check_lost(folder):
    with Served("echo", "7", more=["--trace", "16"]) as served:
        with Following(served, folder) as following:
            say_until_seen(lambda end: f" {spelled(end)}  " in following.text())
            following.process.send_signal(signal.SIGSTOP)
            for _ in range(5):
                say_something()
            following.process.send_signal(signal.SIGCONT)
            lost = until(lambda: " events lost: the ring keeps 16 " in following.text())
        check("a ring that went round: how many were lost", lost, following.text())
        done = served.trace()
        check("and the ladders say that older ones are gone",
              re.search(r"^\d+ older events are gone: the ring keeps 16 ", done.stdout, re.M)
              and len(served.events()) == 16, done.stdout)
    with Served("echo", "7", more=["--trace", "0"]) as served:
        say_something()
        done = served.trace()
        check("--trace 0 keeps none: exit code 3", done.returncode == 3 and
              "keeps no trace" in done.stderr, done.stderr)


def check_retransmission(folder):
    with Served("echo", "7") as served:
        syn_from_nobody(7)
        only = ["dport", "=", ":7777"]
        ladder = lambda: served.trace(*only).stdout
        check("a retransmission says which it is, of how many, and after how long",
              until(lambda: "RTO 1 of 7, 1 s" in ladder() and "RTO 2 of 7, 2 s" in ladder()), ladder())
        capture = folder / "again.pcapng"
        served.trace("-w", str(capture), *only)
        found = fields(capture, "frame.comment", show="tcp.analysis.retransmission")
        check("and so do comments on what tshark takes for one too",
              len(found) >= 2 and found[1] == ["retransmission: RTO 2 of 7, 2 s"], found)


def check_several(folder):
    none = run(COMMAND, "trace")
    check("no host: exit code 3", none.returncode == 3 and "no host runs here" in none.stderr)
    with Served("echo", "7") as one, Served("echo", "7", name="ltr1", net=8) as two:
        check("nothing has happened: exit code 3", two.trace().returncode == 3)
        say_something(V4)
        say_something("10.8.0.2")
        text = run(COMMAND, "trace").stdout
        heads = re.findall(r"^== process (\d+) ==$", text, re.M)
        check("several hosts: each under its pid", heads == sorted([one.pid, two.pid], key=int), text)
        check("--pid: one of them", "10.8.0.2:7 <->" not in one.trace().stdout
              and "10.8.0.2:7 <->" in two.trace().stdout)


def main(folder):
    os.environ.update(LANG="C.UTF-8", LC_ALL="C.UTF-8", TERM="dumb")
    with Served("echo", "7", "forget", "8") as served:
        said, halves = {}, []
        for host in (V4, V6):
            more, half = talk(served, host)
            said.update(more)
            halves.append(half)
        check_ladders(served, said)
        check_filters(served, said)
        check_capture(served, folder, said)
        check_follow(served, folder, said)
        check_follow_capture(served, folder)
        for half in halves:
            half.close()
    check_lost(folder)
    check_retransmission(folder)
    check_several(folder)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
