"""The kept inputs that are packets, frames, and lines of a control socket: seeds.py writes them."""
import json
import math
import socket

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


# --- headers and text

def tcp(flags, *options, payload=b""):
    octets = b"".join(options)
    octets += bytes(-len(octets) % 4)
    return (bytes.fromhex("9c40 0050 12345678 9abcdef0") + bytes([(5 + len(octets) // 4) << 4, flags])
            + bytes.fromhex("faf0 0000 0000") + octets + payload)


KERNEL, US_THERE = "10.9.0.1", "10.9.0.2"


def v4(protocol, payload, options=b"", fragment=0, source=KERNEL, destination=US_THERE, of=0x1c46, tos=0):
    """`fragment`: 0x2000 where more come, and how many eights of octets lie before."""
    header = (bytes([0x45 + len(options) // 4, tos]) + (20 + len(options) + len(payload)).to_bytes(2)
              + of.to_bytes(2) + fragment.to_bytes(2) + bytes([64, protocol, 0, 0])
              + address(source) + address(destination))
    return header + options + payload


def v6(protocol, payload, source="fd00::1", destination="fd00::2", tos=0, length=None):
    return (bytes([0x60 | tos >> 4, tos << 4 & 0xff, 0, 0])
            + (len(payload) if length is None else length).to_bytes(2) + bytes([protocol, 64])
            + address(source) + address(destination) + payload)


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


HOP_BY_HOP, ROUTING, FRAGMENT, NO_NEXT, DESTINATION = 0, 43, 44, 59, 60
PADDING = bytes([1, 4, 0, 0, 0, 0])


def options_header(then, options=PADDING):
    """An extension header with options, which are padded to eights of octets."""
    octets = options + bytes(-(len(options) + 2) % 8)
    return bytes([then, (len(octets) + 2) // 8 - 1]) + octets


def piece_v6(then, payload, at=0, more=True, of=9):
    """What stands behind a header with "fragment" as its next header; `at` in eights of octets."""
    return bytes([then, 0]) + (at << 3 | more).to_bytes(2) + of.to_bytes(4) + payload


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
    **{f"text-{i}": [TEXT, text] for i, text in enumerate(
        (b"::", b"::1", b"127.0.0.1", b"224.0.0.1", b"ff02::1", b"255.255.255.255", b"fe80::1", b"169.254.1.1"))},
}
ALIGNED_STAMP = bytes([1, 1]) + STAMP
HEADERS = {
    "stamps": tcp(ACK, ALIGNED_STAMP, payload=b"data"),
    "sack-permitted": tcp(SYN, MSS, SACK_OK),
    "a-bad-option": tcp(ACK, bytes([8, 1, 0, 0])),
    "a-long-header": tcp(ACK)[:12] + b"\xf0" + tcp(ACK)[13:],
}
WIRE |= {name: [SEGMENT, octets] for name, octets in HEADERS.items()}
PIECES = {
    "a-piece": v4(17, bytes(16), fragment=0x2002),
    "a-piece-of-tcp": v4(6, tcp(ACK, payload=bytes(4)), fragment=0x2000),
    "a-piece-with-options": v4(17, bytes(16), options=bytes(4), fragment=0x2000),
    "a-tiny-piece": v4(6, bytes(16), fragment=0x2000),
    "a-piece-over-tcp": v4(6, bytes(16), fragment=0x2001),
    "a-piece-of-nothing": v4(17, b"", fragment=0x2001),
    "a-piece-too-far": v4(17, bytes(16), fragment=0x1fff),
    "an-option": v4(6, tcp(ACK), options=bytes([7, 7, 4, 0, 0, 0, 0, 0])),
    "an-option-without-length": v4(6, tcp(ACK), options=bytes([1, 1, 1, 7])),
    "an-option-too-long": v4(6, tcp(ACK), options=bytes([7, 9, 4, 0])),
    "a-short-header": b"\x44" + v4(6, tcp(ACK))[1:],
    "no-version": b"\x55" + v4(6, tcp(ACK))[1:],
}
WIRE |= {name: [MENDED, octets] for name, octets in PIECES.items()}
EXTENSIONS = {
    **{f"option-{kind:02x}": v6(DESTINATION, options_header(6, bytes([kind, 4, 0, 0, 0, 0])) + tcp(ACK))
       for kind in (0x1e, 0x5e, 0x9e, 0xde)},
    "many-options": v6(DESTINATION, options_header(6, bytes([0x1e, 0] * 11)) + tcp(ACK)),
    "much-padding": v6(DESTINATION, options_header(6, bytes(14)) + tcp(ACK)),
    "a-cut-option": v6(DESTINATION, options_header(6, bytes([0x1e, 9, 0, 0, 0, 0])) + tcp(ACK)),
    "a-jumbogram": v6(HOP_BY_HOP, options_header(6, bytes([0xc2, 4, 0, 1, 0, 0])) + tcp(ACK), length=0),
    "no-jumbogram": v6(HOP_BY_HOP, options_header(6) + tcp(ACK), length=0),
    "hop-by-hop-late": v6(DESTINATION, options_header(HOP_BY_HOP) + options_header(6) + tcp(ACK)),
    "many-headers": v6(DESTINATION, options_header(DESTINATION) * 9 + options_header(6) + tcp(ACK)),
    "a-route-to-go": v6(ROUTING, bytes([6, 0, 4, 1, 0, 0, 0, 0]) + tcp(ACK)),
    "a-cut-header": v6(DESTINATION, bytes([6, 9]) + bytes(20)),
    "a-cut-packet": v6(6, tcp(ACK), length=99),
    "a-cut-packet-with-headers": v6(DESTINATION, options_header(6) + tcp(ACK), length=99),
    "mapped-v6": v6(6, tcp(ACK), source="::ffff:10.0.0.1"),
    "authentication": v6(51, bytes([6, 2]) + bytes(14) + tcp(ACK)),
    "a-first-piece": v6(FRAGMENT, piece_v6(6, tcp(ACK, payload=bytes(4)))),
    "a-first-datagram": v6(FRAGMENT, piece_v6(17, bytes(16))),
    "a-first-of-no-more": v6(FRAGMENT, piece_v6(NO_NEXT, bytes(16))),
    "a-first-of-another": v6(FRAGMENT, piece_v6(99, bytes(16))),
    "a-first-too-short": v6(FRAGMENT, piece_v6(6, bytes(16))),
    "a-first-with-options": v6(FRAGMENT, piece_v6(DESTINATION, options_header(6) + tcp(ACK, payload=bytes(4)))),
    "a-first-with-cut-options": v6(FRAGMENT, piece_v6(DESTINATION, bytes([6, 9]) + bytes(14))),
    "a-first-with-hop-by-hop": v6(FRAGMENT, piece_v6(HOP_BY_HOP, options_header(6) + tcp(ACK, payload=bytes(4)))),
    "a-first-of-a-piece": v6(FRAGMENT, piece_v6(FRAGMENT, bytes(16))),
    "a-piece-too-far-v6": v6(FRAGMENT, piece_v6(17, bytes(16), at=0x1fff, more=False)),
    "a-piece-not-of-eights": v6(FRAGMENT, piece_v6(17, bytes(15))),
}
WIRE |= {name: [PACKET, octets] for name, octets in EXTENSIONS.items()}


# --- what anybody may send to a host: 10.0.0.2 and fd00::2

HOST_V4, OTHER_V4 = "10.0.0.2", "10.0.0.1"


def to_host(protocol, payload, **more):
    return frame(v4(protocol, payload, **{"source": OTHER_V4, "destination": HOST_V4, **more}))


def to_host_v6(protocol, payload, **more):
    return frame(v6(protocol, payload, **more))


def frame(octets):
    """Its checksums are put right."""
    return (0x8000 | len(octets)).to_bytes(2) + octets


def piece(at, octets, last=False, **more):
    """Of a datagram, `at` in eights of octets."""
    return to_host(17, octets, fragment=at | (0 if last else 0x2000), **more)


def pause(milliseconds):
    return (0x4000 | math.isqrt(milliseconds)).to_bytes(2)


DATAGRAM = bytes([4, 210, 0, 53, 0, 40, 0, 0]) + bytes(range(32))
ECHO = bytes([8, 0, 0, 0, 0, 1, 0, 1]) + bytes(8)
ECHO_V6 = b"\x80" + ECHO[1:]
ERROR_V6 = bytes([1, 4, 0, 0, 0, 0, 0, 0])
IP = {
    "segments": [to_host(6, tcp(SYN)), to_host(6, tcp(ACK)), to_host_v6(6, tcp(SYN)), to_host_v6(6, tcp(RST))],
    "datagrams-to-nobody": [to_host(17, DATAGRAM), to_host_v6(17, DATAGRAM)],
    "echoes": [to_host(1, ECHO), to_host_v6(58, ECHO_V6)],
    "other-protocols": [to_host(99, bytes(8)), to_host_v6(99, bytes(8)), to_host_v6(NO_NEXT, b""),
                        to_host_v6(DESTINATION, options_header(99) + bytes(8))],
    "from-nobody": [*[to_host(99, bytes(8), source=source) for source in
                      ("0.0.0.0", "127.0.0.1", "10.0.0.255", "224.0.0.1", "255.255.255.255", HOST_V4)],
                    *[to_host_v6(99, bytes(8), source=source) for source in ("::", "::1", "ff02::1", "fd00::2")]],
    "to-others": [to_host(99, bytes(8), destination=to) for to in
                  ("10.0.0.3", "10.0.0.255", "224.0.0.1", "255.255.255.255", "127.0.0.1")],
    "refused-from-nobody": [to_host_v6(DESTINATION, options_header(6, bytes([0xde, 4, 0, 0, 0, 0])) + tcp(ACK),
                                       source=source) for source in ("::", "::1", "ff02::1")],
    "refused-by-many": [to_host_v6(DESTINATION, options_header(6, bytes([kind, 4, 0, 0, 0, 0])) + tcp(ACK),
                                   destination="ff02::1") for kind in (0x9e, 0xde)],
    "errors-about-errors": [to_host_v6(DESTINATION, options_header(58, bytes([0xde, 4, 0, 0, 0, 0])) + then)
                            for then in (ERROR_V6, ECHO_V6, b"")],
    "refused": [frame(octets) for octets in (*PIECES.values(), *EXTENSIONS.values())],
    "in-pieces": [piece(0, DATAGRAM[:24]), piece(3, DATAGRAM[24:], last=True),
                  to_host_v6(FRAGMENT, piece_v6(17, DATAGRAM[:24])),
                  to_host_v6(FRAGMENT, piece_v6(17, DATAGRAM[24:], at=3, more=False))],
    "out-of-order": [piece(3, DATAGRAM[24:], last=True), piece(1, DATAGRAM[8:24]), piece(0, DATAGRAM[:8])],
    "twice": [piece(0, DATAGRAM[:24])] * 2 + [piece(3, DATAGRAM[24:], last=True)] * 2,
    "overlapping": [piece(0, DATAGRAM[:24]), piece(2, DATAGRAM[16:], last=True), piece(3, DATAGRAM[24:], last=True)],
    "beyond-the-end": [piece(3, DATAGRAM[24:], last=True), piece(9, bytes(8)), piece(0, DATAGRAM[:24]),
                       piece(9, bytes(8), of=5), piece(3, bytes(8), last=True, of=5),
                       piece(3, bytes(8), last=True, of=6), piece(1, bytes(8), last=True, of=6)],
    "other-markings": [piece(0, DATAGRAM[:24], tos=2), piece(3, DATAGRAM[24:], last=True, tos=3),
                       piece(0, DATAGRAM[:24], of=5), piece(3, DATAGRAM[24:], last=True, tos=2, of=5)],
    "many-pieces": [piece(2 * i, bytes(8)) for i in range(9)],
    "large-pieces": [piece(150 * i, bytes(1200)) for i in range(7)],
    "many-packets": [piece(0, bytes(8), of=i) for i in range(6)],
    "many-large-packets": [piece(150 * i, bytes(1200), of=of) for of in range(4) for i in range(5)],
    "padded-pieces": [frame(v4(17, bytes(40), source=OTHER_V4, destination=HOST_V4, fragment=0x2000)
                            + bytes(900)),
                      frame(v4(17, bytes(1600), source=OTHER_V4, destination=HOST_V4, fragment=0x2005) + bytes(2000))],
    "too-long-when-whole": [to_host_v6(DESTINATION, options_header(FRAGMENT) + piece_v6(
                                17, bytes(7), at=0x1fff, more=False)),
                            to_host_v6(FRAGMENT, piece_v6(17, bytes(7), at=0x1fff, more=False))],
    "never-whole": [piece(0, DATAGRAM[:24]), to_host_v6(FRAGMENT, piece_v6(17, DATAGRAM[:24])),
                    piece(3, bytes(8), of=5), pause(31_000), pause(31_000), pause(1000)],
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
                   v6_frame("ff02::1", "fd00::2", 136, bytes([0x20, 0, 0, 0]) + address("fd00::2"),
                   ITS_MAC[:-1] + b"\3"),
                   way("fd00::9"), SECOND * 9],
    "asked-for": [bytes(1), SECOND, v6_frame("ff02::1:ff00:1", "fd00::2", 135, bytes(4) + address("fd00::1"), MY_MAC),
                  v6_frame("ff02::1:ff00:1", "::", 135, bytes(4) + address("fd00::1")), SECOND],
    "not-alone": [b"\2", v6_frame("ff02::1:ff00:1", "::", 135, bytes(4) + address("fd00::1")), SECOND,
                  v6_frame("ff02::1", "fd00::2", 136, bytes([0x20, 0, 0, 0]) + address("fd00::1"), ITS_MAC),
                   SECOND * 9],
    "a-router": [b"\1", SECOND, v6_frame("ff02::1", "fe80::2", 134, ADVERTISED, MY_MAC,
                                        bytes([5, 1, 0, 0, 0, 0, 5, 0]), ON_LINK, BEHIND),
                 SECOND * 2, way("2001:db8::1"), way("fd09::1"), way("fd01::7"),
                 v6_frame("fd00::1", "fe80::2", 137, bytes(4) + address("fe80::8") + address("2001:db8::1"), ITS_MAC),
                 v6_frame("fd00::1", "fe80::2", 137, bytes(4) + address("2001:db8::2") * 2, ITS_MAC),
                 way("2001:db8::1"), v6_frame("ff02::1", "fe80::2", 134, bytes(12), MY_MAC), SECOND, QUARTER],
    "a-router-for-long": [b"\5", v6_frame("ff02::1", "fe80::2", 134, ADVERTISED, ON_LINK), SECOND * 20, QUARTER * 9],
    "other-times": [b"\1", v6_frame("ff02::1", "fe80::2", 134, ADVERTISED, MY_MAC, ON_LINK), SECOND, way("fd09::1"),
                    v6_frame("ff02::1", "fe80::2", 134, bytes([64, 0, 7, 8, 0, 0, 9, 9, 0, 0, 9, 9]), MY_MAC, ON_LINK),
                    v6_frame("ff02::1", "fe80::2", 136, bytes([0x20, 0, 0, 0]) + address("fe80::2"), ITS_MAC)],
    "a-crowd": [bytes(1), SECOND, *[way(f"10.0.0.{i}") for i in range(2, 16)],
                *[come(ethernet(0x0806, arp(2)[:14] + bytes([10, 0, 0, i]) + arp(2)[18:])) for i in range(2, 16)]],
    "refused": [bytes(1), SECOND, come(ethernet(0x0806, b"short")), come(US + US + bytes([8, 6]) + arp(1)),
                come(ethernet(0x0806, arp(1)[:8] + US + arp(1)[14:])),
                come(ethernet(0x0806, arp(1)[:14] + bytes([192, 0, 2, 1]) + arp(1)[18:])),
                *[v6_frame("ff02::1", source, kind, body, MY_MAC) for source in ("fe80::2", "fe80::ff:fe00:1")
                  for kind, body in ((133, bytes(4)), (134, ADVERTISED), (135, bytes(4) + address("fd00::7")),
                                     (136, bytes(4) + address("fd00::1")), (137, bytes(4) + address("fe80::8") * 2),
                                     (134, b""))]],
    "refused-redirect": [b"\1", SECOND, v6_frame("fd00::1", "fe80::9", 137, bytes(4) + address("fe80::8")
                         + address("2001:db8::1"), ITS_MAC)],
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
