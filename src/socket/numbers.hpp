// Linux's numbers for what callers pass in: levels, options, flags. The same on every platform.
#pragma once

#include <cstdint>

namespace lastack::socket {

/// socket()'s arguments.
inline constexpr int kAfInet = 2;
inline constexpr int kAfInet6 = 10;
inline constexpr int kSockStream = 1;
inline constexpr int kSockDgram = 2;

/// shutdown()'s second argument.
inline constexpr int kShutRd = 0;
inline constexpr int kShutWr = 1;
inline constexpr int kShutRdwr = 2;

/// Bits of send() and recv(). Those that are not here are passed over, as Linux does.
enum Message : int {
  kMsgOob = 0x1,
  kMsgPeek = 0x2,
  kMsgTrunc = 0x20,
  kMsgDontWait = 0x40,
  kMsgWaitAll = 0x100,
  kMsgErrQueue = 0x2000,
  kMsgNoSignal = 0x4000,
  kMsgMore = 0x8000,
};

/// Bits of poll().
enum Poll : std::uint16_t {
  kPollIn = 0x001,
  kPollPri = 0x002,
  kPollOut = 0x004,
  kPollErr = 0x008,
  kPollHup = 0x010,
  kPollRdHup = 0x2000,
};

/// Levels of getsockopt() and setsockopt().
inline constexpr int kSolIp = 0;
inline constexpr int kSolSocket = 1;
inline constexpr int kSolTcp = 6;
inline constexpr int kSolUdp = 17;
inline constexpr int kSolIpv6 = 41;

// SOL_SOCKET
inline constexpr int kSoReuseAddr = 2;
inline constexpr int kSoType = 3;
inline constexpr int kSoError = 4;
inline constexpr int kSoBroadcast = 6;
inline constexpr int kSoSndBuf = 7;
inline constexpr int kSoRcvBuf = 8;
inline constexpr int kSoKeepAlive = 9;
inline constexpr int kSoOobInline = 10;
inline constexpr int kSoLinger = 13;
inline constexpr int kSoReusePort = 15;
inline constexpr int kSoRcvLowAt = 18;
inline constexpr int kSoSndLowAt = 19;
inline constexpr int kSoRcvTimeo = 20;
inline constexpr int kSoSndTimeo = 21;
inline constexpr int kSoAcceptConn = 30;
inline constexpr int kSoProtocol = 38;
inline constexpr int kSoDomain = 39;

// IPPROTO_IP, IPPROTO_IPV6
inline constexpr int kIpTos = 1;
inline constexpr int kIpTtl = 2;
inline constexpr int kIpv6UnicastHops = 16;
inline constexpr int kIpv6V6Only = 26;
inline constexpr int kIpv6Tclass = 67;

// IPPROTO_TCP
inline constexpr int kTcpNoDelay = 1;
inline constexpr int kTcpMaxSeg = 2;
inline constexpr int kTcpCork = 3;
inline constexpr int kTcpKeepIdle = 4;
inline constexpr int kTcpKeepIntvl = 5;
inline constexpr int kTcpKeepCnt = 6;
inline constexpr int kTcpSynCnt = 7;
inline constexpr int kTcpLinger2 = 8;
inline constexpr int kTcpDeferAccept = 9;
inline constexpr int kTcpInfo = 11;
inline constexpr int kTcpQuickAck = 12;
inline constexpr int kTcpCongestion = 13;
inline constexpr int kTcpUserTimeout = 18;
inline constexpr int kTcpNotSentLowAt = 25;

// IPPROTO_UDP
inline constexpr int kUdpCork = 1;

/// What ioctl() is asked: SIOCINQ is FIONREAD, SIOCOUTQ is TIOCOUTQ, SIOCATMARK is sockatmark()'s.
inline constexpr unsigned kSiocInq = 0x541b;
inline constexpr unsigned kSiocOutq = 0x5411;
inline constexpr unsigned kSiocAtMark = 0x8905;

}  // namespace lastack::socket
