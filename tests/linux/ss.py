#!/usr/bin/env python3
"""lastack ss beside the kernel's ss: the same connections seen from both ends of a TUN device, in a
network namespace of the test's own."""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys

from lab import (COMMAND, KERNEL_V4, KERNEL_V6, QUEUED, V4, V6, Control, Served, check, in_namespace, run, sockets_of,
                 syn_from_nobody, until)

# What the kernel is in where lastack is in that: the connections below are made so.
PEER = {"ESTAB": "ESTAB", "CLOSE-WAIT": "FIN-WAIT-2", "FIN-WAIT-2": "CLOSE-WAIT",
        "LAST-ACK": "FIN-WAIT-2"}


# --- both views

def ours(*words):
    """lastack ss: what it printed, line by line."""
    return run(COMMAND, "ss", *words).stdout.splitlines()


def theirs(*words):
    return run("ss", *words).stdout.splitlines()


def rows_of(lines):
    """{(local, peer): line} of the lines that are rows, without a State column or with one."""
    found = {}
    for line in lines:
        if not line[0].isspace():
            ends = [word for word in line.split() if re.fullmatch(r"\S+:(\d+|\*)", word)]
            if len(ends) >= 2:  # else the headings
                found[tuple(ends[:2])] = line
    return found


def mirrored(rows):
    """The kernel's connections to lastack, under the names that lastack has for them."""
    return {(peer, local): line for (local, peer), line in rows.items()
            if peer.startswith((V4 + ":", f"[{V6}]:"))}


def json_rows():
    return sockets_of(run(COMMAND, "ss", "--json"))


def figures(lines, key):
    """{"mss": "1448", "ts": "", ...} of the connection's line of internals; both print it so."""
    at = next(i for i, line in enumerate(lines) if key in rows_of([line]))
    return {word.partition(":")[0]: word.partition(":")[2] for word in lines[at + 1].split()}


# --- connections

def connect(host, port, receive_buffer=None):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(30)
    sock.connect((host, port))
    return sock


def read(sock, octets=None):
    """So many octets, or all there are up to the FIN."""
    while (octets is None or octets > 0) and (part := sock.recv(65536)):
        octets = octets and octets - len(part)


def make_connections():
    """In the states that both ends can stay in, over both families; what to hold on to."""
    held = []
    for host in (V4, V6):
        idle = connect(host, 7)
        idle.sendall(b"x" * 30000)
        read(idle, 30000)
        half = connect(host, 8)
        half.sendall(b"y" * 12345)
        half.shutdown(socket.SHUT_WR)  # CLOSE-WAIT
        queued = connect(host, 90, 4096)
        queued.shutdown(socket.SHUT_WR)  # LAST-ACK, behind what nobody reads
        unread = connect(host, 19, 4096)  # a closed window
        ended, waits = connect(host, 80), connect(host, 80)
        for sock in (ended, waits):
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            read(sock)
        ended.close()  # TIME-WAIT at lastack; the other stays in FIN-WAIT-2
        held += [idle, half, queued, unread, waits]
    syn_from_nobody(7)
    return held


EXPECTED = sorted([*["CLOSE-WAIT", "ESTAB", "ESTAB", "FIN-WAIT-2", "LAST-ACK", "TIME-WAIT"] * 2,
                   "SYN-RECV"])


def states_now():
    return sorted(line.split()[0] for line in ours("-tnaH") if not line.startswith("LISTEN"))


# --- the tests

def check_columns():
    # Where ports are short, iproute2 leaves no space before its last heading.
    heading, wanted = ("".join(lines[0].split()) for lines in (ours("-tn"), theirs("-tn")))
    check("the headings are iproute2's", heading == wanted, heading, wanted)
    table = ours("-tna")
    places = [(line.index(":"), *(m.start() for m in re.finditer(r"(?<=:)(\d+|\*|Port)", line)))
              for line in (re.sub(r"\[.*?\]", lambda m: "6" * len(m[0]), line) for line in table)]
    check("addresses end and ports begin in one column", len({p[1:] for p in places}) == 1,
          *table)
    names = theirs("-tnH")
    seen, kernel = rows_of(ours("-tnaH")), mirrored(rows_of(theirs("-tnaH")))
    alive = {key: line for key, line in seen.items()
             if line.split()[0] not in ("LISTEN", "TIME-WAIT", "SYN-RECV")}
    check("each connection stands in both tables, the ends exchanged", set(alive) == set(kernel),
          set(alive) ^ set(kernel))
    wrong = [(line, kernel[key]) for key, line in alive.items()
             if key in kernel and kernel[key].split()[0] != PEER.get(line.split()[0])]
    check("and in the states that belong together", not wrong and len(names) > 5, *wrong)
    default = rows_of(ours("-tn"))
    check("TIME-WAIT, SYN-RECV and listeners are not shown by default", set(default) == set(alive),
          set(default) ^ set(alive))


def queues():
    """Of each connection that waits for the kernel's window: its name, its port, Send-Q and bytes_acked here, and
    Recv-Q there."""
    lines = ours("-tnai")
    kernel = mirrored(rows_of(theirs("-tnaH")))
    return [(key[0], port, int(line.split()[2]), int(figures(lines, key)["bytes_acked"]), int(kernel[key].split()[1]))
            for key, line in rows_of(lines).items() if (port := int(key[0].rsplit(":", 1)[1])) in (19, 90)
            and not line.startswith("LISTEN")]


def check_queues():
    """Send-Q here is what the kernel has not acknowledged; its Recv-Q is what it has and keeps. Some of its ACKs are
    delayed."""
    until(lambda: all(acked == kept for _, _, _, acked, kept in queues()), 5)
    found = queues()
    check("there are connections that wait for the kernel's window", len(found) == 4, *found)
    for name, port, queued, acked, kept in found:
        check(f"{name}: the kernel keeps as many octets as it acknowledged", acked == kept, acked, kept)
        if port == 90:
            check(f"{name}: Send-Q is the rest and a FIN", queued == QUEUED - kept + 1, queued, kept)
        else:
            check(f"{name}: Send-Q is full", queued > QUEUED, queued)


def check_listeners():
    with socket.create_server(("0.0.0.0", 7), backlog=1024) as one, \
            socket.create_server(("::", 7), family=socket.AF_INET6, backlog=1024) as two:
        assert one and two
        kernel = {" ".join(line.split()) for line in theirs("-ltnH", "sport", "=", ":7")}
    here = {" ".join(line.split()) for line in ours("-ltnH", "sport", "=", ":7")}
    check("listeners are written as the kernel's ss writes its own", here == kernel and len(here) == 2,
          here, kernel)


# Words for lastack; the kernel gets them with the ends exchanged.
FILTERS = ["sport = :7", "sport == 7", "sport eq :7", "sport 7", "sport != :7", "sport ne :7",
           "sport > :8", "sport gt 8", "sport < :8", "sport lt :8", "sport >= :19", "sport ge :19",
           "sport <= :8", "sport le :8", f"src {V4}", f"src = {V4}", f"src [{V6}]", f"src {V4}:7",
           f"src [{V6}]:8", "src 10.9.0.0/24", "src 10.9.0/24", "src 10.9.0.2/31:8", "src :19",
           "src *:90", f"dst {KERNEL_V4}", f"dst [{KERNEL_V6}]", f"not src {V4}", f"! dst {KERNEL_V4}",
           "( sport = :7 or sport = :8 ) and src 10.9.0.2", "sport = :7 or sport = :8",
           "sport = :7 | sport = :8", "sport = :7 || sport = :90", f"sport = :7 and src {V4}",
           f"sport = :7 & src {V4}", f"sport = :7 && src {V4}", f"sport = :7 src {V4}",
           "not ( sport = :7 or sport = :8 )", "! ! sport = :8", "not sport = :7 and sport le :80",
           "( ( sport = :7 ) and ( not ( dst 10.9.0.1 ) ) )", "sport = :echo",
           "dport ge :CLIENT", "dport lt :CLIENT", "dport = :CLIENT", "dport != :CLIENT"]
EXCHANGED = {"sport": "dport", "dport": "sport", "src": "dst", "dst": "src"}


def check_filters():
    mine = rows_of(ours("-tnH"))
    # As many of the kernel's ports lie below it as above.
    clients = sorted(int(peer.rsplit(":", 1)[1]) for _, peer in mine)
    client = str(clients[len(clients) // 2])
    for text in FILTERS:
        words = text.replace("CLIENT", client).split()
        selected = set(rows_of(ours("-tnH", *words)))
        kernel = theirs("-tnH", *(EXCHANGED.get(word, word) for word in words))
        wanted = set(mirrored(rows_of(kernel)))
        check(f"filter {text}: what iproute2 picks, too",
              selected == wanted and 0 < len(selected) < len(mine), selected, wanted)
        check(f"filter '{text}' in one word",
              set(rows_of(ours("-tnH", text.replace("CLIENT", client)))) == selected)
    wanted = {key for key in mine if key[0].endswith((":7", ":8")) and V4 in key[0]}
    tight = set(rows_of(ours("-tnH", f"(sport=:7|sport=:8)&!src=[{V6}]")))
    check("signs may touch their neighbours", tight == wanted and wanted, tight)
    # Here the manual of iproute2 holds, and not what it does (6.1): from left to right.
    both = set(rows_of(ours("-tnH", "sport", "=", ":7", "or", "sport", "=", ":8", "and", "src", V4)))
    check("and binds more than or", both == {key for key in mine if key[0].endswith(":7")
                                             or key[0] == f"{V4}:8"}, both)


def check_states():
    rows = [(row["state"], row["local"], row["remote"]) for row in json_rows()]
    states = {row[0] for row in rows}
    asked = {"established": {"ESTABLISHED"}, "close-wait": {"CLOSE_WAIT"}, "last-ack": {"LAST_ACK"},
             "fin-wait-2": {"FIN_WAIT_2"}, "time-wait": {"TIME_WAIT"}, "listening": {"LISTEN"},
             "syn-recv": {"SYN_RCVD"}, "CLOSE_WAIT": {"CLOSE_WAIT"}, "SYN_RCVD": {"SYN_RCVD"},
             "bucket": {"SYN_RCVD", "TIME_WAIT"}}
    asked |= {"all": states, "connected": states - {"LISTEN"}, "big": states - asked["bucket"],
              "synchronized": states - {"LISTEN"}}
    for name, wanted in asked.items():
        for word, are in (("state", wanted), ("exclude", states - wanted)):
            if not are:
                continue
            seen = set(rows_of(ours("-tnH", word, name)))
            check(f"{word} {name}", seen == {row[1:] for row in rows if row[0] in are}, seen)
    both = ours("-tnH", "state", "connected", "exclude", "established", "sport", "=", ":8")
    check("states and an expression", {line.split()[0] for line in both} == {"CLOSE-WAIT"}
          and len(both) == 2, *both)
    check("one state alone needs no column",
          ours("-tn", "state", "established")[0].split()[0] == "Recv-Q")
    for option, family in (("-4", V4), ("-6", V6)):
        seen = rows_of(ours("-tnH", option))
        check(f"{option} shows its family", seen and all(family in key[0] for key in seen), seen)


def check_internals():
    here, kernel = ours("-tni"), theirs("-tnoi")
    for host in (V4, f"[{V6}]"):
        for port in (7, 8):
            key = next(k for k in rows_of(here) if k[0] == f"{host}:{port}")
            a, b = figures(here, key), figures(kernel, key[::-1])
            name = f"-i of {host}:{port}"
            check(f"{name}: mss, advmss and path MTU are the kernel's",
                  [a.get(f) for f in ("mss", "advmss", "pmtu")]
                  == [b.get(f) for f in ("mss", "advmss", "pmtu")]
                  and int(a["rcvmss"]) <= int(a["advmss"]), a, b)
            check(f"{name}: ts, sack, and wscale the other way round",
                  {"ts", "sack"} <= a.keys() & b.keys()
                  and a["wscale"].split(",") == b["wscale"].split(",")[::-1], a, b)
            # The kernel counts SYN and FIN among what was acknowledged.
            ended = 1 if port == 8 else 0
            check(f"{name}: octets",
                  int(a["bytes_received"]) == int(b["bytes_acked"]) - 1 - ended
                  and int(a.get("bytes_acked", 0)) == int(b.get("bytes_received", 0)), a, b)
            check(f"{name}: our window is the one that the kernel has",
                  a["rcv_wnd"] == b["snd_wnd"], a, b)
            check(f"{name}: round trip and timeout",
                  port == 8 or (0 < float(a["rtt"].split("/")[0]) < 500
                                and 200 <= float(a["rto"]) < 2000), a)
            check(f"{name}: cwnd", int(a["cwnd"]) >= 1 and "reno" in a, a)


def timers_of(*words):
    return {m[1]: m[0] for line in ours("-tnaoH", *words)
            if (m := re.search(r"timer:\((\w+),((?:\d+min)?(?:\d+(?:sec|\.))?(?:\d+ms)?),(\d+)\)",
                               line))}


def check_timers():
    check("-o: TIME-WAIT waits for less than a minute",
          re.search(r"timer:\(timewait,\d+sec,0\)$", ours("-tnaoH", "state", "time-wait")[0]),
          *ours("-tnaoH", "state", "time-wait"))
    check("-o: a closed window is asked", set(timers_of("sport", "=", ":19")) == {"persist"},
          *ours("-tnaoH", "sport", "=", ":19"))
    check("-o: a SYN,ACK is sent again", set(timers_of("state", "syn-recv")) == {"on"},
          *ours("-tnaoH", "state", "syn-recv"))
    check("-o: and that is counted", until(lambda: any(
        int(re.search(r"(\d+)\)$", text)[1]) >= 1 for text in timers_of("state", "syn-recv").values())))
    check("-o: nothing runs where all is quiet", not timers_of("sport", "=", ":7", "and", "src", V6_END),
          *ours("-tnaoH", "sport", "=", ":7"))


V6_END = f"[{V6}]"


def check_summary():
    rows = json_rows()
    lines = ours("-s")
    head = re.fullmatch(r"TCP:   (\d+) \(estab (\d+), orphaned (\d+), timewait (\d+)\)", lines[0])
    count = lambda *states: sum(row["state"] in states for row in rows)
    check("-s counts", head and [int(n) for n in head.groups()] == [
        len(rows), count("ESTABLISHED", "CLOSE_WAIT"), sum(row.get("orphan", False) for row in rows),
        count("TIME_WAIT")], *lines)
    table = {line.split()[0]: [int(n) for n in line.split()[1:]] for line in lines[3:]}
    check("-s: in each state, by family",
          table["ESTAB"] == [4, 2, 2] and table["CLOSE-WAIT"] == [2, 1, 1]
          and table["SYN-RECV"] == [1, 1, 0] and sum(row[0] for row in table.values()) == len(rows),
          *lines)


def check_extended_and_processes(served):
    text = "\n".join(ours("-tne", "state", "close-wait", "src", V4))
    check("-e: since when, by which event, and what was before",
          re.search(r"in CLOSE_WAIT for \d+ (ms|s), from ESTABLISHED by fin\n"
                    r" +SYN_RCVD -> ESTABLISHED by acks_syn, \d+ (ms|s) ago", text), text)
    line = ours("-tnpH", "sport", "=", ":8")[0]
    name = pathlib.Path(f"/proc/{served.process.pid}/comm").read_text().strip()
    check("-p: whose it is", f'users:(("{name}",pid={served.process.pid}))' in line, line)


def watched(lines, *words):
    """So many lines of what is shown again and again, and the exit code after an interrupt."""
    watch = subprocess.Popen([COMMAND, "ss", *words], stdout=subprocess.PIPE, text=True)
    seen = [watch.stdout.readline() for _ in range(lines)]
    watch.send_signal(signal.SIGINT)
    watch.stdout.read()
    return seen, watch.wait(10)


def check_watch():
    for form in (["--watch", "0.1"], ["--watch=0.1"], ["--watch"]):
        seen, code = watched(11, "-tn", *form, "sport", "=", ":8")
        blocks = [seen[0:4], seen[4:8], [*seen[8:11], "\n"]]
        check(f"{' '.join(form)}: a block each time, a blank line between two",
              all(b[0].startswith("State") and ":8 " in b[1] and ":8 " in b[2] and b[3] == "\n"
                  for b in blocks), *seen)
        check(f"{' '.join(form)}: an interrupt ends it with 0", code == 0, code)
    seen, _ = watched(3, "--json", "--watch", "0.1", "sport", "=", ":8", "and", "dport", "!=", ":0")
    check("--watch --json: a line each time", all(len(json.loads(line)["sockets"]) == 2 for line in seen), *seen)


def check_answers():
    """What is wrong is said, and by the exit code."""
    for words, code, said in ((["sprt", "=", ":7"], 2, "'sprt'"),
                              (["state", "open"], 2, "'open'"),
                              (["sport", "=", ":7", "or"], 2, "ends after 'or'"),
                              (["src", "fd00:9::2:echo"], 2, "[fd00::1]"),
                              (["--watch", "0", "sport", "=", ":7"], 2, "--watch"),
                              (["sport", "=", ":77"], 3, ""), (["--pid", "999999"], 3, "no host")):
        done = run(COMMAND, "ss", *words)
        check(f"ss {' '.join(words)}: exit code {code}",
              done.returncode == code and said in done.stderr, done.returncode, done.stderr)


def check_control(served):
    """Whoever asks, and whatever: the host lives on."""
    control = Control(served.pid)
    for way in (5, None, ["in"], "up"):
        try:
            answer = control.ask("pause", way=way)
        except RuntimeError as error:
            answer = str(error)
        check(f"a link has no way {json.dumps(way)}", "is no way of a link" in str(answer), answer)
    check("and it still answers", control.ask("nstat")["counters"] != [])


def main(folder):
    (folder / "index.html").write_text("hello\n")
    with Served("echo", "7", "forget", "8", "source", "19", "turn", f"90={QUEUED}", "http",
                f"80={folder}") as served:
        held = make_connections()
        check("the connections are in the states they were made for",
              until(lambda: states_now() == EXPECTED), states_now(), EXPECTED)
        check_columns()
        check_queues()
        check_listeners()
        check_filters()
        check_states()
        check_internals()
        check_timers()
        check_summary()
        check_extended_and_processes(served)
        check_watch()
        check_answers()
        check_control(served)
        for sock in held:
            sock.close()


if __name__ == "__main__":
    sys.exit(in_namespace(main))
