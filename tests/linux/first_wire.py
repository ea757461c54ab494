#!/usr/bin/env python3
"""The kernel as the other end, over a TUN device in a network namespace of the test's own."""
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from lab import (COMMAND, KERNEL_V4, KERNEL_V6, MIB, QUEUED, V4, V6, Served, check, connect, end_of, in_namespace,
                 is_refused, kernel_states, pattern, quiet_tun, read_all, run, until)


def fetch_a_gibibyte(folder):
    big = folder / "big"
    digest = hashlib.sha256()
    with open(big, "wb") as file:
        for _ in range(64):
            block = os.urandom(16 * MIB)
            digest.update(block)
            file.write(block)
    with Served("http", f"80={folder}"):
        for host in (V4, f"[{V6}]"):
            curl = subprocess.Popen(["curl", "-sgm", "60", f"http://{host}/big"],
                                    stdout=subprocess.PIPE)
            seen = hashlib.sha256()
            while block := curl.stdout.read(MIB):
                seen.update(block)
            good = curl.wait() == 0 and seen.hexdigest() == digest.hexdigest()
            check(f"curl fetches 1 GiB from {host}, SHA-256 equal", good)
    big.unlink()


def half_close():
    with Served("turn", f"90={100 * MIB}"):
        expected = hashlib.sha256(pattern(100 * MIB)).hexdigest()
        for host in (V4, V6):
            with connect(host, 90) as sock:
                block = os.urandom(MIB)
                for _ in range(100):
                    sock.sendall(block)
                sock.shutdown(socket.SHUT_WR)
                size, digest = read_all(sock)
            check(f"100 MiB sent to {host}, half-closed, 100 MiB more received",
                  (size, digest) == (100 * MIB, expected), f"{size} octets")


def many_at_once():
    with Served("echo", "7") as served:
        for host in (V4, V6):
            socks = [connect(host, 7) for _ in range(200)]
            good = until(lambda: list(served.states(7).values()).count("ESTABLISHED") == 200)
            data = os.urandom(65536)
            results = []

            def talk(sock):
                sender = threading.Thread(target=lambda: (sock.sendall(data),
                                                          sock.shutdown(socket.SHUT_WR)))
                sender.start()
                size, digest = read_all(sock)
                sender.join()
                results.append((size, digest) == (len(data), hashlib.sha256(data).hexdigest()))

            threads = [threading.Thread(target=talk, args=(s,)) for s in socks]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            for s in socks:
                s.close()
            check(f"200 connections at once to {host}, 64 KiB echoed in each",
                  good and results == [True] * 200, f"{results.count(True)} of 200")


def agree(served, name, port, end, ours, theirs):
    """Both sides' ss say what they should of one connection; the kernel's state may be gone."""
    seen = lambda: (served.states(port).get(end), kernel_states(port).get(end))
    good = until(lambda: seen() == (ours, theirs))
    check(name, good, f"lastack {seen()[0]}, kernel {seen()[1]}, wanted {ours}, {theirs}")


def states_agree(folder):
    (folder / "index.html").write_text("hello\n")
    services = ("echo", "7", "forget", "8", "http", f"80={folder}", "turn", f"90={QUEUED}")
    for host in (V4, V6):
        with Served(*services) as served:
            sock = connect(host, 7)
            end = end_of(sock)
            agree(served, f"{host}: ESTABLISHED / ESTABLISHED", 7, end, "ESTABLISHED", "ESTABLISHED")
            sock.close()
            agree(served, f"{host}: closed / TIME_WAIT", 7, end, None, "TIME_WAIT")

            sock = connect(host, 8)
            sock.shutdown(socket.SHUT_WR)
            agree(served, f"{host}: CLOSE_WAIT / FIN_WAIT_2", 8, end_of(sock), "CLOSE_WAIT", "FIN_WAIT_2")
            sock.close()

            sock = connect(host, 80)
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert read_all(sock)[0] > 0
            end = end_of(sock)
            agree(served, f"{host}: FIN_WAIT_2 / CLOSE_WAIT", 80, end, "FIN_WAIT_2", "CLOSE_WAIT")
            served.ask("pause")
            sock.close()
            agree(served, f"{host}: FIN_WAIT_2 / LAST_ACK, the link paused", 80, end, "FIN_WAIT_2",
                  "LAST_ACK")
            served.ask("resume")
            agree(served, f"{host}: TIME_WAIT / closed, the link resumed", 80, end, "TIME_WAIT", None)

            # The kernel's buffer is full and nobody reads: our FIN stands behind what waits.
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((host, 90))
            sock.shutdown(socket.SHUT_WR)
            agree(served, f"{host}: LAST_ACK / FIN_WAIT_2", 90, end_of(sock), "LAST_ACK", "FIN_WAIT_2")
            sock.settimeout(30)
            size, _ = read_all(sock)
            check(f"{host}: and what was queued arrives whole before the FIN", size == QUEUED)
            sock.close()


def nothing_malformed(folder):
    capture = folder / "all.pcap"
    with Served("echo", "7", "http", f"80={folder}", more=["--no-offload"]):
        dump = subprocess.Popen(["tshark", "-q", "-i", "la0", "-w", str(capture)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # It says that it captures a little before it does: the packets it has seen tell.
        def sees():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"?", (V4, 9))
            return capture.exists() and capture.stat().st_size > 1000
        check("tshark captures", until(sees, 20))
        for host in (V4, V6):
            url = f"http://{'[' + host + ']' if ':' in host else host}/index.html"
            run("curl", "-sgm", "10", url)
            with connect(host, 7) as sock:
                sock.sendall(os.urandom(100000))
                sock.shutdown(socket.SHUT_WR)
                read_all(sock)
        time.sleep(0.5)  # the capture is another process: let it see the last packets
        dump.send_signal(signal.SIGINT)
        dump.wait(10)
    # Payload is payload: by a port that chance picked tshark would take it for another protocol.
    plain = [f"-d{layer}.port==1-65535,data" for layer in ("tcp", "udp")]
    wrong = run("tshark", "-r", str(capture), *plain, "-o", "tcp.check_checksum:TRUE",
                "-o", "ip.check_checksum:TRUE", "-Y",
                "_ws.malformed || tcp.checksum.status == \"Bad\" || ip.checksum.status == \"Bad\"")
    seen = run("tshark", "-r", str(capture), "-Y", "tcp.flags.fin == 1 && ip.src == " + V4)
    check("tshark saw the connections", len(seen.stdout.splitlines()) >= 2, seen.stderr)
    check("tshark finds nothing malformed and no bad checksum", wrong.stdout.strip() == "",
          wrong.stdout + wrong.stderr)


def refused():
    """A RST belongs to no connection: the device must not be told to finish what is whole."""
    for more in ([], ["--no-offload"]):
        with Served("echo", "7", more=more) as served:
            for host in (V4, V6):
                began = time.monotonic()
                good = is_refused(host, 8)
                took = time.monotonic() - began
                check(f"{host} {' '.join(more) or 'with offload'}: a closed port refuses at once",
                      good and took < 1, f"after {took:.1f} s")


def ends_well():
    """What was written before the end arrives, although the process goes."""
    for host in (V4, V6):
        served = Served("turn", f"90={QUEUED}")
        with served:
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(30)
            sock.connect((host, 90))
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1)  # the rest waits at the other end
            served.process.send_signal(signal.SIGTERM)
            try:
                size = 1 + read_all(sock)[0]
            except OSError as error:
                size = error
            sock.close()
        check(f"{host}: what was queued when the signal came arrives whole", size == QUEUED, size)
        check(f"{host}: and the exit code is 0", served.code == 0, served.code)


def prepared_devices():
    """Made by somebody else: with the addresses already, and with or without the header of offloads."""
    command = [COMMAND, "serve", "echo", "7", "--tun", "la0", "--ip", V4 + "/24", "--peer", KERNEL_V4,
               "--ip", V6 + "/64", "--peer", KERNEL_V6]
    for offload, fits, not_fit in ((True, [], ["--no-offload"]), (False, ["--wire", "delay=1ms"], [])):
        with quiet_tun(offload=offload):
            with Serving([*command, *fits]) as served:
                good = echoes(V4) and echoes(V6)
            check(f"--peer on a device that has the addresses already {' '.join(fits)}",
                  good and served.code == 0, served.code)
            done = run(*command, *not_fit, timeout=60)
            wanted = "leave --no-offload and --wire out" if offload else "give --no-offload"
            check(f"somebody holds the device {'with' if offload else 'without'} offloads: it says what to do",
                  done.returncode == 1 and "can't use TUN device la0 with" in done.stderr
                  and wanted in done.stderr, done)
    with Served("echo", "7"):
        shown = json.loads(run("ip", "-j", "link", "show", "la0").stdout)[0]
        check("a device that it makes has room for a burst of many", shown["txqlen"] >= 8192, shown)


class Serving(Served):
    def __init__(self, command):
        self.command = command


def echoes(host):
    with connect(host, 7) as sock:
        sock.sendall(b"hello")
        return sock.recv(5) == b"hello"


def clear_errors():
    done = run(COMMAND, "serve", "echo", "7", "--tun", "a-name-that-is-too-long", "--ip", V4 + "/24")
    check("a device name that can't be is said clearly",
          done.returncode == 1 and "can't make TUN device" in done.stderr, done.stderr)
    done = run(COMMAND, "serve", "echo", "x", "--tun", "la1", "--ip", V4 + "/24")
    check("a port that is none is wrong usage", done.returncode == 2 and "port" in done.stderr,
          done.stderr)
    for services in (("echo", "7", "sink", "7"), ("udp-echo", "7", "udp-discard", "7")):
        done = run(COMMAND, "serve", *services, "--tun", "la1", "--ip", V4 + "/24")
        check(f"a port that is taken ({' '.join(services)}): it says so, and what to do", done.returncode == 1
              and "port 7: another service has it\n  give each a port of its own" in done.stderr, done)
    done = run(COMMAND, "ss", "--pid", "999999")
    check("ss finds nothing: exit code 3", done.returncode == 3, done.stderr)


def main(folder):
    fetch_a_gibibyte(folder)
    half_close()
    many_at_once()
    states_agree(folder)
    nothing_malformed(folder)
    refused()
    ends_well()
    prepared_devices()
    clear_errors()


if __name__ == "__main__":
    sys.exit(in_namespace(main))
