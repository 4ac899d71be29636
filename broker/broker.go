// Package broker is messaging: connections, destinations, subscriptions,
// dispatch, acknowledgement, transactions, dead letters, limits. It knows
// neither the protocol that calls it nor whether its store is replicated.
//
//	protocol ─ Conn.Send ─ Subscription.Ack ─ Tx.Commit      (any goroutine of the protocol)
//	               │ admission, one pipeline a connection
//	               ▼
//	          Store.Propose … applied … done                 (the goroutine that applies the log)
//	               │ arrivals, settlements: events
//	               ▼
//	          shard: queue.Machine of each mailbox           (one goroutine a shard)
//	               │ effects
//	               ▼
//	          Outlet.Deliver, loader, Store.Propose
//
// A Broker serves in reigns: Start on promotion, Stop on demotion. All memory
// of a reign (dispatch, non-persistent messages, temporary destinations) goes
// with it. DESIGN.md tells the rules.
package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/quorate/quorate/message"
)

// Config is what a Broker needs. Store is required; the zero value of every
// other field means a default.
type Config struct {
	Name     string
	Policies Policies
	Limits   Limits
	Store    Store
	Spill    Spill            // where non-persistent backlog goes; nil: it stays in memory and is bounded by Limits.Memory
	Leased   func() bool      // may this node deliver and confirm now? nil: always
	Now      func() time.Time // wall time, for expiry; nil: time.Now
	Logger   *slog.Logger
	Shards   int         // event loops; default 4
	Observe  func(Event) // told of what happens to destinations and their users, see Event; must not block

	Destinations []message.Destination // queues and topics that are there from Start on
	Virtual      Virtual
	NoScheduler  bool // the properties AMQ_SCHEDULED_* mean nothing
	MaxRepeat    int  // deliveries of one scheduled message at most; 0: no bound
	NoAdvisories bool

	GCPeriod     time.Duration // between two looks for inactive destinations; 0: never
	GCSweep      int           // destinations that one look deletes at most; 0: no bound
	IdleDurables time.Duration // a durable subscription without a consumer for so long is deleted; 0: never
	Stamp        Stamp
	Force        Persistence
}

// Stamp corrects the times of messages, as ActiveMQ's timeStampingBrokerPlugin
// does. The zero value leaves them alone.
type Stamp struct {
	On         bool          // the time of sending is the broker's
	FutureOnly bool          // … unless the message would expire earlier by that
	ZeroTTL    time.Duration // time to live of messages that have none; 0: none
	MaxTTL     time.Duration // no time to live is longer; 0: no bound
}

// Persistence says whether messages are persistent, whatever their senders say.
type Persistence uint8

// The persistences.
const (
	AsSent Persistence = iota
	AlwaysPersistent
	NeverPersistent
)

// A Broker serves connections while it reigns. Its methods may be called by
// any goroutine.
type Broker struct {
	cfg Config

	mu struct {
		sync.Mutex
		reign *reign
	}
}

// New gives a broker that does not serve yet.
func New(cfg Config) *Broker {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Leased == nil {
		cfg.Leased = func() bool { return true }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Shards <= 0 {
		cfg.Shards = 4
	}
	if cfg.Virtual.Topics == nil {
		cfg.Virtual.Topics = []VirtualTopic{DefaultVirtualTopic()}
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Event) {}
	}
	return &Broker{cfg: cfg}
}

// Start begins a reign: it reads the names of the queues from the store and
// starts the event loops, which end with Stop or with ctx. The reign record
// must have been applied.
func (b *Broker) Start(ctx context.Context) error {
	if b.cfg.Store == nil {
		return errors.New("start broker: no store")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.reign != nil {
		return errors.New("start broker: it is running")
	}
	r, err := newReign(ctx, &b.cfg)
	if err != nil {
		return err
	}
	b.mu.reign = r
	return nil
}

// Stop ends the reign: every connection's Outlet is closed with err, what was
// in memory only is dropped, and the event loops have ended on return.
func (b *Broker) Stop(err error) {
	b.mu.Lock()
	r := b.mu.reign
	b.mu.reign = nil
	b.mu.Unlock()
	if r != nil {
		r.stop(err)
	}
}

// Leased reports whether this node may deliver and confirm at this moment. An
// Outlet asks again just before the socket [M8].
func (b *Broker) Leased() bool { return b.cfg.Leased() }

// Name gives the broker's name.
func (b *Broker) Name() string { return b.cfg.Name }

func (b *Broker) current() *reign {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.reign
}

// ConnInfo says who connects.
type ConnInfo struct {
	ID       string // unique in the cluster; empty: the broker makes one
	Protocol string // "stomp+1.2"
	ClientID string // may be empty; otherwise exclusive
	User     string
	Remote   string // address of the peer
}

// An Outlet is a protocol's connection, as the broker sees it. Its methods are
// called by goroutines of the broker and of the log, several at a time; none of
// them may block. They may acknowledge, and call nothing else of the broker.
type Outlet interface {
	// Deliver hands over a message. What is outstanding is bounded by the
	// prefetch of its subscription, and what of it waits to be written, until
	// the Outlet calls Delivery.Written, by maxUnwritten bytes.
	Deliver(*Delivery)
	// Close ends the connection, called at most once. If err is ErrUnknown or
	// ErrNotMaster nothing more is written to the client. The protocol calls
	// Conn.Close afterwards, from a goroutine of its own.
	Close(err error)
}

// Connect begins a connection.
func (b *Broker) Connect(info ConnInfo, out Outlet) (*Conn, error) {
	r := b.current()
	if r == nil {
		return nil, &Error{Kind: KindNotMaster, Op: "connect", Detail: "the broker does not serve"}
	}
	c, err := r.connect(info, out)
	if err == nil {
		r.observe(Event{Kind: ConnectionStarted, Conn: c})
	}
	return c, err
}
