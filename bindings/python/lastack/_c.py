"""The functions of lastack/lastack.h, which says what each of them does."""
import ctypes
import os
from ctypes import (POINTER, Structure, c_char_p, c_int, c_int64, c_size_t, c_short, c_ssize_t,
                    c_uint8, c_uint16, c_uint32, c_uint64, c_ulong, c_void_p)


class Options(Structure):
    _fields_ = [("size", c_size_t), ("addresses", POINTER(c_char_p)), ("seed", c_uint64),
                ("receive_buffer", c_uint32), ("send_buffer", c_uint32), ("msl_ms", c_uint32),
                ("mtu", c_uint16), ("profile", c_uint8), ("offload", c_uint8)]


class PollFd(Structure):
    _fields_ = [("fd", c_int), ("events", c_short), ("revents", c_short)]


_STACK, _LOOP, _SIZE = c_void_p, c_void_p, POINTER(c_uint32)
_SIGNATURES = {
    "version": (c_char_p, []),
    "error": (c_char_p, []),
    "stack_new": (c_int, [POINTER(_STACK), POINTER(Options)]),
    "stack_free": (None, [_STACK]),
    "advance": (None, [_STACK, c_int64]),
    "next_deadline": (c_int64, [_STACK]),
    "packet_arrives": (None, [_STACK, c_char_p, c_size_t]),
    "transmit": (c_size_t, [_STACK, c_void_p, c_size_t]),
    "socket": (c_int, [_STACK, c_int, c_int, c_int]),
    "dup": (c_int, [_STACK, c_int]),
    "close": (c_int, [_STACK, c_int]),
    "bind": (c_int, [_STACK, c_int, c_void_p, c_uint32]),
    "listen": (c_int, [_STACK, c_int, c_int]),
    "accept": (c_int, [_STACK, c_int, c_void_p, _SIZE]),
    "connect": (c_int, [_STACK, c_int, c_void_p, c_uint32]),
    "send": (c_ssize_t, [_STACK, c_int, c_void_p, c_size_t, c_int]),
    "recv": (c_ssize_t, [_STACK, c_int, c_void_p, c_size_t, c_int]),
    "sendto": (c_ssize_t, [_STACK, c_int, c_void_p, c_size_t, c_int, c_void_p, c_uint32]),
    "recvfrom": (c_ssize_t, [_STACK, c_int, c_void_p, c_size_t, c_int, c_void_p, _SIZE]),
    "shutdown": (c_int, [_STACK, c_int, c_int]),
    "setsockopt": (c_int, [_STACK, c_int, c_int, c_int, c_void_p, c_uint32]),
    "getsockopt": (c_int, [_STACK, c_int, c_int, c_int, c_void_p, _SIZE]),
    "getsockname": (c_int, [_STACK, c_int, c_void_p, _SIZE]),
    "getpeername": (c_int, [_STACK, c_int, c_void_p, _SIZE]),
    "ioctl": (c_int, [_STACK, c_int, c_ulong]),
    "poll": (c_int, [_STACK, POINTER(PollFd), c_size_t]),
    "watch": (c_int, [_STACK, c_int, c_short]),
    "next_ready": (c_int, [_STACK, POINTER(PollFd)]),
    "state": (c_char_p, [_STACK, c_int]),
    "references": (c_int, [_STACK, c_int]),
    "history": (c_ssize_t, [_STACK, c_int, c_void_p, c_size_t]),
    "loop_new": (c_int, [POINTER(_LOOP)]),
    "loop_free": (None, [_LOOP]),
    "loop_attach": (c_int, [_LOOP, _STACK, c_char_p, POINTER(c_char_p)]),
    "loop_join": (c_int, [_LOOP, _STACK, _STACK, c_int64]),
    "loop_descriptor": (c_int, [_LOOP]),
    "loop_turn": (c_int, [_LOOP]),
    "loop_poll": (c_int, [_LOOP, _STACK, POINTER(PollFd), c_size_t, c_int]),
}


def _load():
    library = ctypes.CDLL(os.environ.get("LASTACK_LIBRARY", "liblastack-c.so.0"))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, "lastack_" + name)
        function.restype, function.argtypes = result, arguments
        globals()[name] = function


_load()


def checked(value):
    """`value`, or the OSError that it stands for."""
    if value < 0:
        words = error().decode()  # noqa: F821, made by _load()
        raise OSError(-value, words or os.strerror(-value))
    return value


def texts(values):
    """A NULL-terminated array of strings."""
    return (c_char_p * (len(values) + 1))(*[v.encode() for v in values], None)
