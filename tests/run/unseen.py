"""What a program of a run tries on the machine's network, past lastack (tests/linux/run_unseen.py): unseen.py PART
[DESCRIPTOR...]. A line for each thing that was tried, with errno or what came of it."""
import ctypes
import errno
import itertools
import mmap
import os
import socket
import sys

OUTSIDE = ("127.0.0.1", 50001)  # a server of the machine
libc = ctypes.CDLL(None, use_errno=True)


def name_of(number):
    return errno.errorcode.get(number, number)


def attempt(call, *arguments):
    try:
        call(*arguments)
        return "done"
    except OSError as error:
        return name_of(error.errno)


def call_of(number, *arguments):
    returned = libc.syscall(number, *arguments)
    return name_of(ctypes.get_errno()) if returned < 0 else returned


def io_uring():
    for name, number in (("setup", 425), ("enter", 426), ("register", 427)):
        print(f"io_uring_{name}:", call_of(number, 8, 0, 0, 0, 0, 0))


def call_of_32_bits():
    """A function of this process that makes such a call: number, three arguments."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    # push rbx; mov eax, edi; mov ebx, esi; xchg ecx, edx; int 0x80; pop rbx; ret
    code.write(bytes.fromhex("53 89f8 89f3 87d1 cd80 5b c3"))
    function = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int] * 4)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    function.code = code  # which it does not keep by itself
    return lambda number, *arguments: name_of(-function(number, *(list(arguments) + [0, 0, 0])[:3]))


def other_calls():
    """Of 32 bits and of x32, by each one's own numbers."""
    call = call_of_32_bits()
    for name, number, *arguments in (("getpid", 20), ("socketcall", 102, 1), ("socket", 359, 2, 1, 0), ("bind", 361),
                                     ("connect", 362), ("sendmsg", 370), ("sendto", 369), ("io_uring_setup", 425, 8)):
        print(f"32 bits, {name}:", call(number, *arguments))
    for name, number in (("getpid", 39), ("socket", 41), ("connect", 42), ("sendto", 44), ("sendmsg", 518)):
        print(f"x32, {name}:", call_of(0x40000000 + number, 2, 1, 0))


def every_socket():
    """All that socket() may be asked for. What was had is held until somebody outside has looked."""
    held, had = [], set()
    protocols = (0, 1, 2, 6, 17, 33, 47, 50, 58, 103, 132, 136, 143, 255, 262, 0x0300)
    for domain, kind, protocol in itertools.product(range(64), range(1, 11), protocols):
        descriptor = libc.syscall(41, domain, kind, protocol)
        if descriptor >= 0:
            held.append(descriptor)
            had.add((domain, kind, protocol))
    for domain, kind, protocol in sorted(had):
        if domain in (socket.AF_INET, socket.AF_INET6):
            print("had:", domain, kind, protocol)
    print("domains:", *sorted({domain for domain, _, _ in had}))
    for name, kind, protocol in (("SCTP", 1, 132), ("SCTP, of messages", 5, 132), ("MPTCP", 1, 262), ("UDP-Lite", 2, 136),
                                 ("DCCP", 6, 33), ("ping", 2, 1), ("raw", 3, 6), ("SOCK_PACKET", 10, 0x0300)):
        print(f"{name}:", call_of(41, 2, kind, protocol))
    print("AF_PACKET:", call_of(41, 17, 3, 0x0300))
    print("looked at", flush=True)
    sys.stdin.readline()


def inherited(*descriptors):
    for descriptor in descriptors:
        print(f"inherited {descriptor}:", attempt(os.fstat, int(descriptor)))


def as_input(kind):
    """Standard input is a socket of the machine's: of TCP, connected, or of UDP, not connected."""
    own = socket.socket(fileno=os.dup(0))
    if kind == "tcp":
        own.sendall(b"it is my output")
        print("read:", own.recv(100).decode())
        print("sendmsg:", attempt(own.sendmsg, [b"!"]))
        libc.connect(own.fileno(), b"\0" * 16, 16)  # AF_UNSPEC: not connected any more
        print("sendmsg that connects:", attempt(own.sendmsg, [b"?"], [], socket.MSG_FASTOPEN, OUTSIDE))
    else:
        print("sendmsg:", attempt(own.sendmsg, [b"?"], [], 0, OUTSIDE))
    print("sendto:", attempt(own.sendto, b"?", OUTSIDE))
    print("connect:", attempt(own.connect, OUTSIDE))
    print("bind:", attempt(own.bind, ("127.0.0.1", 50009)))
    print("listen:", attempt(own.listen))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
