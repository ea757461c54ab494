#!/usr/bin/env python3
"""Writes the inputs of the corpus that have names: what everybody would try first, as packets for
wire_fuzz and frame_fuzz, as the steps that host_fuzz and pair_fuzz read, and as lines of a control socket.
Numbers come from where the fuzzers declare them.

    python3 tests/fuzz/seeds.py
"""
import pathlib
import re

from packet_seeds import ACK, CONTROL, FIN, FRAMES, IP, LINK, PSH, RST, SYN, URG, WIRE

HERE = pathlib.Path(__file__).resolve().parent
HOLD = 0x80


def enum(file, name):
    """{word: number} of an enumeration."""
    body = re.search(rf"enum (?:class )?{name}\b[^{{]*{{(.*?)}};", (HERE / file).read_text(), re.S)[1]
    number, words = 0, {}
    for word, value in re.findall(r"^\s*(\w+)(?: = (0x[0-9a-f]+|\d+))?,", body, re.M):
        number = int(value, 0) if value else number
        words[word] = number
        number += 1
    return words


WHAT, CALL = enum("steps.hpp", "What"), enum("user.hpp", "Call")
SEQ, ACK_AT, OPTION = enum("peers.hpp", "SeqAt"), enum("peers.hpp", "AckAt"), enum("peers.hpp", "Option")
WRONG = enum("peers.hpp", "Wrong")
FATE = enum("pair_fuzz.cpp", "Fate")
ALL_OPTIONS = OPTION["kMss"] | OPTION["kScale"] | OPTION["kSackOk"]


def step(what, *octets, amount=0, held=False):
    octets = (*octets, *[0] * (5 - len(octets)))
    return bytes([what | (HOLD if held else 0), *octets, amount & 0xff, amount >> 8 & 0xff])


def settings(bits=0, buffers=0, sizes=0, limits=0x33, seed=1, v6=0, other_buffers=0):
    return bytes([0, bits, buffers, sizes, limits, seed, v6, other_buffers])


def call(name, fd=0, argument=0, side=0, amount=0, held=False):
    return step(WHAT["kCall"] + CALL[name], fd, argument, side, amount=amount, held=held)


def segment(flags, flow=0, seq=0, ack=0, options=0, length=0, window=0, amount=0, held=False):
    return step(WHAT["kSegment"], flow, flags, seq | ack << 4, options, length | window << 4,
                amount=amount, held=held)


def packet(kind, *octets, amount=0):
    return step(WHAT["kPacket"] + kind, *octets, amount=amount)


def datagram(family=0, port=0, wrong=0, source=0, octet=0, amount=0):
    return packet(14, family, port, wrong, source, octet, amount=amount)


def udp(what, endpoint=0, port=7, amount=0, held=False):
    return step(WHAT["kPacket"] + 13, endpoint, what, port, amount=amount, held=held)


def seconds(n):
    return step(WHAT["kWait"] + 2, amount=n)


def milliseconds(n):
    return step(WHAT["kWait"] + 1, amount=n)


def next_deadline(held=False):
    return step(WHAT["kWait"], held=held)


# --- one host

def accepted(options=0, data=True):
    """A client connects to port 80 and is accepted as descriptor 1."""
    begin = [call("listen_at", 0, 3), segment(SYN, options=options), segment(ACK), call("accept", 0)]
    return begin + ([segment(ACK | PSH, length=8), call("recv", 1, amount=4000)] if data else [])


def connected(options=0):
    """The host connects to a peer, as descriptor 0."""
    return [call("connect_to", 0), segment(SYN | ACK, options=options), call("connect", 0, 0)]


HOST = {
    "handshake": [settings(), *accepted()],
    "handshake-all-options": [settings(), *accepted(ALL_OPTIONS), call("send", 1, amount=30000),
                              segment(ACK)],
    "handshake-v6": [settings(), call("listen_at", 1, 3), segment(SYN, flow=1), segment(ACK),
                     call("accept", 0), segment(ACK, length=8), call("drain", 1)],
    "handshake-no-options": [settings(bits=7), *accepted()],
    "active-open": [settings(), *connected(ALL_OPTIONS), call("send", 0, amount=9000), segment(ACK)],
    "refused": [settings(), call("connect_to", 0), segment(RST | ACK), call("connect", 0, 0)],
    "no-answer": [settings(), call("connect_to", 0), seconds(400), call("take_error", 0)],
    "simultaneous-open": [settings(), call("connect_to", 0), segment(SYN), segment(SYN | ACK,
                          seq=SEQ["kSeqSyn"]), segment(ACK), call("send", 0, amount=100)],
    "close-before-established": [settings(), call("connect_to", 0), segment(SYN, options=ALL_OPTIONS),
                                 call("send", 0, amount=10), call("shutdown", 0, 1), segment(ACK)],
    "half-close": [settings(), *connected(), call("shutdown", 0, 1), segment(ACK),
                   segment(ACK, length=5), call("drain", 0), segment(FIN | ACK), seconds(61)],
    "simultaneous-close": [settings(), *connected(), call("shutdown", 0, 1),
                           segment(FIN | ACK, ack=ACK_AT["kAckAgain"]), segment(ACK), seconds(30),
                           segment(FIN | ACK, seq=SEQ["kSeqBefore"]), seconds(61)],
    "last-ack": [settings(), *accepted(), segment(FIN | ACK), call("send", 1, amount=100),
                 call("close", 1), segment(ACK)],
    "time-wait-reuse": [settings(), *accepted(), call("close", 1), segment(ACK), segment(FIN | ACK),
                        segment(SYN, options=OPTION["kStamp"], seq=SEQ["kSeqPlus"], amount=1000),
                        segment(ACK), call("accept", 0)],
    "time-wait-rst": [settings(bits=0x10), *accepted(), call("close", 1), segment(ACK),
                      segment(FIN | ACK), segment(RST)],
    "time-wait-segments": [settings(), *accepted(ALL_OPTIONS | OPTION["kStamp"]), call("close", 1), segment(ACK),
                           segment(FIN | ACK), segment(FIN | ACK, seq=SEQ["kSeqBefore"]),
                           segment(ACK, options=OPTION["kStamp"]), segment(ACK, options=OPTION["kOldStamp"],
                           amount=5000), segment(ACK, seq=SEQ["kSeqBefore"], length=1),
                           segment(RST, seq=SEQ["kSeqAfter"]), segment(SYN, seq=SEQ["kSeqAfter"]), segment(0),
                           segment(ACK, ack=ACK_AT["kAckUnsent"]), segment(ACK, ack=ACK_AT["kAckFar"], amount=9),
                           segment(ACK, length=4), segment(RST, seq=SEQ["kSeqFar"], amount=9)],
    "time-wait-without-stamps": [settings(), *accepted(), call("close", 1), segment(ACK), segment(FIN | ACK),
                                 segment(FIN | ACK, seq=SEQ["kSeqBefore"]), segment(RST, seq=SEQ["kSeqAfter"]),
                                 segment(SYN, seq=SEQ["kSeqAfter"]), segment(0), segment(ACK, length=4),
                                 segment(ACK, ack=ACK_AT["kAckUnsent"]), segment(RST, seq=SEQ["kSeqFar"], amount=9)],
    "udp-calls": [settings(other_buffers=0x60), *[udp(what, endpoint, amount=99) for endpoint in (0, 3)
                  for what in (2, 0, 2, 0, 3, 1)], udp(0, port=0), udp(0, 2), udp(0), udp(2, amount=65535),
                  *[udp(2, amount=60000, held=True)] * 80],
    "close-with-unread": [settings(), *accepted(data=False), segment(ACK, length=5), call("close", 1)],
    "orphan-gets-data": [settings(), *accepted(), call("close", 1), segment(ACK, length=5)],
    "orphan-times-out": [settings(), *accepted(), call("close", 1), segment(ACK), seconds(61)],
    "linger": [settings(), *connected(), call("linger_zero", 0, 1), call("close", 0)],
    "shut-rd": [settings(), *accepted(), call("shutdown", 1, 0), segment(ACK, length=5),
                call("recv", 1, amount=10), segment(FIN | ACK)],
    "dup-and-close": [settings(), *connected(), call("dup", 0), call("close", 0), call("close", 0)],
    "listener-closes": [settings(), call("listen_at", 0, 3), segment(SYN, amount=1), segment(ACK),
                        segment(SYN, flow=2, amount=2), call("close", 0)],
    "loopback": [settings(), call("listen_at", 0, 3), call("connect_to", 3), call("accept", 0),
                 call("send", 2, amount=50000), call("drain", 1), call("close", 2), call("close", 1)],
    "self-connect": [settings(), call("socket"), call("bind", 0, 6), call("connect", 0, 5),
                     call("send", 0, amount=100), call("drain", 0), call("close", 0)],
    "out-of-order": [settings(), *accepted(ALL_OPTIONS), segment(ACK, seq=SEQ["kSeqNextButOne"],
                     length=5), segment(ACK, seq=SEQ["kSeqPlus"], amount=5000, length=2),
                     segment(ACK, length=5), call("drain", 1)],
    "fin-before-data": [settings(), *accepted(), segment(FIN | ACK, seq=SEQ["kSeqPlus"], amount=7),
                        segment(ACK, length=2)],
    "fin-before-what-is-there": [settings(), *accepted(), milliseconds(99),
                                 segment(ACK, seq=SEQ["kSeqPlus"], amount=25, length=2),
                                 segment(FIN | ACK, length=3, amount=31), call("recv", 1, amount=4000),
                                 call("recv", 1, amount=4000), segment(ACK, length=5), call("drain", 1)],
    "closed-window": [settings(buffers=0x03), *accepted(), segment(ACK, length=4, amount=100),
                      segment(ACK, length=1), segment(ACK | URG, amount=5), call("drain", 1)],
    "persist": [settings(), *connected(), segment(ACK, window=1), call("send", 0, amount=500),
                seconds(1), seconds(10), segment(ACK), call("close", 0)],
    "fast-retransmit": [settings(), *connected(ALL_OPTIONS), call("send", 0, amount=20000),
                        *[segment(ACK, ack=ACK_AT["kAckAgain"], options=OPTION["kSack"], amount=3000)]
                        * 4, segment(ACK, ack=ACK_AT["kAckSome"], amount=3000), segment(ACK)],
    "retransmission-gives-up": [settings(), *connected(), call("send", 0, amount=500), seconds(2000),
                                call("recv", 0, amount=10)],
    "user-timeout": [settings(bits=0x80), *connected(), call("send", 0, amount=500), seconds(30)],
    "keepalive": [settings(), *connected(), call("keepalive", 0, 1), seconds(7300), segment(ACK),
                  seconds(9000)],
    "urgent": [settings(), *connected(), call("send_urgent", 0, amount=10),
               segment(ACK | URG, length=5, amount=3), call("drain", 0)],
    "rst-blind": [settings(), *accepted(), segment(RST, seq=SEQ["kSeqAfter"]),
                  segment(SYN, seq=SEQ["kSeqAfter"]), segment(RST)],
    "ack-unsent": [settings(), *accepted(), segment(ACK, ack=ACK_AT["kAckUnsent"]),
                   segment(ACK, ack=ACK_AT["kAckFar"], amount=0x8000)],
    "paws": [settings(), *accepted(OPTION["kStamp"] | OPTION["kMss"]),
             segment(ACK, length=2, options=OPTION["kOldStamp"], amount=5000),
             segment(ACK, length=2, options=OPTION["kStamp"])],
    "a-batch": [settings(), call("listen_at", 0, 3), segment(SYN), segment(ACK, held=True),
                segment(ACK, length=8, held=True), segment(RST, held=True), segment(SYN)],
    "icmp": [settings(), call("connect_to", 0), packet(0), packet(0, 1, amount=99), packet(1, 0, 0, 1),
             segment(SYN | ACK), call("send", 0, amount=9000), packet(1, 0, 0, 4, amount=600)],
    "damaged": [settings(), *accepted(), packet(3, 0, ACK, 0, 0, 5, amount=0x0130),
                packet(4, 0, ACK, 0, 0, 5, amount=0x0432), packet(2, 0, ACK, 0, 0, 5, amount=0x2000)],
    "in-pieces": [settings(), *accepted(), packet(5, 0, ACK, 0, 0, 5 | 1 << 4), packet(5, 0, ACK, 0, 0,
                  5 | 2 << 4, amount=0x0102), packet(5, 0, ACK, 0, 0, 5), seconds(61), call("drain", 1)],
    "other-protocols": [settings(), packet(6, 0, 17, amount=20), packet(6, 1, 17, amount=20),
                        packet(6, 0, 99), packet(6, 1, 59), packet(7, 0, SYN)],
    "datagrams": [settings(other_buffers=0x20), datagram(amount=100), datagram(1, amount=1000),
                  datagram(0, 1), datagram(1, 2), datagram(0, amount=5, wrong=WRONG["kNoSum"]),
                  datagram(1, amount=5, wrong=WRONG["kNoSum"]), datagram(wrong=WRONG["kBadSum"]),
                  datagram(1, wrong=WRONG["kBadLength"], octet=9), datagram(wrong=WRONG["kPadded"])],
    "datagrams-that-nobody-reads": [settings(), *[datagram(i, amount=1300) for i in range(60)]],
    "a-full-syn-queue": [settings(limits=0), call("listen_at", 0, 3),
                         *[segment(SYN, flow=2 * i, options=ALL_OPTIONS, amount=i) for i in range(4)],
                         segment(ACK, flow=3), segment(ACK, flow=1), call("accept", 0)],
    "a-full-syn-queue-with-stamps": [settings(limits=0), call("listen_at", 0, 3),
                                     *[segment(SYN, flow=2 * i, options=ALL_OPTIONS | OPTION["kStamp"], amount=i)
                                       for i in range(8)], *[segment(ACK, flow=i) for i in range(8)]],
    "icmp-of-a-connection": [settings(), *connected(), call("send", 0, amount=9000),
                             *[packet(1, 0, 0, code, amount=1000) for code in (1, 4, 3, 13, 2)]],
    "few-orphans": [settings(v6=0x22), *accepted(), call("close", 1), segment(SYN, flow=2, amount=1),
                    segment(ACK, flow=1), call("accept", 0), call("close", 1),
                    segment(SYN, flow=4, amount=2), segment(ACK, flow=2), call("accept", 0),
                    call("close", 1), segment(ACK, flow=2)],
    "small-segments-for-ever": [settings(buffers=0x07), *accepted(OPTION["kMss"] | OPTION["kScale"]),
                                *[segment(ACK, length=7)] * 17,
                                *[packet(15, 0, ACK, 0, 0, 3, amount=31)] * 18],
    "late-timers": [settings(), *connected(), call("send", 0, amount=500), next_deadline(held=True),
                    segment(ACK, held=True), next_deadline(held=True), milliseconds(50)],
}


# --- two hosts

def fate(name, side=0, which=0, octet=0, amount=0, held=False):
    return step(WHAT["kSegment"] + FATE[name], side, which, octet, amount=amount, held=held)


def calm(milliseconds_each=10, times=0):
    return step(WHAT["kPacket"], 0, times, amount=milliseconds_each)


def met():
    """Host 1 listens on port 80, host 0 connects; descriptors 0 there and 1 here."""
    return [call("listen_at", 0, 3, side=1), call("connect_to", 0), calm(), call("accept", 0, side=1)]


PAIR = {
    "handshake": [settings(), *met()],
    "handshake-v6": [settings(v6=1), *met(), call("send", 0, amount=2000), calm()],
    "both-ways": [settings(), *met(), call("send", 0, amount=50000), call("send", 1, side=1,
                  amount=50000), calm(50, 3), call("drain", 0), call("drain", 1, side=1), calm()],
    "half-close": [settings(), *met(), call("send", 0, amount=3000), call("shutdown", 0, 1), calm(),
                   call("drain", 1, side=1), call("send", 1, side=1, amount=3000), calm(),
                   call("drain", 0), call("close", 1, side=1), calm(), call("close", 0)],
    "simultaneous-open": [settings(), call("socket"), call("bind", 0, 2), call("socket", side=1),
                          call("bind", 0, 2, side=1), call("connect", 0, 2, held=True),
                          call("connect", 0, 2, side=1), calm(), call("send", 0, amount=100)],
    "simultaneous-close": [settings(), *met(), call("shutdown", 0, 1, held=True),
                           call("shutdown", 1, 1, side=1), calm(), seconds(61)],
    "a-lost-syn": [settings(), call("listen_at", 0, 3, side=1), call("connect_to", 0),
                   fate("is_lost"), seconds(1), calm()],
    "a-lost-segment": [settings(), *met(), call("send", 0, amount=60000), fate("is_lost", 0, 2),
                       calm(50, 3), call("drain", 1, side=1)],
    "a-lost-fin": [settings(), *met(), call("send", 0, amount=3000), calm(), call("shutdown", 0, 1),
                   fate("is_lost"), seconds(1), calm()],
    "reordered": [settings(), *met(), call("send", 0, amount=60000), fate("overtakes", 0, 3),
                  fate("overtakes", 0, 1), fate("comes_twice", 0, 1), calm(), call("drain", 1, side=1)],
    "damaged": [settings(), *met(), call("send", 0, amount=60000), fate("is_damaged", 0, 1, 4, 30),
                fate("is_cut", 0, 2, amount=50), calm(50, 3), call("drain", 1, side=1)],
    "small-buffers": [settings(buffers=0x35, other_buffers=0x43), *met(), call("send", 0, amount=9000),
                      calm(), call("recv", 1, side=1, amount=400), calm(), seconds(5),
                      call("drain", 1, side=1), calm()],
    "closed-with-unread": [settings(), *met(), call("send", 0, amount=3000), calm(),
                           call("close", 1, side=1), calm(), call("recv", 0, amount=10)],
    "a-slow-reader": [settings(buffers=0x11, other_buffers=0x11), *met(), call("send", 0, amount=65535),
                      calm(50, 3), *[call("recv", 1, side=1, amount=5000), calm()] * 4],
    "super-segments": [settings(sizes=0x30), *met(), call("send", 0, amount=65535), calm(50, 3),
                       fate("is_lost", 0, 0), call("drain", 1, side=1), calm()],
    "loopback": [settings(), call("listen_at", 0, 3), call("connect_to", 3), call("accept", 0),
                 call("send", 1, amount=5000), calm(), call("drain", 2)],
}


def main():
    for name, seeds in (("host", HOST), ("pair", PAIR), ("wire", WIRE), ("frame", FRAMES),
                        ("ip", IP), ("ndp", LINK), ("control", CONTROL)):
        folder = HERE / "corpus" / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, steps in seeds.items():
            (folder / seed).write_bytes(b"".join(steps))


if __name__ == "__main__":
    main()
