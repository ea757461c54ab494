#!/usr/bin/env python3
"""Tests on Debian 12's own kernel, Linux 6.1, in a virtual machine: what concerns `lastack run` and TUN devices,
`lastack doctor`; or what the arguments name (a file of tests/linux, with its own arguments in one word:
"run_worlds.py 1000"; before it "scope 1 " for that kernel.yama.ptrace_scope). The machine's files are the virtual
machine's too, to be read; what it writes, it forgets. Packages by `scripts/packages kernel`; the kernel itself is
downloaded and unpacked, and not installed. /dev/kvm is used where that kernel starts on it, else all is emulated: ten
times as slow, and more.

Exit codes: 0 all went well; 1 something did not; 2 wrong usage; 3 the virtual machine did not start."""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import COMMAND, ROOT, check, checks, must

TESTS = ("doctor", "first_wire.py", "run.py", "run_denied.py", "run_unseen.py", "gateway.py", "networks.py",
         "run_kills.py 30", "run_hostile.py", "run_worlds.py 100", "run_programs.py", "scope 1 run.py", "scope 2 run_denied.py",
         "scope 3 run_denied.py")
PROGRAMS = {"LASTACK_COMMAND": COMMAND}
for name, path in (("LASTACK_WORLDS", "worlds/worlds"), ("LASTACK_HOSTILE", "run/hostile")):
    PROGRAMS[name] = os.environ.get(name, str(ROOT / "build" / "debug" / "tests" / path))
KEPT = ROOT / "build" / "kernel"
BUSYBOX = "/bin/busybox"
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "tun")
NOT_STARTED = 3
LINE = re.compile(r"^(ok|not ok|skip) ", re.MULTILINE)

# The machine's files below, what is written above them, in memory. Afterwards the first process is a shell of
# busybox's, which waits for whatever nobody else does.
INIT = """#!/bin/busybox sh
export PATH=/bin
busybox mount -t proc none /proc
for module in {modules}; do busybox insmod /modules/$module.ko; done
share=trans=virtio,version=9p2000.L,msize=512000
busybox mount -t 9p -o ro,cache=loose,$share root /below
busybox mount -t tmpfs -o mode=755 none /above
busybox mkdir /above/files /above/work
busybox mount -t overlay -o lowerdir=/below,upperdir=/above/files,workdir=/above/work none /new
for place in tmp run var/tmp dev/shm; do busybox mkdir -p /new/$place; done
busybox mount -t devtmpfs none /new/dev
busybox mkdir -p /new/dev/pts /new/dev/shm /new/run/told
busybox mount -t devpts none /new/dev/pts
busybox mount -t proc none /new/proc
busybox mount -t sysfs none /new/sys
for place in tmp run dev/shm; do busybox mount -t tmpfs -o mode=1777 none /new/$place; done
busybox mkdir /new/run/told
busybox mount -t 9p -o rw,$share told /new/run/told
busybox cp /bin/busybox /begin /new/run/
busybox umount /proc
exec busybox switch_root /new /run/busybox sh /run/begin
"""
BEGIN = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 {environment}
ip link set lo up
mkdir -p /lib/modules && mount -t tmpfs none /lib/modules && ln -s {modules} /lib/modules/
ln -sf /run/busybox /sbin/modprobe
chmod 666 /dev/net/tun
hostname kernel
uname -r > /run/told/up
cd {root}
number=0
while read -r seconds words; do
  begun=$(cut -d. -f1 /proc/uptime)
  timeout -k 10 $seconds sh -c "$words" > /run/told/$number.said 2>&1 < /dev/null
  echo $? $(($(cut -d. -f1 /proc/uptime) - begun)) > /run/told/$number.new
  mv /run/told/$number.new /run/told/$number.code
  number=$((number + 1))
done < /run/told/tests
sync
/run/busybox poweroff -f
"""


# --- what it starts from


def kernel():
    """Where Debian's newest kernel of this release lies: (its image, its modules)."""
    package = re.search(r"Depends: (linux-image-\S+)", must("apt-cache", "depends", "linux-image-amd64"))[1]
    version = must("apt-cache", "show", "--no-all-versions", package).split("Version: ")[1].split()[0]
    kept = KEPT / version
    if not kept.exists():
        shutil.rmtree(KEPT, ignore_errors=True)
        unpacked = KEPT / "new"
        unpacked.mkdir(parents=True)
        print(f"download {package} {version}", file=sys.stderr)
        subprocess.run(["apt-get", "-qq", "download", package], cwd=KEPT, check=True, stderr=subprocess.DEVNULL)
        archive = next(KEPT.glob("*.deb"))
        must("dpkg-deb", "-x", str(archive), str(unpacked))
        archive.unlink()
        release = next((unpacked / "lib" / "modules").iterdir()).name
        must(BUSYBOX, "depmod", "-b", str(unpacked), release)
        unpacked.rename(kept)
    return next((kept / "boot").glob("vmlinuz-*")), next((kept / "lib" / "modules").iterdir())


def with_needed(modules, names):
    """Files of modules, each behind those that it needs."""
    files = {path.stem.replace("-", "_"): path for path in modules.rglob("*.ko")}
    ordered = {}

    def take(name):
        file = files.get(name)  # what is not there is in the kernel itself
        if file is None or name in ordered:
            return
        for needed in re.search(rb"\0depends=([^\0]*)\0", file.read_bytes())[1].decode().split(","):
            take(needed.replace("-", "_"))
        ordered[name] = file

    for name in names:
        take(name)
    return ordered


def first_files(folder, modules):
    """The archive that the kernel unpacks first (initramfs)."""
    root = folder / "first"
    for place in ("bin", "proc", "below", "above", "new", "modules", "dev"):
        (root / place).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin")
    needed = with_needed(modules, MODULES)
    for name, file in needed.items():
        shutil.copy(file, root / "modules" / f"{name}.ko")
    (root / "init").write_text(INIT.format(modules=" ".join(needed)))
    environment = " ".join(f"{name}={shlex.quote(path)}" for name, path in PROGRAMS.items())
    (root / "begin").write_text(BEGIN.format(environment=environment, modules=modules, root=shlex.quote(str(ROOT))))
    (root / "init").chmod(0o755)
    archive = folder / "first.cpio"
    with archive.open("wb") as into:
        subprocess.run(f"find . | {BUSYBOX} cpio -o -H newc", shell=True, cwd=root, check=True, stdout=into,
                       stderr=subprocess.DEVNULL)
    return archive


# --- the virtual machine


class Machine:
    """One that runs, and what it has told so far."""

    def __init__(self, how, image, archive, told, options):
        self.told = told
        share = "local,security_model=none,multidevs=remap"
        self.console = (told.parent / "console").open("w")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35", *how, "-m", str(options.mib), "-smp", str(options.cores),
             "-display", "none", "-vga", "none", "-serial", "stdio", "-monitor", "none", "-nic", "none", "-no-reboot", "-kernel",
             str(image), "-initrd", str(archive), "-append", "console=ttyS0 quiet panic=-1 no_timer_check",
             "-virtfs", f"{share},path=/,mount_tag=root,readonly=on",
             "-virtfs", f"{share},path={told},mount_tag=told"],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT)

    def tells(self, name, seconds):
        """What it writes there, or nothing where it ends before, or takes too long."""
        path, end = self.told / name, time.monotonic() + seconds
        while not path.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                return path.read_text() if path.exists() else None
            time.sleep(0.1)
        time.sleep(0.1)  # what is opened is not written yet
        return path.read_text()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.console.close()


def started(image, archive, told, options):
    ways = {"kvm": ["-accel", "kvm", "-cpu", "host"], "tcg": ["-accel", "tcg,thread=multi", "-cpu", "max"]}
    if options.accel:
        ways = {options.accel: ways[options.accel]}
    elif not os.access("/dev/kvm", os.R_OK | os.W_OK):
        del ways["kvm"]
    # On a busy machine a kernel that is emulated may find that its clocks don't work, and give up.
    for name, how in [*ways.items(), *list(ways.items())[-1:] * 2]:
        machine = Machine(how, image, archive, told, options)
        release = machine.tells("up", 30 if name == "kvm" else 180)
        if release:
            print(f"Linux {release.strip()}, {'with KVM' if name == 'kvm' else 'emulated'}", file=sys.stderr)
            return machine, release.strip()
        machine.end()
        print(f"no start with {name}: {(told.parent / 'console').read_text()[-300:]}", file=sys.stderr)
    return None, None


# --- the tests


def words_of(test):
    if test == "doctor":
        return f"{shlex.quote(COMMAND)} doctor"
    scope, script = test.split(" ", 2)[1:] if test.startswith("scope ") else ("0", test)
    return f"echo {int(scope)} > /proc/sys/kernel/yama/ptrace_scope; python3 tests/linux/{script}"


def looked_at(machine, number, test, release, seconds):
    code = machine.tells(f"{number}.code", seconds + 60)
    said = (machine.told / f"{number}.said").read_text(errors="replace")
    if code is None:
        return check(f"{test} on Linux {release}", False, said, "the virtual machine has ended, or hangs")
    status, took = code.split()
    lines = LINE.findall(said)
    good = status == "0" and (lines or test == "doctor") and "not ok" not in lines
    told = f", {lines.count('ok')} things tested" if lines else ""
    check(f"{test} on Linux {release}{told} ({took} s)", good, said[-20000:], f"exit code {status}")
    if test == "doctor":
        print(said, file=sys.stderr)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], epilog=__doc__.split("\n\n")[1])
    parser.add_argument("tests", nargs="*", metavar="TEST", default=TESTS, help=f"of these: {', '.join(TESTS)}")
    parser.add_argument("--accel", choices=("kvm", "tcg"), help="one way, and no other")
    parser.add_argument("--seconds", type=int, default=1800, help="that a test may take (1800)")
    parser.add_argument("--mib", type=int, default=4096, help="memory of the virtual machine (4096)")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="its processors (as many as there are)")
    return parser.parse_args()


def main():
    options = parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the virtual machine ends as well
    must(str(ROOT / "scripts" / "packages"), "kernel")
    image, modules = kernel()
    with tempfile.TemporaryDirectory() as text:
        folder = pathlib.Path(text)
        told = folder / "told"
        told.mkdir()
        (told / "tests").write_text("".join(f"{options.seconds} {words_of(test)}\n" for test in options.tests))
        machine, release = started(image, first_files(folder, modules), told, options)
        if machine is None:
            return NOT_STARTED
        try:
            for number, test in enumerate(options.tests):
                looked_at(machine, number, test, release, options.seconds)
        finally:
            machine.end()
    return checks.status()


if __name__ == "__main__":
    sys.exit(main())
