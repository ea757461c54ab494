#!/usr/bin/env python3
"""Programs that people use, against lastack: clients of its services, servers that `lastack connect` talks to,
and Wireshark's tools on what it captures. What they bring is compared octet by octet."""
import asyncio
import functools
import hashlib
import http.server
import os
import re
import socket
import socketserver
import subprocess
import sys
import threading

from lab import COMMAND, MIB, V4, V6, Served, check, connect, in_namespace, must, pattern, run, until

OURS = {4: V4, 6: V6}
SERVERS = {4: "10.8.0.1", 6: "fd00:8::1"}  # the kernel's, on the device of `lastack connect`
CONNECTING = ["--tun", "la8", "--ip", "10.8.0.2/24", "--peer", SERVERS[4],
              "--ip", "fd00:8::2/64", "--peer", SERVERS[6]]
SIZE = 3 * MIB + 17


def in_url(host):
    return f"[{host}]" if ":" in host else host


def output(*command, data=None, **options):
    """(exit code, standard output) of a program that is given `data`."""
    with subprocess.Popen(command, stdin=subprocess.PIPE if data else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        out, err = process.communicate(data, timeout=60)
        if process.returncode != 0:
            print(err.decode(errors="replace")[-500:], file=sys.stderr)
        return process.returncode, out


# --- clients of serve

def fetchers(big, page, folder):
    for family, host in OURS.items():
        url = f"http://{in_url(host)}"
        code, got = output("curl", "-sgm", "30", f"{url}/big", f"{url}/page")
        check(f"IPv{family}: curl fetches two files over one connection", (code, got) == (0, big + page))
        code, got = output("curl", "-sgm", "30", "-r", "1000000-2000000", f"{url}/big")
        check(f"IPv{family}: curl fetches a part", (code, got) == (0, big[1000000:2000001]))
        code, got = output("wget", "-qO-", "-T", "30", "-t", "1", f"{url}/big", f"{url}/page")
        check(f"IPv{family}: wget fetches two files over one connection", (code, got) == (0, big + page))
        part = folder / "big"
        part.write_bytes(big[:MIB])
        code, _ = output("wget", "-qc", "-T", "30", "-t", "1", f"{url}/big", cwd=folder)
        check(f"IPv{family}: wget -c goes on where it was", code == 0 and part.read_bytes() == big)
        part.unlink()


def netcats(big, page):
    """Half-close and wait for the rest: what was sent comes back whole."""
    for family, host in OURS.items():
        tcp = f"TCP:{in_url(host)}"
        for name, command in (("nc -N", ["nc", "-N", host]), ("ncat", ["ncat", host]),
                              ("socat", ["socat", "-t", "60", "-"])):
            to = lambda port: [*command[:-1], command[-1], f"{tcp}:{port}"] if name == "socat" else \
                [*command, str(port)]
            check(f"IPv{family}: {name} and echo", output(*to(7), data=big) == (0, big))
            request = b"GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            code, got = output(*to(80), data=request)
            check(f"IPv{family}: {name} and http", code == 0 and got.startswith(b"HTTP/1.1 200 OK\r\n")
                  and got.endswith(b"\r\n\r\n" + page))
            code, got = output(*to(90), data=b"x")
            check(f"IPv{family}: {name} and turn", (code, got) == (0, pattern(SIZE)))


def one_way(served, big):
    """sink counts what it is sent; source is left in the middle of it."""
    for family, host in OURS.items():
        before = served.counters()["octets_in"]
        code, _ = output("ncat", "--send-only", host, "9", data=big)
        came = lambda: served.counters()["octets_in"] - before
        check(f"IPv{family}: ncat --send-only and sink: all of it comes",
              code == 0 and until(lambda: came() == len(big)), came())
        with subprocess.Popen(["ncat", "--recv-only", host, "19"], stdout=subprocess.PIPE) as process:
            got = process.stdout.read(SIZE)
            process.kill()
        check(f"IPv{family}: ncat --recv-only and source", got == pattern(SIZE))


async def says(host, data):
    """One connection to echo: says all, half-closes, hears it again."""
    reader, writer = await asyncio.open_connection(host, 7)
    heard = asyncio.create_task(reader.read())
    writer.write(data)
    await writer.drain()
    writer.write_eof()
    same = await heard == data
    writer.close()
    await writer.wait_closed()
    return same


async def fetches(host, pages):
    """Requests one after another over one connection, each answer as long as it says."""
    reader, writer = await asyncio.open_connection(host, 80)
    same = True
    for name, wanted in pages:
        writer.write(f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(re.search(r"(?im)^content-length: (\d+)", head)[1])
        same &= await reader.readexactly(length) == wanted
    writer.close()
    await writer.wait_closed()
    return same


def asyncio_client(big, page):
    async def everything(host):
        tasks = [says(host, big[i * 1000:i * 1000 + 100_000]) for i in range(50)]
        tasks += [fetches(host, [("page", page), ("big", big), ("page", page)]) for _ in range(5)]
        return await asyncio.wait_for(asyncio.gather(*tasks), 60)

    for family, host in OURS.items():
        results = asyncio.run(everything(host))
        check(f"IPv{family}: asyncio, 55 connections at once", results == [True] * 55, results)


# Of each thread its own, asked at the end.
WRK = """
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() wrong = 0; right = 0; file = io.open("PAGE", "rb"); page = file:read("*a") end
function response(status, headers, body)
  if status == 200 and body == page then right = right + 1 else wrong = wrong + 1 end
end
function done(summary)
  local all, bad = 0, summary.errors.connect + summary.errors.read + summary.errors.write
                      + summary.errors.timeout
  for _, thread in ipairs(threads) do
    all = all + thread:get("right"); bad = bad + thread:get("wrong")
  end
  print("RESULT " .. all .. " " .. bad)
end
"""


def load(page, folder):
    script = folder / "check.lua"
    script.write_text(WRK.replace("PAGE", str(folder / "www" / "page")))
    for family, host in OURS.items():
        url = f"http://{in_url(host)}/page"
        done = run("wrk", "-t1", "-c20", "-d1s", "--timeout", "30s", "-s", script, url)
        right, wrong = map(int, re.search(r"RESULT (\d+) (\d+)", done.stdout).groups())
        check(f"IPv{family}: wrk, 20 connections, each answer the page", right > 20 and wrong == 0, done.stdout)
        done = run("h2load", "--h1", "-n", "2000", "-c", "20", url)
        octets = int(re.search(r"\((\d+)\) data", done.stdout)[1])
        check(f"IPv{family}: h2load, 2000 requests over 20 connections",
              "2000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout
              and "status codes: 2000 2xx" in done.stdout and octets == 2000 * len(page), done.stdout)


def clients(big, page, folder):
    services = ("http", f"80={folder}/www", "echo", "7", "sink", "9", "source", "19", "turn", f"90={SIZE}")
    with Served(*services) as served:
        fetchers(big, page, folder)
        netcats(big, page)
        one_way(served, big)
        asyncio_client(big, page)
        load(page, folder)


# --- servers that connect talks to

class Server:
    """A server of somebody else's, with its own configuration and folder, for as long as the block lasts."""

    def __init__(self, port, *command, cwd=None):
        self.port, self.command, self.cwd = port, command, cwd

    def __enter__(self):
        said = f"{self.cwd}/{self.port}.log"
        with open(said, "wb") as log:
            self.process = subprocess.Popen(self.command, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        if not until(lambda: self.listens() or self.process.poll() is not None, 90) or self.process.returncode:
            self.__exit__()
            raise RuntimeError(f"{self.command[0]} does not listen: {open(said).read()}")
        return self

    def listens(self):
        return run("ss", "-Htln", f"sport = :{self.port}").stdout.count("\n") > 0

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def lastack_connect(family, port, data, *more):
    return output(COMMAND, "connect", *more, SERVERS[family], str(port), *CONNECTING, data=data)


NGINX = """
daemon off; master_process off; pid FOLDER/nginx.pid; error_log stderr; user root;
events { worker_connections 64; }
http {
  access_log off; client_max_body_size 64m;
  client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
  server { listen 8081; listen [::]:8081; root FOLDER/www;
           location /put/ { dav_methods PUT; create_full_put_path on; } }
}
"""


def get(name, version="1.1"):
    return f"GET /{name} HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def is_answer(code, got, body):
    head, _, rest = got.partition(b"\r\n\r\n")
    return code == 0 and re.match(rb"HTTP/1\.[01] 200 ", head) and rest == body


def nginx(big, page, folder):
    config = folder / "nginx.conf"
    config.write_text(NGINX.replace("FOLDER", str(folder)))
    with Server(8081, "nginx", "-p", folder, "-e", "stderr", "-c", config, cwd=folder):
        for family in (4, 6):
            check(f"IPv{family}: connect fetches from nginx, which closes first",
                  is_answer(*lastack_connect(family, 8081, get("big")), big))
            # Where an answer is too long to be sent at once, nginx takes a half-close for the end.
            check(f"IPv{family}: connect -N fetches from nginx",
                  is_answer(*lastack_connect(family, 8081, get("page"), "-N"), page))
            put = b"PUT /put/%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (
                family, len(big)) + big
            code, got = lastack_connect(family, 8081, put)
            put = folder / "www" / "put" / str(family)
            check(f"IPv{family}: connect brings a file to nginx", code == 0
                  and got.startswith(b"HTTP/1.1 201 ") and put.read_bytes() == big, got[:200])


def redis(big, folder):
    # The Debian package of the tools has the server, under another name; that of the server starts one.
    server = folder / "redis-server"
    server.symlink_to("/usr/bin/redis-check-rdb")
    options = ["--port", "8082", "--bind", "0.0.0.0", "::", "--protected-mode", "no", "--save", "",
               "--appendonly", "no"]
    with Server(8082, server, *options, cwd=folder):
        for family in (4, 6):
            words = lambda *them: b"*%d\r\n" % len(them) + b"".join(
                b"$%d\r\n%s\r\n" % (len(word), word) for word in them)
            asked = words(b"SET", b"k", big) + words(b"GET", b"k") + words(b"STRLEN", b"k") + words(b"QUIT")
            wanted = b"+OK\r\n$%d\r\n%s\r\n:%d\r\n+OK\r\n" % (len(big), big, len(big))
            code, got = lastack_connect(family, 8082, asked)
            check(f"IPv{family}: connect and redis: what is set is got", (code, got) == (0, wanted), got[:200])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class PythonServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

    def server_bind(self):
        """Without asking for its own name, which nobody knows here."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "here", 8083


def python_server(big, folder):
    with PythonServer(("::", 8083), functools.partial(Quiet, directory=folder / "www")) as server:
        threading.Thread(target=server.serve_forever).start()
        for family in (4, 6):
            check(f"IPv{family}: connect fetches from Python's server",
                  is_answer(*lastack_connect(family, 8083, get("big", "1.0"), "-N"), big))
        server.shutdown()


# --- Wireshark's tools

def rows(capture):
    names = ("ip.src", "ipv6.src", "tcp.srcport", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.len",
             "frame.time_epoch", "frame.comment")
    return must("tshark", "-r", capture, "-d", "tcp.port==1-65535,data", "-T", "fields",
                *[f"-e{name}" for name in names]).splitlines()


def captures(folder):
    """What `trace -w` writes, read, cut in two and put together again."""
    whole, first, second, both = (folder / f"{name}.pcapng" for name in ("whole", "first", "second", "both"))
    with Served("echo", "7") as served:
        for host in OURS.values():
            with connect(host, 7) as sock:
                sock.sendall(os.urandom(100_000))
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(MIB):
                    pass
        until(lambda: not served.states(7))
        said = must(COMMAND, "trace", "--pid", served.pid, "-w", whole)
    count = int(said.split()[0])
    packets = rows(whole)
    check("tshark reads each packet that trace has written", len(packets) == count > 20, said, len(packets))
    fins = [row.split("\t")[2] for row in packets if int(row.split("\t")[5], 0) & 1]
    check("and finds the FIN of each end", len(fins) == 4 and fins.count("7") == 2, fins)
    info = must("capinfos", "-M", "-c", "-t", "-E", whole)
    check("capinfos: pcapng, IP packets, so many of them", re.search(r"File type: +pcapng$", info, re.M)
          and re.search(r"File encapsulation: +rawip$", info, re.M)
          and re.search(rf"Number of packets: +{count}$", info, re.M), info)
    must("editcap", "-r", whole, first, f"1-{count // 2}")
    must("editcap", whole, second, f"1-{count // 2}")
    check("editcap cuts it in two, comments and all", rows(first) + rows(second) == packets)
    must("mergecap", "-w", both, second, first)
    check("mergecap puts both together, by their times", rows(both) == packets)


def main(folder):
    big, page = os.urandom(SIZE), b"".join(hashlib.sha256(bytes([i])).digest() for i in range(100))
    www = folder / "www"
    www.mkdir()
    (www / "big").write_bytes(big)
    (www / "page").write_bytes(page)
    clients(big, page, folder)
    nginx(big, page, folder)
    redis(big, folder)
    python_server(big, folder)
    captures(folder)


if __name__ == "__main__":
    sys.exit(in_namespace(main))
