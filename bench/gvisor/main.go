// Debian's gVisor netstack, two stacks in one process joined by link/pipe: gvisor
// bulk|pingpong|connect ... The pipe hands packets over without copying them; checksums are on both
// ways. Time is the real one, but for connect.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/faketime"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/pipe"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	unit     = 1460     // octets that bulk is given for
	atOnce   = 8 << 20  // octets between two looks at the clock
	warmUp   = 16 << 20 // octets
	port     = 80
	nic      = 1
	addressA = tcpip.Address("\x0a\x00\x00\x01")
	addressB = tcpip.Address("\x0a\x00\x00\x02")
)

type options struct {
	what     string
	seconds  float64
	buffer   int
	chunk    int
	timeWait int
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, "bench:", why)
	os.Exit(1)
}

func must(err error) {
	if err != nil {
		fail(err)
	}
}

func good(err tcpip.Error) {
	if err != nil {
		fail(err)
	}
}

func cpuNs() float64 {
	var t unix.Timespec
	must(unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t))
	return float64(t.Nano())
}

// nsPerCall calls once again and again until so much processor time is over.
func nsPerCall(seconds float64, atATime int, once func()) float64 {
	calls, before := 0, cpuNs()
	now := before
	for now-before < seconds*1e9 {
		for i := 0; i < atATime; i++ {
			once()
		}
		calls += atATime
		now = cpuNs()
	}
	return (now - before) / float64(calls)
}

func newStack(link stack.LinkEndpoint, address tcpip.Address, o options, clock tcpip.Clock) *stack.Stack {
	s := stack.New(stack.Options{
		Clock:              clock,
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	good(s.CreateNIC(nic, link))
	good(s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: address, PrefixLen: 24},
	}, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	sack := tcpip.TCPSACKEnabled(true)
	good(s.SetTransportProtocolOption(tcp.ProtocolNumber, &sack))
	size := o.buffer
	good(s.SetTransportProtocolOption(tcp.ProtocolNumber,
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: 4096, Default: size, Max: size}))
	good(s.SetTransportProtocolOption(tcp.ProtocolNumber,
		&tcpip.TCPSendBufferSizeRangeOption{Min: 4096, Default: size, Max: size}))
	return s
}

type world struct {
	a, b     *stack.Stack
	listener *gonet.TCPListener
}

func newWorld(o options, clock tcpip.Clock) *world {
	one, other := pipe.New("", "", 1500)
	w := &world{a: newStack(one, addressA, o, clock), b: newStack(other, addressB, o, clock)}
	var err error
	w.listener, err = gonet.ListenTCP(w.b, tcpip.FullAddress{NIC: nic, Addr: addressB, Port: port},
		ipv4.ProtocolNumber)
	must(err)
	return w
}

func (w *world) connect() (client, server net.Conn) {
	client, err := gonet.DialTCP(w.a, tcpip.FullAddress{NIC: nic, Addr: addressB, Port: port},
		ipv4.ProtocolNumber)
	must(err)
	server, err = w.listener.Accept()
	must(err)
	return client, server
}

func ping(client, server net.Conn, one []byte) {
	_, err := client.Write(one)
	must(err)
	_, err = server.Read(one)
	must(err)
	_, err = server.Write(one)
	must(err)
	_, err = client.Read(one)
	must(err)
}

func bulk(o options) float64 {
	client, server := newWorld(o, tcpip.NewStdClock()).connect()
	from, into := make([]byte, o.chunk), make([]byte, o.chunk)
	for i := range from {
		from[i] = byte(i * 131)
	}
	// Both hand over a quantity at a time, since each waits for the other.
	quantities := make(chan int)
	go func() {
		for n := range quantities {
			for ; n > 0; n -= len(from) {
				_, err := client.Write(from)
				must(err)
			}
		}
	}()
	transfer := func(total int, check bool) {
		total = total / len(from) * len(from)
		quantities <- total
		for got := 0; got < total; {
			n, err := server.Read(into)
			must(err)
			at := got % len(from)
			head := len(from) - at
			if head > n {
				head = n
			}
			if check && (!bytes.Equal(into[:head], from[at:at+head]) || !bytes.Equal(into[head:n], from[:n-head])) {
				fail("octets arrived that were not sent")
			}
			got += n
		}
	}
	transfer(warmUp, true)
	moved := atOnce / o.chunk * o.chunk
	return nsPerCall(o.seconds, 1, func() { transfer(moved, false) }) * unit / float64(moved)
}

func pingpong(o options) float64 {
	client, server := newWorld(o, tcpip.NewStdClock()).connect()
	one := []byte{1}
	for i := 0; i < 5000; i++ {
		ping(client, server, one)
	}
	return nsPerCall(o.seconds, 100, func() { ping(client, server, one) })
}

func timeWaits(s *stack.Stack) int {
	count := 0
	for _, e := range s.RegisteredEndpoints() {
		if one, is := e.(interface{ State() uint32 }); is && tcp.EndpointState(one.State()) == tcp.StateTimeWait {
			count++
		}
	}
	return count
}

// Time passes so fast that as many as asked for stand in TIME_WAIT at any moment.
func connect(o options) (ns float64, first, last int) {
	clock := faketime.NewManualClock()
	w := newWorld(o, clock)
	step := tcp.DefaultTCPTimeWaitTimeout / time.Duration(o.timeWait)
	one := []byte{1}
	once := func() {
		client, server := w.connect()
		ping(client, server, one)
		client.Close()
		if _, err := server.Read(one); err != io.EOF {
			fail("no FIN came")
		}
		server.Close()
		clock.Advance(step)
	}
	for i := 0; i < o.timeWait*6/5; i++ {
		once()
	}
	first = timeWaits(w.a)
	ns = nsPerCall(o.seconds, 100, once)
	return ns, first, timeWaits(w.a)
}

func parse() options {
	o := options{seconds: 0.5, buffer: 1 << 20, chunk: 65536, timeWait: 1000}
	if len(os.Args) < 2 {
		fail("what is to be measured?")
	}
	o.what = os.Args[1]
	for i := 2; i+1 < len(os.Args); i += 2 {
		n, err := strconv.ParseFloat(os.Args[i+1], 64)
		must(err)
		switch os.Args[i] {
		case "--seconds":
			o.seconds = n
		case "--buffer":
			o.buffer = int(n)
		case "--chunk":
			o.chunk = int(n)
		case "--time-wait":
			o.timeWait = int(n)
		}
	}
	return o
}

func main() {
	runtime.GOMAXPROCS(1)
	o := parse()
	switch o.what {
	case "bulk":
		fmt.Printf("{\"ns\": %.3f}\n", bulk(o))
	case "pingpong":
		fmt.Printf("{\"ns\": %.3f}\n", pingpong(o))
	case "connect":
		ns, first, last := connect(o)
		fmt.Printf("{\"ns\": %.3f, \"time_wait\": [%d, %d]}\n", ns, first, last)
	}
}
