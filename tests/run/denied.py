#!/usr/bin/env python3
"""Runs a command that is not allowed all system calls, as containers do it: denied.py RULE... -- COMMAND...
RULE is CALL=ERRNO (pidfd_open=EPERM), ioctl:NUMBER=ERRNO for a request of ioctl(), new_listener=ERRNO for seccomp()
that asks to be told of calls, or `listens`: somebody is told of calls already. On x86-64."""
import ctypes
import errno
import os
import struct
import sys

CALLS = {"ioctl": 16, "unshare": 272, "process_vm_readv": 310, "process_vm_writev": 311, "seccomp": 317,
         "io_uring_setup": 425, "pidfd_open": 434, "pidfd_getfd": 438}
PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER, NEW_LISTENER = 38, 1, 8
LOAD, AND, EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06  # of the kernel's BPF
ALLOW, FAIL, X86_64 = 0x7fff0000, 0x00050000, 0xc000003e
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # in struct seccomp_data


def filter_of(rule):
    """struct sock_filter's: what one rule says, and all else is allowed."""
    call, _, error = rule.partition("=")
    call, _, request = call.partition(":")
    look = []
    if call == "new_listener":
        call, look = "seccomp", [(LOAD, 0, 0, ARGUMENTS + 8), (AND, 0, 0, NEW_LISTENER), (EQUAL, 0, 1, NEW_LISTENER)]
    elif request:
        look = [(LOAD, 0, 0, ARGUMENTS + 8), (EQUAL, 0, 1, int(request, 0))]
    steps = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 0, len(look) + 3, X86_64), (LOAD, 0, 0, NUMBER),
             (EQUAL, 0, len(look) + 1, CALLS[call]), *look, (RETURN, 0, 0, FAIL | getattr(errno, error)),
             (RETURN, 0, 0, ALLOW)]
    return [struct.pack("HBBI", *step) for step in steps]


def install(steps, flags):
    """A descriptor, where one was asked for."""
    octets = ctypes.create_string_buffer(b"".join(steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(octets))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    made = libc.syscall(CALLS["seccomp"], SECCOMP_SET_MODE_FILTER, flags, program)
    if made < 0:
        raise OSError(ctypes.get_errno(), "a filter")
    return made


def main(words):
    cut = words.index("--")
    for rule in words[:cut]:
        if rule == "listens":
            os.set_inheritable(install([struct.pack("HBBI", RETURN, 0, 0, ALLOW)], NEW_LISTENER), True)
        else:
            install(filter_of(rule), 0)
    os.execvp(words[cut + 1], words[cut + 1:])


if __name__ == "__main__":
    main(sys.argv[1:])
