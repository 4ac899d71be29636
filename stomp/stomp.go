// Package stomp holds the conversation with a STOMP client: it turns frames
// into calls of the broker, what the broker delivers into frames, and errors
// into ERROR frames. Versions 1.0, 1.1 and 1.2 are spoken, with the headers
// that ActiveMQ's users know; stomp/frame reads and writes the bytes.
//
// # What a receipt means
//
// A RECEIPT for a persistent SEND, a COMMIT or an ACK is written after the
// broker has said that the majority holds it. Receipts keep the order of the
// frames, but for an ACK or NACK that overtook a blocked SEND. When the broker
// does not know what became of a frame, nothing is answered: the connection
// ends, and the client resolves it by connecting again.
//
// # Goroutines
//
// An idle connection has one goroutine, which waits for the client's bytes. A
// second one exists while there is something to write: it encodes what is
// queued into one buffer from a pool and writes it at once. A third takes the
// reading over while a SEND is blocked by flow control (turns.go).
package stomp

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quorate/quorate/broker"
)

// Broker is what a conversation needs of the broker: to be let in.
type Broker interface {
	Connect(broker.ConnInfo, broker.Outlet) (*broker.Conn, error)
}

// Options say how to talk. The zero value is usable.
type Options struct {
	// Server is the product and version of the server header,
	// "Quorate/1.0" for example; "Quorate" if empty.
	Server string
	// Host and port of "ID:<host>-<port>-<start>", with which every message
	// and connection identifier begins; made up for the process if empty.
	IDPrefix string
	// Login checks a user; nil lets everybody in under the name they give.
	// Its error is not shown to the client.
	Login func(login, passcode, remote string) (user string, err error)
	// Leased reports whether this node may deliver and confirm just now [M8];
	// nil is always. It is asked right before MESSAGE and RECEIPT frames are
	// written; while it says no, they wait.
	Leased func() bool
	// Grace is by how much a client may exceed the heart-beat it promised
	// before it is taken for dead; 2 if zero.
	Grace float64
	// HeartBeat is assumed for clients that say nothing about it: what they
	// send, and what they want. Zero is none.
	HeartBeat [2]time.Duration
	// MaxBody bounds the body of a frame, in bytes; 100 MiB if zero.
	MaxBody int
	// WriteTimeout ends a connection whose client takes nothing for so long;
	// zero is never, because a slow reader costs only itself.
	WriteTimeout time.Duration
	// Logger gets one line for each connection that ended by a fault.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Server == "" {
		o.Server = "Quorate"
	}
	if o.IDPrefix == "" {
		o.IDPrefix = processID()
	}
	if o.Leased == nil {
		o.Leased = func() bool { return true }
	}
	if o.Grace <= 0 {
		o.Grace = 2
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 100 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// connections numbers the connections of the process, so that identifiers are
// unique for its lifetime.
var connections atomic.Uint64

// processID makes identifiers of different processes differ as ActiveMQ's do.
var processID = sync.OnceValue(func() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return "ID:" + host + "-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixMilli(), 10)
})

// Serve holds the conversation of one connection until it is over, then closes
// the connection. It returns nil when the client or the broker ended it
// orderly, else what was wrong. If conn has a method Established(), it is
// called once the client has logged in.
func Serve(ctx context.Context, conn net.Conn, b Broker, o Options) error {
	s := newSession(conn, b, o.withDefaults())
	stop := context.AfterFunc(ctx, func() { s.end(nil) })
	defer stop()
	s.read()
	<-s.over
	s.cleanUp()
	if s.cause != nil {
		s.opt.Logger.Debug("STOMP connection ended", "remote", s.remote, "id", s.id, "error", s.cause)
	}
	return s.cause
}
