#!/usr/bin/env python3
"""Writes the inputs of the corpus that have names: what everybody would try first, as packets for
wire_fuzz and frame_fuzz, as the steps that host_fuzz and pair_fuzz read, and as lines of a control socket.
Numbers come from where the fuzzers declare them.

    python3 tests/fuzz/seeds.py
"""
import json
import pathlib
import re
import socket

HERE = pathlib.Path(__file__).resolve().parent
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
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


# --- headers and text

def tcp(flags, *options, payload=b""):
    octets = b"".join(options)
    octets += bytes(-len(octets) % 4)
    return (bytes.fromhex("9c40 0050 12345678 9abcdef0") + bytes([(5 + len(octets) // 4) << 4, flags])
            + bytes.fromhex("faf0 0000 0000") + octets + payload)


def v4(protocol, payload, options=b"", fragment=0):
    header = (bytes([0x45 + len(options) // 4, 0]) + (20 + len(options) + len(payload)).to_bytes(2)
              + bytes([0x1c, 0x46]) + fragment.to_bytes(2) + bytes([64, protocol, 0, 0])
              + bytes([10, 9, 0, 1, 10, 9, 0, 2]))
    return header + options + payload


def v6(protocol, payload):
    address = bytes.fromhex("fd00 0000 0000 0000 0000 0000 0000 00")
    return (bytes([0x60, 0, 0, 0]) + len(payload).to_bytes(2) + bytes([protocol, 64])
            + address + b"\1" + address + b"\2" + payload)


MSS, SCALE, SACK_OK = bytes([2, 4, 5, 0xb4]), bytes([1, 3, 3, 7]), bytes([4, 2])
STAMP = bytes([8, 10, 0, 0, 0, 1, 0, 0, 0, 0])


def sack(blocks):
    return bytes([5, 2 + 8 * blocks]) + bytes(range(1, 8 * blocks + 1))


def icmp4(kind, code, rest=bytes(4), body=b""):
    return v4(1, bytes([kind, code, 0, 0]) + rest + body)


PACKET, MENDED, SEGMENT, HEADER, SUMS, TEXT = (bytes([i]) for i in range(6))
WIRE = {
    "syn": [MENDED, v4(6, tcp(SYN, MSS, SACK_OK, STAMP, SCALE))],
    "syn-v6": [PACKET, v6(6, tcp(SYN, MSS, SACK_OK, STAMP, SCALE))],
    "ip-options": [MENDED, v4(6, tcp(ACK, payload=b"data"), options=b"\1\1\1\0")],
    "a-fragment": [MENDED, v4(6, tcp(ACK), fragment=0x2000)],
    "extension-headers": [PACKET, v6(0, bytes([60, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0])
                                     + tcp(ACK, payload=b"data"))],
    "routing-header": [PACKET, v6(43, bytes([6, 0, 0, 1, 0, 0, 0, 0]) + tcp(ACK))],
    "a-fragment-v6": [PACKET, v6(44, bytes([6, 0, 0, 1, 0, 0, 0, 9]) + tcp(ACK) + bytes(4))],
    "an-atomic-fragment": [PACKET, v6(44, bytes([6, 0, 0, 0, 0, 0, 0, 9]) + tcp(ACK))],
    "a-source-route": [MENDED, v4(6, tcp(ACK), options=bytes([131, 7, 4, 1, 2, 3, 4, 0]))],
    "echo": [MENDED, icmp4(8, 0, bytes([0, 1, 0, 1]))],
    "unreachable": [MENDED, icmp4(3, 1, body=v4(6, tcp(ACK)))],
    "too-big": [MENDED, icmp4(3, 4, bytes([0, 0, 2, 64]), v4(6, tcp(ACK)))],
    "a-parameter-problem": [MENDED, icmp4(12, 0, bytes([20, 0, 0, 0]), v4(6, tcp(ACK)))],
    "too-big-v6": [PACKET, v6(58, bytes([2, 0, 0, 0, 0, 0, 5, 0]) + v6(6, tcp(ACK)))],
    "a-datagram": [MENDED, v4(17, bytes([4, 210, 0, 53, 0, 12, 0, 0]) + b"data")],
    "a-datagram-v6": [PACKET, v6(17, bytes([4, 210, 0, 53, 0, 10, 190, 239]) + b"data")],
    "sack": [SEGMENT, tcp(ACK, STAMP, bytes([1, 1]), sack(3))],
    "sack-alone": [SEGMENT, tcp(ACK, bytes([1, 1]), sack(4))],
    "sack-twice": [SEGMENT, tcp(ACK, sack(2), sack(1), payload=b"data")],
    "unknown-options": [SEGMENT, tcp(SYN, bytes([254, 6, 1, 2, 3, 4]), MSS, bytes([2, 3, 5]), bytes([0, 9]))],
    "urgent": [SEGMENT, tcp(ACK | URG | PSH, payload=b"data")],
    "header-values": [HEADER, bytes(range(1, 64))],
    "sums": [SUMS, bytes([3, 0x10, 1, 0, 77]), bytes(range(0, 256, 5))],
    "address-v4": [TEXT, b"10.9.0.2"],
    "address-v6": [TEXT, b"2001:db8::1:0:0:1"],
    "mapped": [TEXT, b"::ffff:10.0.0.1"],
    "prefix": [TEXT, b"fd00::1/64"],
    "endpoint": [TEXT, b"[fd00::1]:8080"],
    "endpoint-v4": [TEXT, b"10.9.0.2:80"],
}


# --- frames

US, THEM = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2])
LOCAL = bytes.fromhex("fe80 0000 0000 0000 0000 0000 0000 00")
TARGET = LOCAL + b"\x07"


def ethernet(kind, payload, tag=b""):
    return US + THEM + tag + kind.to_bytes(2) + payload


def arp(operation):
    return (bytes([0, 1, 8, 0, 6, 4, 0, operation]) + THEM + bytes([10, 0, 0, 2]) + US
            + bytes([10, 0, 0, 1]))


def ndp(kind, body, *options):
    return LOCAL + b"\2" + LOCAL + b"\1" + bytes([kind, 0, 0, 0]) + body + b"".join(options)


FRAME, ARP, NDP, MAC = (bytes([i]) for i in range(4))
PREFIX = bytes([3, 4, 64, 0xc0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]) + bytes([0xfd]) + bytes(15)
ROUTE = bytes([24, 2, 48, 8, 0, 0, 1, 0, 0xfd, 1, 0, 0, 0, 0, 0, 0])
FRAMES = {
    "arp-request": [FRAME, ethernet(0x0806, arp(1) + bytes(18))],
    "arp-reply": [ARP, arp(2)],
    "ip-in-a-frame": [FRAME, ethernet(0x0800, v4(6, tcp(SYN)))],
    "a-tag": [FRAME, ethernet(0x0806, arp(1), bytes([0x81, 0, 0x20, 0]))],
    "router-solicitation": [NDP, ndp(133, bytes(4), bytes([1, 1]), THEM)],
    "router-advertisement": [NDP, ndp(134, bytes([64, 0x08, 7, 8]) + bytes(8), bytes([1, 1]), THEM,
                                      bytes([5, 1, 0, 0, 0, 0, 5, 0xdc]), PREFIX, ROUTE)],
    "neighbour-solicitation": [NDP, ndp(135, bytes(4) + TARGET, bytes([1, 1]), THEM,
                                        bytes([14, 1, 1, 2, 3, 4, 5, 6]))],
    "neighbour-advertisement": [NDP, ndp(136, bytes([0x60, 0, 0, 0]) + TARGET, bytes([2, 1]), THEM)],
    "router-preferences": [NDP, ndp(134, bytes([64, 0x18, 7, 8]) + bytes(8), bytes([99, 1]) + bytes(6))],
    "router-reserved": [NDP, ndp(134, bytes([64, 0x10, 7, 8]) + bytes(8))],
    "another-nonce": [NDP, ndp(135, bytes(4) + TARGET, bytes([14, 2]) + bytes(14))],
    "target-of-many": [NDP, ndp(135, bytes(4) + b"\xff" + TARGET[1:])],
    "from-nobody": [NDP, bytes(16) + ndp(135, bytes(4) + TARGET, bytes([1, 1]), THEM)[16:]],
    "advertised-by-nobody": [NDP, bytes(16) + ndp(136, bytes(4) + TARGET)[16:]],
    "redirect-to-many": [NDP, ndp(137, bytes(4) + TARGET + b"\xff" + TARGET[1:])],
    "redirect": [NDP, ndp(137, bytes(4) + TARGET + LOCAL + b"\x08", bytes([2, 1]), THEM)],
    "mac": [MAC, b"02:00:00:00:00:01"],
    "mac-with-dashes": [MAC, b"02-00-00-00-00-01"],
}


# --- a link with neighbours and routers

def come(frame):
    return bytes([0, len(frame)]) + frame


def v6_frame(to, source, kind, body, *options):
    message = bytes([kind, 0, 0, 0]) + body + b"".join(options)
    destination = address(to)
    mac = b"\x33\x33" + destination[12:] if to.startswith("ff") else US
    return come(mac + THEM + bytes([0x86, 0xdd, 0x60, 0, 0, 0]) + len(message).to_bytes(2) + bytes([58, 255])
                + address(source) + destination + message)


def way(to, then=0):
    """then: 0 progress, 2 doubted; only of IPv4, whose kinds are even."""
    return bytes([129 if ":" in to else 128 + then]) + address(to)


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


SECOND, QUARTER = bytes([220]), bytes([230])
ADVERTISED = bytes([64, 0x08, 7, 8]) + bytes(8)
MY_MAC, ITS_MAC = bytes([1, 1]) + THEM, bytes([2, 1]) + THEM
ON_LINK = bytes([3, 4, 64, 0xc0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]) + address("fd01::")
BEHIND = bytes([24, 3, 64, 8, 0, 0, 1, 0]) + address("fd09::")
LINK = {
    "arp": [bytes(1), come(ethernet(0x0806, arp(1))), way("10.0.0.2"), come(ethernet(0x0806, arp(2))),
            way("10.0.0.2"), way("10.0.0.3"), SECOND * 4, way("10.0.0.2", 2), SECOND * 9, QUARTER],
    "arp-conflict": [b"\2", SECOND, come(ethernet(0x0806, arp(1)[:14] + bytes([10, 0, 0, 1]) + arp(1)[18:])), SECOND],
    "neighbours": [bytes(1), SECOND * 3, way("fd00::2"),
                   v6_frame("fd00::1", "fd00::2", 136, bytes([0x60, 0, 0, 0]) + address("fd00::2"), ITS_MAC),
                   way("fd00::2"), SECOND * 40, way("fd00::2"), SECOND * 9, way("fd00::2"),
                   v6_frame("ff02::1", "fd00::2", 136, bytes([0x20, 0, 0, 0]) + address("fd00::2"), ITS_MAC[:-1] + b"\3"),
                   way("fd00::9"), SECOND * 9],
    "asked-for": [bytes(1), SECOND, v6_frame("ff02::1:ff00:1", "fd00::2", 135, bytes(4) + address("fd00::1"), MY_MAC),
                  v6_frame("ff02::1:ff00:1", "::", 135, bytes(4) + address("fd00::1")), SECOND],
    "not-alone": [b"\2", v6_frame("ff02::1:ff00:1", "::", 135, bytes(4) + address("fd00::1")), SECOND,
                  v6_frame("ff02::1", "fd00::2", 136, bytes([0x20, 0, 0, 0]) + address("fd00::1"), ITS_MAC), SECOND * 9],
    "a-router": [b"\1", SECOND, v6_frame("ff02::1", "fe80::2", 134, ADVERTISED, MY_MAC,
                                        bytes([5, 1, 0, 0, 0, 0, 5, 0]), ON_LINK, BEHIND),
                 SECOND * 2, way("2001:db8::1"), way("fd09::1"), way("fd01::7"),
                 v6_frame("fd00::1", "fe80::2", 137, bytes(4) + address("fe80::8") + address("2001:db8::1"), ITS_MAC),
                 v6_frame("fd00::1", "fe80::2", 137, bytes(4) + address("2001:db8::2") * 2, ITS_MAC),
                 way("2001:db8::1"), v6_frame("ff02::1", "fe80::2", 134, bytes(12), MY_MAC), SECOND, QUARTER],
    "a-router-for-long": [b"\5", v6_frame("ff02::1", "fe80::2", 134, ADVERTISED, ON_LINK), SECOND * 20, QUARTER * 9],
    "a-query": [bytes(1), SECOND, v6_frame("ff02::1", "fe80::2", 130, bytes(20)), SECOND],
    "a-packet": [bytes(1), come(ethernet(0x0800, v4(6, tcp(SYN)))), come(US + US + bytes([8, 0])), come(b"short")],
}


# --- lines of a control socket

def lines(kind, *values):
    text = "".join((v if isinstance(v, str) else json.dumps(v, separators=(",", ":"))) + "\n" for v in values)
    return [bytes([kind, 255]), text.encode()]  # 256 octets at once


def asked(*requests):
    return lines(0, *requests)


def answered(*answers):
    return lines(1, {"lastack": "0.1.0", "protocol": 1, "pid": 7}, *answers)


def seen(kind, at=5, local="10.0.0.1:80", remote="10.0.0.2:5555", **more):
    return {"at_us": at, "local": local, "remote": remote, "kind": kind, **more}


def traced(*events, **more):
    return {"begin": 0, "end": len(events), "keeps": 64, "from": 0, "now_us": 9000000,
            "wall_us": 1700000000000000, "events": events, **more}


def row(state="ESTABLISHED", local="10.0.0.1:80", remote="10.0.0.2:5555", **more):
    return {"protocol": "tcp", "state": state, "local": local, "remote": remote, "recv_q": 0, "send_q": 3,
            "since_ms": 100, **more}


def timer(name, ms):
    return {"name": name, "in_ms": ms, "retransmissions": 1}


SYN_SEEN, DATA_SEEN = tcp(SYN, MSS, SCALE).hex(), tcp(ACK | PSH).hex()
STEPS = [{"ago_ms": ms, "from": "SYN_SENT", "event": "syn", "to": "ESTABLISHED"} for ms in (7200000, 130000, 5)]
FIGURES = {"ts": True, "sack": True, "congestion": "cubic", "snd_wscale": 7, "rcv_wscale": 7, "rto_ms": 204,
           "rtt_ms": 1.25, "rttvar_ms": 0.5, "mss": 1448, "cwnd": 10, "bytes_acked": 7, "snd_wnd": 0}
CONTROL = {
    "questions": asked(*[{"ask": what} for what in ("ss", "trace", "nstat", "counters", "nothing")]),
    "pages": asked({"ask": "trace", "from": 1, "most": 2}, {"ask": "trace", "from": -1}, {"ask": "trace", "most": "x"}),
    "no-questions": asked("", "[]", "{", '{"ask":1}', "{}", {"ask": "pass", "way": 5}, {"ask": "x", "way": "in"}),
    "nested": asked("[" * 70, '{"ask":"\\"]","x":' + "[" * 60 + "]" * 60 + "}"),
    "a-trace": answered(traced(
        seen("called", call="connect"), seen("sent", octets=0, header=SYN_SEEN, why="data"),
        seen("transition", **{"from": "CLOSED", "event": "active_open", "to": "SYN_SENT"}),
        seen("arrived", octets=100, header=DATA_SEEN, drop="paws"), seen("called", call="send", octets=9),
        seen("sent", octets=9, header=DATA_SEEN, why="timeout", attempt=2, attempts=15, rto_us=400000))),
    "calls": answered(traced(*[seen("called", call=call, remote="[fd00::2]:80", local="[fd00::1]:80") for call in
                               ("none", "accept", "receive", "close", "discard_receive", "orphan", "abort")])),
    "two-families": answered(traced(seen("sent", remote="[fd00::2]:80", octets=9, header=DATA_SEEN),
                                    seen("arrived", local="[fd00::1]:80", header=DATA_SEEN))),
    "no-trace": answered({"error": "it keeps none"}, traced(end=5), traced(seen("sent", header="0g")),
                         traced(seen("sent", header="000")), traced({"kind": 3}), traced(begin=9)),
    "rows": answered([row(), row("LISTEN", "[::]:80", "[::]:*", timer=timer("keepalive", 719000)),
                      row("CLOSE_WAIT", orphan=True, timer=timer("on", 204), tcp=FIGURES, history=STEPS),
                      row("TIME_WAIT", timer=timer("timewait", 45000)),
                      row("CLOSED", "0.0.0.0:53", "0.0.0.0:*", protocol="udp")]),
    "rates": answered([row(tcp={**FIGURES, "rtt_ms": ms, "cwnd": cwnd}) for ms, cwnd in
                       ((1000, 1), (100, 10), (1, 10), (0.001, 100), (0, 1))]),
    "odd-rows": answered([row(recv_q=-1), row("BOUND"), row(send_q="x"), row(local="10"), row(since_ms=1e300),
                          row(timer="soon", tcp=7, history=[1, {}]), 5]),
    "counters": answered({"started_us": 0, "at_us": 5000000, "counters": [["TcpInSegs", 3], ["IpInReceives", 0]]},
                         {"started_us": 0, "at_us": 6000000, "counters": [["TcpInSegs", 9]]},
                         {"started_us": -1, "at_us": 0, "counters": []},
                         {"started_us": 0, "at_us": 0, "counters": [[1, 2]]}),
    "no-host": lines(1, "7", {"protocol": "1"}, {"protocol": 2}, "[1e2,null,true,\"\\u00e9\"]"),
    "an-event": [bytes([2, 1, 2, 3, 4, 5, 6, 7]), bytes(range(1, 80))],
}


def main():
    for name, seeds in (("host", HOST), ("pair", PAIR), ("wire", WIRE), ("frame", FRAMES),
                        ("ndp", LINK), ("control", CONTROL)):
        folder = HERE / "corpus" / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, steps in seeds.items():
            (folder / seed).write_bytes(b"".join(steps))


if __name__ == "__main__":
    main()
