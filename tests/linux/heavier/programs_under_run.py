#!/usr/bin/env python3
"""Real programs, unmodified, under `lastack run`: each as client and as server where it is both, as an ordinary user,
in a network namespace of its own. `scripts/packages programs` installs them.

    programs_under_run.py [WORD...]   only those whose name has one of the words
    programs_under_run.py --write     all, and writes the table of docs/run.md

A row is a shell's script, which `lastack run` starts, and what its last line has to say."""
import argparse
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import ROOT, check, in_namespace, must
from run import USER, Folder

PAGE = ROOT / "docs" / "run.md"
PART = re.compile(r"(<!-- measured: programs -->\n).*?(<!-- end of programs -->)", re.S)
LONGEST = 300  # seconds for one script

# What every script begins with: `up PORT` waits until somebody listens there, `fine` is its last word.
PRELUDE = r"""
set -e
up() { for _ in $(seq 1000); do lastack ss -tln | grep -q ":$1 " && return; sleep 0.05; done; echo "nobody at $1"; exit 9; }
end() { kill "$1"; wait "$1" || true; }
# What wrk has said: enough requests, and no error. Its threads are waited for, however busy the machine is.
served() { cat w; ! grep -qE 'Socket errors|Non-2xx' w && [ "$(awk '/requests in/ { print $1 }' w)" -ge "$1" ]; }
[ -e big ] || head -c 20000000 /dev/urandom > big
"""


@dataclasses.dataclass
class Row:
    program: str
    role: str
    done: str
    script: str
    version: str  # a command that prints it


ROWS = []


def row(program, role, done, script, version):
    ROWS.append(Row(program, role, done, textwrap.dedent(script), version))


NGINX = r"""
mkdir -p html n; cp big html/big; echo hello > html/index.html
[ -e key ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 9 -subj /CN=localhost 2>/dev/null
cat > nginx.conf <<END
daemon off; worker_processes 4; pid n/pid; error_log n/errors;
events { worker_connections 2048; }
http { access_log off; client_body_temp_path n/b; proxy_temp_path n/p; fastcgi_temp_path n/f; uwsgi_temp_path n/u;
  scgi_temp_path n/s; keepalive_requests 1000000; client_max_body_size 99m;
  server { listen 80 backlog=4096; listen [::]:80; listen 443 ssl http2; ssl_certificate $PWD/cert;
    ssl_certificate_key $PWD/key; root $PWD/html; location /up/ { dav_methods PUT; create_full_put_path on; } } }
END
nginx -p "$PWD" -e n/errors -c nginx.conf & server=$!
up 80; up 443
"""

row("curl", "client", "from nginx: HTTP/1.1 over IPv4 and IPv6, HTTP/2 over TLS, a file of 20 MB, its upload, a download "
    "that is resumed", NGINX + r"""
[ "$(curl -s http://127.0.0.1/)$(curl -sg 'http://[::1]/')" = hellohello ]
curl -s localhost/big | cmp - big
[ "$(curl -sk --http2 -o got -w '%{http_version}' https://localhost/big)" = 2 ]; cmp got big
for i in 1 2 3; do echo "url=https://localhost/big"; echo output=/dev/null; done | curl -sk --http2 -Z -K -
curl -sfT big localhost/up/copy; cmp big html/up/copy
head -c 7654321 big > part; curl -sf -C - -o part localhost/big; cmp part big
end $server; echo fine
""", "curl --version")

row("nginx, wrk", "server, client", "4 workers; wrk with 1,000 connections that are kept, and with one connection a "
    "request", NGINX + r"""
ulimit -n "$(ulimit -Hn)"
wrk -t2 -c1000 -d10 --timeout 60 http://127.0.0.1/ > w; served 1000
wrk -t2 -c100 -d5 --timeout 60 -H 'Connection: close' http://127.0.0.1/ > w; served 100
end $server; echo fine
""", "nginx -v 2>&1")

row("redis", "server, client", "redis-benchmark with 50 connections, and with 16 requests in one write; redis-cli: a value "
    "of 10 MB, a message to a subscriber", r"""
redis-server --port 6379 --bind 127.0.0.1 --save '' --daemonize no > redis.log & server=$!
up 6379
redis-benchmark -q -n 20000 -c 50 -t set,get,lpush | tee b; [ "$(grep -c 'requests per second' b)" -ge 3 ]
redis-benchmark -q -n 50000 -c 50 -P 16 -t set,get | tee b; [ "$(grep -c 'requests per second' b)" -ge 2 ]
head -c 10000000 big | base64 -w0 > text; redis-cli -x set it < text >/dev/null
redis-cli --raw get it | head -c "$(stat -c %s text)" | cmp - text
timeout 60 redis-cli subscribe news > heard & ear=$!
until redis-cli publish news hello | grep -q 1; do sleep 0.05; done
until grep -q hello heard; do sleep 0.05; done
end $ear; redis-cli shutdown nosave || true; wait $server; echo fine
""", "redis-server --version")

row("iperf3", "server, client", "two seconds one way, the other way, both ways at once, and over UDP", r"""
iperf3 -s > server.log & server=$!
up 5201
iperf3 -c 127.0.0.1 -t 2 | grep receiver
iperf3 -c 127.0.0.1 -t 2 -R | grep receiver
iperf3 -c 127.0.0.1 -t 2 --bidir | grep receiver
iperf3 -c 127.0.0.1 -t 2 -P 8 | grep SUM.*receiver
iperf3 -c 127.0.0.1 -t 2 -u -b 50M | grep receiver
end $server; echo fine
""", "iperf3 --version")

row("OpenSSH", "server, client", "a command that reads to the end of its input (half-close), 20 MB by sftp, a forwarded port",
    r"""
mkdir -p s; for key in s/host s/mine; do [ -e $key ] || ssh-keygen -q -t ed25519 -N '' -f $key; done
cp s/mine.pub s/authorized
cat > s/conf <<END
Port 2222
ListenAddress 127.0.0.1
HostKey $PWD/s/host
PidFile none
AuthorizedKeysFile $PWD/s/authorized
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
END
/usr/sbin/sshd -D -e -f s/conf 2> s/log & server=$!
up 2222
to="-F none -i s/mine -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o Port=2222"
[ "$(printf '3\n1\n2\n' | ssh $to 127.0.0.1 sort | tr -d '\n')" = 123 ]
ssh $to 127.0.0.1 "cat $PWD/big" | cmp - big
rm -f copy; scp -q $to big 127.0.0.1:"$PWD/copy"; cmp big copy
python3 -m http.server --bind 127.0.0.1 8000 2>/dev/null & web=$!
up 8000
ssh $to -N -L 9000:127.0.0.1:8000 127.0.0.1 & tunnel=$!
up 9000
curl -s http://127.0.0.1:9000/big | cmp - big
end $tunnel; end $web; end $server; echo fine
""", "ssh -V 2>&1")

# OpenBSD's nc ends where the peer has ended, whatever it has still to send: one way after the other.
row("nc, OpenBSD's", "server, client", "20 MB one way, then the other; the end of input is told by a half-close", """
nc -l -d 127.0.0.1 7001 > got1 & server=$!
up 7001
nc -N 127.0.0.1 7001 < big
wait $server; cmp got1 big
nc -l -N 127.0.0.1 7002 < big & server=$!
up 7002
nc -d 127.0.0.1 7002 > got2
wait $server; cmp got2 big; echo fine
""", "dpkg-query -W -f '${Version}' netcat-openbsd")

for name, server, client, version in (
        ("ncat", "ncat -l 127.0.0.1 7001", "ncat 127.0.0.1 7001", "ncat --version 2>&1"),
        ("socat", "socat -t60 - TCP-LISTEN:7001", "socat -t60 - TCP:127.0.0.1:7001", "socat -V | grep version")):
    row(name, "server, client", "20 MB each way at once; each ends its half and reads on", f"""
head -c 19000000 big > other
{server} < other > got1 & server=$!
up 7001
{client} < big > got2
wait $server; cmp got1 big; cmp got2 other; echo fine
""", version)

row("Python", "server, client", "http.server and urllib; asyncio: 300 connections at once; multiprocessing: a manager and a "
    "pool over TCP", r"""
python3 -m http.server --bind 127.0.0.1 8000 2>/dev/null & web=$!
up 8000
python3 -c 'import urllib.request as u; assert u.urlopen("http://127.0.0.1:8000/big").read() == open("big", "rb").read()'
end $web
cat > aio.py <<'END'
import asyncio
async def serve(reader, writer):
    writer.write(await reader.read())
    await writer.drain()
    writer.close()
async def one(i):
    reader, writer = await asyncio.open_connection("127.0.0.1", 7002)
    writer.write(bytes([i % 256]) * 100_000)
    writer.write_eof()
    assert await reader.read() == bytes([i % 256]) * 100_000
    writer.close()
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", 7002, backlog=300):
        await asyncio.gather(*(one(i) for i in range(300)))
asyncio.run(main())
END
python3 aio.py
cat > multi.py <<'END'
import multiprocessing as m, os
from multiprocessing.connection import Client, Listener
from multiprocessing.managers import BaseManager
class Manager(BaseManager): pass
queue = []
Manager.register("length", callable=lambda: len(os.listdir(".")))
def answer(listener):
    with listener.accept() as c:
        c.send(sum(c.recv()))
if __name__ == "__main__":
    m.set_start_method("fork")
    with Manager(address=("127.0.0.1", 0), authkey=b"k") as manager:
        assert int(str(manager.length())) > 0
    with Listener(("127.0.0.1", 0)) as listener:
        children = [m.Process(target=answer, args=(listener,)) for _ in range(8)]
        for child in children: child.start()
        for i in range(8):
            with Client(listener.address) as c:
                c.send([i, 1]); assert c.recv() == i + 1
        for child in children: child.join(); assert child.exitcode == 0
END
python3 multi.py
echo fine
""", "python3 --version")

row("Go, static", "server, client", "net/http with 100 goroutines, connections kept and not; no C library", r"""
cat > main.go <<'END'
package main

import ("fmt"; "io"; "net"; "net/http"; "os"; "sync")

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil { panic(err) }
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { body, _ := io.ReadAll(r.Body); w.Write(body) }))
	var all sync.WaitGroup
	failed := false
	for i := 0; i < 100; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
			for n := 0; n < 20; n++ {
				reader, writer := io.Pipe()
				go func() { writer.Write(make([]byte, 50000)); writer.Close() }()
				answer, err := client.Post("http://127.0.0.1:8080/", "text/plain", reader)
				if err != nil { failed = true; fmt.Println(err); return }
				body, _ := io.ReadAll(answer.Body)
				answer.Body.Close()
				failed = failed || len(body) != 50000
			}
		}(i)
	}
	all.Wait()
	if failed { os.Exit(1) }
}
END
HOME=$PWD CGO_ENABLED=0 go build -o static main.go
! ldd static >/dev/null 2>&1
./static; echo fine
""", "go version")

row("Node", "server, client", "http: 200 requests at once, connections kept and not; a stream of 20 MB each way", r"""
cat > node.js <<'END'
const http = require('http'), fs = require('fs'), big = fs.readFileSync('big');
const server = http.createServer((q, a) => q.method === 'POST' ? q.pipe(a) : a.end('hello'));
const ask = (options, body) => new Promise((good, bad) => {
  const request = http.request({host: '127.0.0.1', port: 8081, ...options}, answer => {
    const parts = []; answer.on('data', p => parts.push(p)); answer.on('end', () => good(Buffer.concat(parts))); });
  request.on('error', bad); request.end(body); });
server.listen(8081, '127.0.0.1', 511, async () => {
  for (const keepAlive of [true, false]) {
    const agent = new http.Agent({keepAlive});
    const all = await Promise.all(Array.from({length: 200}, () => ask({agent})));
    if (!all.every(b => b.toString() === 'hello')) process.exit(1);
    agent.destroy();
  }
  if (!(await ask({method: 'POST'}, big)).equals(big)) process.exit(2);
  server.close(); server.closeAllConnections && server.closeAllConnections();
});
END
node node.js; echo fine
""", "node --version")

row("Java", "server, client", "jdk.httpserver and java.net.http: 100 requests at once, 20 MB each way; sockets that wait",
    r"""
cat > Web.java <<'END'
import com.sun.net.httpserver.*;
import java.net.*; import java.net.http.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*;
public class Web { public static void main(String[] a) throws Exception {
  byte[] big = Files.readAllBytes(Path.of("big"));
  HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 8082), 100);
  server.setExecutor(Executors.newFixedThreadPool(8));
  server.createContext("/", x -> { byte[] b = x.getRequestBody().readAllBytes();
    x.sendResponseHeaders(200, b.length); x.getResponseBody().write(b); x.close(); });
  server.start();
  HttpClient client = HttpClient.newHttpClient();
  List<CompletableFuture<HttpResponse<byte[]>>> all = new ArrayList<>();
  for (int i = 0; i < 100; i++) all.add(client.sendAsync(HttpRequest.newBuilder(URI.create("http://127.0.0.1:8082/"))
    .POST(HttpRequest.BodyPublishers.ofByteArray(new byte[10000 + i])).build(), HttpResponse.BodyHandlers.ofByteArray()));
  for (int i = 0; i < 100; i++) if (all.get(i).get().body().length != 10000 + i) System.exit(1);
  byte[] got = client.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:8082/"))
    .POST(HttpRequest.BodyPublishers.ofByteArray(big)).build(), HttpResponse.BodyHandlers.ofByteArray()).body();
  if (!Arrays.equals(got, big)) System.exit(2);
  try (ServerSocket at = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
       Socket c = new Socket("127.0.0.1", at.getLocalPort()); Socket s = at.accept()) {
    c.getOutputStream().write(7); c.shutdownOutput();
    if (s.getInputStream().read() != 7 || s.getInputStream().read() != -1) System.exit(3);
  }
  server.stop(0); System.exit(0); } }
END
java Web.java; echo fine
""", "java --version")

row("PostgreSQL", "server, client", "pgbench: a database of scale 2, then 8 connections for three seconds, and one "
    "connection a transaction; psql: 20 MB each way by COPY", r"""
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1); export PGHOST=127.0.0.1 PGPORT=5432 PGUSER=pg PGDATABASE=postgres
[ -e pg/PG_VERSION ] || $bin/initdb -D pg -U pg -A trust --no-sync > /dev/null
$bin/postgres -D pg -k '' -h 127.0.0.1 -c fsync=off > pg.log 2>&1 & server=$!
up 5432
until $bin/pg_isready -q; do sleep 0.1; done
$bin/pgbench -q -i -s 2 2>/dev/null
$bin/pgbench -c 8 -j 2 -T 3 2>&1 | tee b; grep -q 'failed transactions: 0' b
$bin/pgbench -c 4 -C -T 2 2>&1 | tee b; grep -q 'failed transactions: 0' b
base64 -w0 big > text
$bin/psql -q -c 'drop table if exists t; create table t (v text)'; $bin/psql -q -c 'copy t from stdin' < text
$bin/psql -Atc 'copy t to stdout' | head -c "$(stat -c %s text)" | cmp - text
kill -INT $server; wait $server; echo fine
""", "ls /usr/lib/postgresql | tail -1")

# Apache ends all of its process group: it gets one of its own.
APACHE = r"""
mkdir -p a html repos; cp big html/big; [ -e repos/one.git ] || git -c init.defaultBranch=main init -q --bare repos/one.git
git -C repos/one.git config http.receivepack true
modules=/usr/lib/apache2/modules
cat > a/conf <<END
ServerRoot $PWD/a
ServerName localhost
Listen 127.0.0.1:8088
PidFile $PWD/a/pid
ErrorLog $PWD/a/errors
Mutex file:$PWD/a
DocumentRoot $PWD/html
LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule alias_module $modules/mod_alias.so
LoadModule env_module $modules/mod_env.so
LoadModule cgi_module $modules/mod_cgi.so
StartServers 4
MaxRequestWorkers 60
SetEnv GIT_PROJECT_ROOT $PWD/repos
SetEnv GIT_HTTP_EXPORT_ALL 1
ScriptAlias /git/ /usr/lib/git-core/git-http-backend/
<Directory />
Require all granted
</Directory>
END
setsid apache2 -d a -f "$PWD/a/conf" -DFOREGROUND & server=$!
up 8088
"""

row("Apache, prefork", "server", "curl a file of 20 MB; wrk with 50 connections, kept and not; ab with 30 that are kept",
    APACHE + r"""
curl -s http://127.0.0.1:8088/big | cmp - big
echo hello > html/index.html
wrk -t1 -c50 -d3 --timeout 60 http://127.0.0.1:8088/index.html > w; served 100
wrk -t1 -c20 -d3 --timeout 60 -H 'Connection: close' http://127.0.0.1:8088/index.html > w; served 50
ab -q -k -c 30 -n 3000 http://127.0.0.1:8088/index.html | tee w; grep -q 'Failed requests: *0' w
end $server; echo fine
""", "apache2 -v")

row("git over HTTP", "client; server behind Apache", "clone, a push of 20 MB, a clone that has it", APACHE + r"""
rm -rf one two; git clone -q http://127.0.0.1:8088/git/one.git one 2>/dev/null
cp big one/; cd one; git add .; git -c user.name=a -c user.email=a@b commit -qm all; git push -q origin HEAD:main; cd ..
git clone -q http://127.0.0.1:8088/git/one.git two; cmp two/big big
end $server; echo fine
""", "git --version")

row("HAProxy", "server and client", "before nginx and Python's http.server; over HTTP and as a relay of octets", NGINX + r"""
cat > haproxy.conf <<END
defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend web
  mode http
  bind 127.0.0.1:9001
  default_backend all
backend all
  mode http
  balance roundrobin
  server a 127.0.0.1:80 check inter 200
  server b 127.0.0.1:8000 check inter 200
listen octets
  mode tcp
  bind 127.0.0.1:9002
  server a 127.0.0.1:80
END
python3 -m http.server --bind 127.0.0.1 -d html 8000 2>/dev/null & web=$!
up 8000
haproxy -q -f haproxy.conf & proxy=$!
up 9001; up 9002
for i in 1 2 3 4; do curl -sf http://127.0.0.1:9001/big | cmp - big; done
curl -sf http://127.0.0.1:9002/big | cmp - big
wrk -t1 -c100 -d3 --timeout 60 http://127.0.0.1:9002/ > w; served 100
end $proxy; end $web; end $server; echo fine
""", "haproxy -v")


def known_as(folder):
    """sshd and PostgreSQL ask who their user is: in this namespace's /etc/passwd somebody has the number."""
    for name, line in (("passwd", f"mia:x:{USER}:{USER}::{folder}:/bin/bash\n"), ("group", f"mia:x:{USER}:\n")):
        copy = folder / name
        copy.write_text(pathlib.Path("/etc", name).read_text() + line)
        copy.chmod(0o644)
        must("mount", "--bind", copy, f"/etc/{name}")


def tried(at, one):
    """Whether it went well, in how many seconds, and what was said."""
    began = time.monotonic()
    run = at.start(at.command, "run", "--", "bash", "-c", PRELUDE + one.script, stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        said, _ = run.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        shown = at.run(at.command, "ss", "-tanp").stdout
        os.killpg(run.pid, 9)
        said = run.communicate()[0] + f"\nnot over after {LONGEST} s\n{shown}"
    good = run.returncode == 0 and said.splitlines()[-1:] == ["fine"]
    return good, time.monotonic() - began, said


def version_of(at, one):
    found = re.search(r"\d+\.[\d.]+\w*|\b\d+\b", at.run("bash", "-c", one.version).stdout)
    return found.group(0) if found else ""


def table_of(results):
    lines = ["| program | role | what it did | result | seconds |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {one.program} {version} | {one.role} | {one.done} | {'as it should' if good else 'failed'} | {seconds:.0f} |"
              for one, version, good, seconds in results]
    return "\n".join(lines)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def try_all(folder, rows):
    folder.chmod(0o755)
    known_as(folder)
    at = Folder(folder)
    results = []
    for one in rows:
        good, seconds, said = tried(at, one)
        check(f"{one.program}: {one.done} ({seconds:.0f} s)", good, *said.splitlines()[-30:])
        results.append((one, version_of(at, one), good, seconds))
    return results


def main(folder):
    wanted = options()
    results = try_all(folder, [one for one in ROWS if not wanted.words or
                               any(word.lower() in one.program.lower() for word in wanted.words)])
    if wanted.write:
        text = PAGE.read_text()
        PAGE.write_text(PART.sub(lambda part: f"{part[1]}{table_of(results)}\n\n{part[2]}", text))


if __name__ == "__main__":
    sys.exit(in_namespace(main, "--mount"))
