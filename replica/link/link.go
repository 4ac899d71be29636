// Package link joins the nodes of a cluster: an authenticated mesh that carries
// payloads in three classes and tells at once when a link breaks. It knows
// frames, not what they mean.
//
// Two nodes are joined by two TCP connections, one for each direction: a node
// sends on the connection that it dialed, and receives on the one that it
// accepted. A link is up while both are; as soon as one breaks the link is down
// and the other one is closed. DESIGN.md draws the handshake and the frames.
package link

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"
)

// ID is the identity of a node, born with its directory; never zero.
type ID uint64

// A Hello is what a node says of itself when a connection begins. The other
// side has proof that the holder of the token said it.
type Hello struct {
	ID          ID
	Cluster     [16]byte // zero: belongs to none yet
	Seat        string   // the place that it takes in the cluster
	Incarnation uint64   // rises with each start
	Replicas    int
	Address     string // where its own links listen, host:port
	Empty       bool   // has no store
}

// A Class is an order of precedence. What is urgent never waits for more than
// a fragment of the other two, which take turns.
type Class uint8

// The classes.
const (
	Urgent Class = iota // votes, heartbeats, probes
	Append              // entries of the log
	Bulk                // the rest
	classes
)

// A Handler is told what happens on links. Its methods run on goroutines of the
// mesh; for one peer Up and Down alternate, and Receive comes between them, in
// the order in which the peer sent within a class.
type Handler interface {
	// Admit refuses a peer by an error, which the peer is told.
	Admit(peer Hello) error
	Up(peer Hello)
	Down(peer ID, err error)
	// Receive is handed a payload that is the handler's from then on. It must
	// not block.
	Receive(peer ID, class Class, payload []byte)
	// Stream is handed a connection of its own, which a peer opened by Open. The
	// handler closes it. It is closed when Run ends while Stream is running.
	Stream(peer Hello, kind string, conn net.Conn)
}

// An Updater is a Handler that wants to know when a linked peer says something
// new of itself, see UpdateSelf. Update comes between Up and Down; Admit is
// asked before, and the link ends when it refuses.
type Updater interface {
	Update(peer Hello)
}

// A Network makes connections: TCP, or a twin in memory for tests.
type Network interface {
	Listen(addr string) (net.Listener, error)
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// Config of a Mesh. Zero values choose the defaults named.
type Config struct {
	Self    func() Hello // asked for each connection
	Token   string       // both sides prove that they know it, without sending it
	Network Network
	Bind    string // host:port
	Handler Handler
	Log     *slog.Logger
	TLS     *tls.Config          // connections are wrapped in TLS when set
	Clock   func() time.Duration // Now

	KeepAlive     time.Duration    // an idle connection shows life so often; 100 ms
	Silence       time.Duration    // a connection without any byte for so long is closed; 3 s
	HandshakeTime time.Duration    // 5 s
	QueueBytes    [classes]int     // payloads waiting for a peer; 1, 64 and 16 MiB
	HalfOpen      int              // handshakes under way that others began; 64
	MaxPayload    int              // bytes; 16 MiB
	Retry         [2]time.Duration // pause between attempts to dial, first and longest; 50 ms, 1 s
}

func (c Config) withDefaults() Config {
	duration := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	number := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	duration(&c.KeepAlive, 100*time.Millisecond)
	duration(&c.Silence, 3*time.Second)
	duration(&c.HandshakeTime, 5*time.Second)
	duration(&c.Retry[0], 50*time.Millisecond)
	duration(&c.Retry[1], time.Second)
	number(&c.QueueBytes[Urgent], 1<<20)
	number(&c.QueueBytes[Append], 64<<20)
	number(&c.QueueBytes[Bulk], 16<<20)
	number(&c.HalfOpen, 64)
	number(&c.MaxPayload, 16<<20)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = Now
	}
	return c
}
