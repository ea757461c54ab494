"""What programs under `lastack run` reach, beside the kernel's sockets, the raw limits, slirp4netns and pasta.

  embedded   two programs talk to each other: over the kernel's loopback, over lastack's sockets, and over
             what no run can be faster than: two pairs of stand-ins with a relay between them. In Gbit/s
             and round trips a second, on all cores and on one
  out        a program talks to a server of the machine: by itself, through lastack's gateway and over its
             TUN device, through slirp4netns and through pasta. iperf3 both ways, wrk against nginx over a
             few connections, over a thousand, and with one for each request: for a second, and until the
             ports of a kernel's client have come round
  web        nginx and wrk, both inside: keep-alive, and a connection for each request
  call       what the filter costs a system call that it lets pass, beside one that lets everything pass
  answered   what a call costs that lastack answers. `no wake-up` is as on Linux before 6.6, by a filter that
             refuses the request for the synchronous wake-up; in web_close as well
  compilation, memory (of 10,000 connections that do nothing)

A round measures all of them one after the other; the ratios are those of one round. Networks are namespaces
of its own, and all is done as whoever starts it: no root is needed where users may have namespaces.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import sys
import tempfile

import tools

IDLE = 10000
MANY = 1000  # connections
LONGER = 10  # times: so long that a kernel's client has had all its ports
COMPILED = ("connection", "transmit", "arrive", "acknowledge")
RUN = [tools.COMMAND, "run", "--"]
SET_FLAGS = "ioctl:0x40082104=EINVAL"  # SECCOMP_IOCTL_NOTIF_SET_FLAGS
NO_WAKE_UP = [sys.executable, tools.ROOT / "tests" / "run" / "denied.py", SET_FLAGS, "--", *RUN]
STAND_IN = tools.BUILT / "stand_in"
# A server's side of a network: a loopback, and an address beside it for those who look for one.
MACHINE = """
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
ip link set lo up
ip link add machine0 type veth peer name machine1
ip link set machine1 up
ip address add 192.0.2.1/24 dev machine0
ip link set machine0 up
ip route add default via 192.0.2.254 dev machine0
"""
LISTENS = "until ss -Hltn 'sport = :{port}' | grep -q LISTEN; do kill -0 $!; sleep 0.02; done\n"
SLIRP = """
rm -f {tmp}/inner
mkfifo {tmp}/inner
unshare --net -- bash -ec 'ip link set lo up; echo $$ > {tmp}/inner
  until ip route show default | grep -q tap0; do sleep 0.02; done
  exec {command}' & inner=$!
slirp4netns --configure --mtu=65520 "$(cat {tmp}/inner)" tap0 >/dev/null 2>&1 & slirp=$!
wait $inner
"""
RUNS = {"lastack": RUN, "no wake-up": NO_WAKE_UP}
OVER_TUN = "over TUN"
# How a program gets out, and where it then finds the server.
WAYS = {
    "kernel": ("127.0.0.1", "{command}"),
    "lastack": ("10.0.2.2", f"{tools.COMMAND} run --allow-host -- {{command}}"),
    OVER_TUN: ("10.9.0.1", f"{tools.COMMAND} run --net tun -- {{command}}"),
    "slirp4netns": ("10.0.2.2", SLIRP),
    "pasta": ("192.0.2.254", "pasta --quiet --runas 0 --config-net -- {command}"),
}
NGINX = """
user root root; daemon off; master_process off; pid {tmp}/nginx.pid; error_log /dev/null;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {tmp}/body; proxy_temp_path {tmp}/proxy; fastcgi_temp_path {tmp}/fastcgi;
  uwsgi_temp_path {tmp}/uwsgi; scgi_temp_path {tmp}/scgi;
  server {{ listen 8080 backlog=1024; location / {{ return 200 "well\\n"; }} }}
}}
"""
WEB = """
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
nginx -c {tmp}/nginx.conf -p {tmp} & nginx=$!
until bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080' 2>/dev/null; do kill -0 $nginx; sleep 0.02; done
wrk {words} http://127.0.0.1:8080/
"""
HELD = """
import os, re, resource, socket, sys
count = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
def of_supervisor():
    # whoever answers our calls is the parent of the first program of the run
    with open(f"/proc/{os.getppid()}/status") as status:
        return int(re.search(r"VmRSS:\\s+(\\d+)", status.read())[1]) * 1024
before = of_supervisor()
with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
    held = []
    while len(held) < 2 * count:
        held += [socket.create_connection(listener.getsockname()), listener.accept()[0]]
    print(of_supervisor() - before)
"""


# --- one measurement of each

def told_by(words, core=None):
    words = tools.on_core(core, words) if core is not None else words
    return json.loads(tools.run(*words))


def talk(args, what, over, core=None):
    """Gbit/s, or round trips a second, of two programs."""
    before = RUN if over == "lastack" else []
    words = [*before, STAND_IN, what, "--seconds", args.seconds, "--over", "pair" if over == "relay" else "tcp"]
    told = told_by(words, core)
    rate = told["count"] / told["seconds"]
    return rate * 8 / 1e9 if what == "bulk" else rate


def in_machine(script, tmp):
    return tools.run(*tools.in_network(MACHINE + script.replace("{tmp}", str(tmp))))


def stream(args, way, tmp, reverse):
    """iperf3's Gbit/s between a program and a server of the machine."""
    address, around = WAYS[way]
    command = f"iperf3 -c {address} -t {max(1, round(args.seconds))} -J" + (" -R" if reverse else "")
    script = ("iperf3 -s -1 >/dev/null & server=$!\n" + LISTENS.format(port=5201) +
              around.replace("{command}", command) + "\nwait $server\n")
    return json.loads(in_machine(script, tmp))["end"]["sum_received"]["bits_per_second"] / 1e9


def requests_of(output):
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


def wrk_words(args, close, connections=16, longer=1):
    header = ' -H "Connection: close"' if close else ""
    return f"-t1 -c{connections} -d{max(1, round(args.seconds * longer))}s{header}"


def requests_out(args, way, tmp, *how):
    address, around = WAYS[way]
    command = f"wrk {wrk_words(args, *how)} http://{address}:8080/"
    script = (f"nginx -c {tmp}/nginx.conf -p {tmp} & nginx=$!\n" + LISTENS.format(port=8080) +
              around.replace("{command}", command))
    return requests_of(in_machine(script, tmp))


def requests_inside(args, over, tmp, close):
    script = WEB.format(tmp=tmp, words=wrk_words(args, close))
    if over in RUNS:
        return requests_of(tools.run(*RUNS[over], "bash", "-ec", script))
    return requests_of(in_machine(script, tmp))


def idle():
    """How many idle connections are looked at: both ends are in the run, so each needs two descriptors."""
    return min(IDLE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000) // 2)


def memory(args, tmp):
    """Octets of the supervisor a connection."""
    return int(tools.run(*RUN, sys.executable, "-c", HELD, idle())) / idle()


def a_call(args, how):
    """Nanoseconds of a system call that a filter lets pass: lastack's, one that lets everything pass, none."""
    over = "filter" if how == "any filter" else "tcp"
    words = [*(RUN if how == "lastack" else []), STAND_IN, "calls", "--seconds", args.seconds / 4, "--over", over]
    return told_by(words, args.core)["ns"]


def an_answer(args, how, core=None):
    """Microseconds of a call on a socket."""
    told = told_by([*RUNS.get(how, []), STAND_IN, "answers", "--seconds", args.seconds, "--over", "tcp"], core)
    return told["seconds"] / told["count"] * 1e6


def compilation(args, under, tmp):
    """Seconds of processor time for some files of lastack's own."""
    compiler = f"g++ -std=c++23 -O1 -I{tools.ROOT / 'src'} -I{tools.ROOT / 'include'} -o {tmp / 'object.o'}"
    script = "".join(f"{compiler} -c {tools.ROOT / 'src' / 'tcp' / name}.cpp\n" for name in COMPILED)
    words = [*(RUN if under else []), "sh", "-ec", script]
    before = os.times()
    tools.run(*tools.on_core(args.core, words))
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


# --- all of them

GBIT, TRIPS, REQUESTS, OCTETS = "Gbit/s", "round trips/s", "requests/s", "octets a connection"
NS, US, SECONDS = "ns", "µs", "s of processor time"


def measurements(args, tmp):
    """{name: (what it is, unit, {who: a function without arguments})}; the first of them is what the others
    are compared with."""
    def each(whom, measure, *words):
        return {who: lambda who=who: measure(args, who, *words) for who in whom}

    inside, outside = ["lastack", "relay", "kernel"], list(WAYS)
    outside.remove("lastack")
    outside.insert(0, "lastack")
    return {
        "bulk": ("a stream inside, writes of 64 KiB", GBIT, each(inside, lambda a, who: talk(a, "bulk", who))),
        "bulk_one_core": ("the same on one core", GBIT, each(inside, lambda a, who: talk(a, "bulk", who, a.core))),
        "pingpong": ("an octet there and back", TRIPS, each(inside, lambda a, who: talk(a, "pingpong", who))),
        "pingpong_one_core": ("the same on one core", TRIPS,
                              each(inside, lambda a, who: talk(a, "pingpong", who, a.core))),
        "out": ("iperf3 to a server of the machine", GBIT, each(outside, stream, tmp, False)),
        "in": ("iperf3 from a server of the machine", GBIT, each(outside, stream, tmp, True)),
        "requests": ("wrk to nginx of the machine", REQUESTS, each(outside, requests_out, tmp, False)),
        "requests_many": (f"the same over {MANY:,} connections", REQUESTS,
                          each(outside, requests_out, tmp, False, MANY)),
        "requests_close": ("a connection for each", REQUESTS, each(outside, requests_out, tmp, True)),
        "requests_close_long": (f"the same, {LONGER} times as long", REQUESTS,
                                each(outside, requests_out, tmp, True, 16, LONGER)),
        "web": ("nginx and wrk inside", REQUESTS, each(["lastack", "kernel"], requests_inside, tmp, False)),
        "web_close": ("the same, a connection for each", REQUESTS,
                      each([*RUNS, "kernel"], requests_inside, tmp, True)),
        "memory": (f"memory of {idle():,} idle connections", OCTETS, {"lastack": lambda: memory(args, tmp)}),
        "call": ("a system call that passes the filter", NS, each(["lastack", "any filter", "kernel"], a_call)),
        "answered": ("a call that lastack answers", US, each([*RUNS, "kernel"], an_answer)),
        "answered_one_core": ("the same on one core", US,
                              each([*RUNS, "kernel"], lambda a, who: an_answer(a, who, a.core))),
        "compilation": ("a compilation of four files", SECONDS,
                        {"lastack": lambda: compilation(args, True, tmp),
                         "kernel": lambda: compilation(args, False, tmp)}),
    }


def rounds(args, all_of_them):
    steps = [(name, who) for _ in range(args.rounds) for name in args.only for who in all_of_them[name][2]]
    progress = tools.Progress(len(steps))
    found = {}
    for name, who in steps:
        progress.tell(f"{all_of_them[name][0]}, {who}")
        found.setdefault(name, {}).setdefault(who, []).append(all_of_them[name][2][who]())
    progress.end()
    return found


def summary(figures):
    """{who: {"median", "least", "most", "ratio": median of lastack's to it in each round}}; where lastack is
    measured over TUN as well, "tun_ratio" is the same of that."""
    def ratio(ours, all_):
        return tools.median([mine / other for mine, other in zip(figures[ours], all_)])

    told = {}
    for who, all_ in figures.items():
        told[who] = {"median": tools.median(all_), "least": min(all_), "most": max(all_),
                     "ratio": ratio("lastack", all_)}
        if OVER_TUN in figures:
            told[who]["tun_ratio"] = ratio(OVER_TUN, all_)
    return told


def figure(value, unit):
    return f"{value:,.0f}" if unit in (TRIPS, REQUESTS, OCTETS) else f"{value:.3g}"


def rows(found, all_of_them):
    for name, table in found.items():
        what, unit, _ = all_of_them[name]
        for who, row in table.items():
            first = who == "lastack"
            spread = f"{figure(row['least'], unit)} to {figure(row['most'], unit)}"
            ours = who in ("lastack", OVER_TUN)
            yield [what if first else "", who, figure(row["median"], unit), spread, unit,
                   "" if ours else f"{row['ratio']:.2f}",
                   f"{row['tun_ratio']:.2f}" if "tun_ratio" in row and not ours else ""]


HEAD = ["", "", "median", "least to most", "unit", "lastack to it", "over TUN to it"]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/compare run", description=__doc__, epilog="""
examples:
  bench/compare run                             everything: some minutes
  bench/compare run --only bulk,pingpong        two of them
  bench/compare run --markdown docs/performance.md
exit codes:
  0 measured   1 failed   2 wrong usage""", formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(measurements(None, None))
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (5); medians are shown")
    parser.add_argument("--seconds", type=float, default=1, metavar="SECONDS", help="how long each is measured (1)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=names, metavar="NAME[,NAME]",
                        help="of " + ", ".join(names))
    parser.add_argument("--core", type=int, default=tools.last_core(), metavar="CORE",
                        help="the core for what is to stay on one (the last)")
    parser.add_argument("--machine", metavar="TEXT", help="what the page calls the machine")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--markdown", metavar="FILE",
                        help="write the table into a page, between <!-- measured: run --> and its end")
    args = parser.parse_args(arguments)
    if args.rounds < 1 or not 0 < args.seconds < 3600:
        parser.error("there is at least one round, and it takes some time")
    if unknown := set(args.only) - set(names):
        parser.error(f"'{unknown.pop()}' is none of {', '.join(names)}")
    return args


def work(arguments):
    args = parse(arguments)
    tools.install()
    tools.build_command()
    tools.build_cpp("stand_in")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # wrk and nginx hold MANY
    with tempfile.TemporaryDirectory() as tmp:
        pathlib.Path(tmp, "nginx.conf").write_text(NGINX.format(tmp=tmp))
        all_of_them = measurements(args, pathlib.Path(tmp))
        found = {name: summary(figures) for name, figures in rounds(args, all_of_them).items()}
    if args.json:
        print(json.dumps({"schema": 1, "machine": tools.machine(), "rounds": args.rounds,
                          **{name: {"unit": all_of_them[name][1], **table} for name, table in found.items()}},
                         indent=2))
    else:
        print(f"{tools.machine()}; {args.rounds} rounds")
        for what, who, median, spread, unit, *ratios in [HEAD, *rows(found, all_of_them)]:
            print(f"  {what:<38} {who:<12} {median:>9}  {spread:>20}  {unit:<20} {ratios[0]:>13}  {ratios[1]:>14}"
                  .rstrip())
    if args.markdown:
        text = f"{args.machine or tools.machine()}; {args.rounds} rounds, medians.\n\n"
        tools.write_part(args.markdown, "run", text + tools.markdown_table(HEAD, rows(found, all_of_them)))
    return 0
