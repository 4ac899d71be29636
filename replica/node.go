package replica

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// ID is raft's identity of a node. It is born with the store directory.
type ID = link.ID

var (
	// ErrRefused says that a proposal never entered the log: it has no effect
	// and never will have.
	ErrRefused = errors.New("proposal is refused: not the leader")
	// ErrTooLarge is an ErrRefused: the batch does not fit an entry.
	ErrTooLarge = fmt.Errorf("%w (batch is larger than an entry)", ErrRefused)
	// ErrUnknown says that leadership was lost while the proposal was in the
	// log: it may or may not have an effect. It is never told to a client.
	ErrUnknown = errors.New("outcome of the proposal is unknown")
	// ErrNotLeader is returned by what only a leader can do.
	ErrNotLeader = errors.New("not the leader")
	// ErrStopped is returned when Run has ended.
	ErrStopped = errors.New("node is stopped")
	// ErrFounded says that the node belongs to a cluster already.
	ErrFounded = errors.New("node belongs to a cluster already")
)

// Machine is what the log drives. All methods but Low and Applied are called by
// one goroutine at a time.
type Machine interface {
	// Applied returns the durable state's place in the log, at open or after
	// Restore; 0, 0, nil when empty.
	Applied() (index wal.Index, term uint64, membership []byte)
	// Apply applies one batch and returns its result. offset is the place of
	// batch within the entry's data. Total and deterministic; batch is not
	// changed and may be kept.
	Apply(index wal.Index, term uint64, offset int, batch []byte) any
	// Settle says that entry index is applied completely. membership is kept
	// with the state when it is not nil.
	Settle(index wal.Index, term uint64, membership []byte)
	// Low returns the index up to which the state no longer needs the log. Safe
	// from every goroutine.
	Low() wal.Index
	// Checkpoint writes a durable copy of the state into dir, a new directory,
	// and returns its place in the log.
	Checkpoint(dir string) (index wal.Index, term uint64, membership []byte, err error)
	// Restore replaces the state with the checkpoint in dir: verified first,
	// then switched by one pointer file. dir may be moved or removed.
	Restore(dir string) error
}

// Limits bound what a node uses. The zero value of a field is its default.
type Limits struct {
	SegmentBytes  int64         // size of a log segment; 64 MiB
	LogBytes      int64         // log kept for slaves that are away; 256 MiB
	CatchUpBytes  int64         // log kept while a snapshot is being sent; 1 GiB
	InFlightBytes int64         // proposed and not applied; 32 MiB
	AppendSlow    time.Duration // an append that is not durable after it makes a leader resign; 2 s
	AppendDead    time.Duration // … and after this the disk counts as failed; 10 s
	Unfit         time.Duration // how long a node does not stand after that; 30 s
	Surplus       time.Duration // a seat's holder is gone that long before a surplus node takes it; 10 min, negative for never
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, d int64) {
		if *p == 0 {
			*p = d
		}
	}
	set(&l.SegmentBytes, 64<<20)
	set(&l.LogBytes, 256<<20)
	set(&l.CatchUpBytes, 1<<30)
	set(&l.InFlightBytes, 32<<20)
	set((*int64)(&l.AppendSlow), int64(2*time.Second))
	set((*int64)(&l.AppendDead), int64(10*time.Second))
	set((*int64)(&l.Unfit), int64(30*time.Second))
	set((*int64)(&l.Surplus), int64(10*time.Minute))
	return l
}

// Config of a node.
type Config struct {
	Dir      string // the node's own directory; the Machine's may be below it, under another name
	FS       vfs.FS // vfs.Default
	Seat     string // name of the seat that this node takes
	Replicas int    // seats of the cluster
	Weight   int    // preference when several nodes could become leader

	Token     string      // both sides of a link prove that they know it
	Bind      string      // host:port where links are accepted
	Advertise string      // host or host:port that the others dial; the bound address when empty
	TLS       *tls.Config // links use it when set
	Network   link.Network

	Machine Machine
	Logger  *slog.Logger
	Limits  Limits
}

// A Node is one replica. Open makes it, Run runs it.
type Node struct {
	cfg     Config
	fs      vfs.FS
	log     *slog.Logger
	master  *slog.Logger // under the name that operators know
	slave   *slog.Logger
	wal     *wal.Log
	mesh    *link.Mesh
	address string
	lock    io.Closer

	self    self
	inbox   inbox
	props   proposals
	lease   lease
	writer  writer
	applier applier
	loop    *loop
	recall  memory
	record  []byte // the founding record, as found at open

	mu struct {
		sync.Mutex
		view      view
		peers     map[ID]*peer
		changed   chan struct{}
		unfit     string
		unfitTill time.Duration
		failed    error
		receiving bool
		founders  map[ID]chan struct{}
	}

	transfers sync.WaitGroup
	stop      context.CancelFunc // ends what Run started
	stopping  context.Context
	stopped   chan struct{}
}

const (
	masterComponent = "org.apache.activemq.leveldb.replicated.MasterLevelDBStore"
	slaveComponent  = "org.apache.activemq.leveldb.replicated.SlaveLevelDBStore"
)

// Open opens identity, log and links of the node in cfg.Dir. cfg.Machine is
// open already. Nothing runs until Run. What an earlier run may have forgotten
// is found out here, see recovery.go.
func Open(cfg Config) (*Node, error) {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Node{
		cfg:     cfg,
		fs:      cfg.FS,
		log:     cfg.Logger.With("component", "replica"),
		master:  cfg.Logger.With("component", masterComponent),
		slave:   cfg.Logger.With("component", slaveComponent),
		stopped: make(chan struct{}),
	}
	n.stopping, n.stop = context.WithCancel(context.Background())
	n.mu.changed = make(chan struct{})
	n.mu.peers = make(map[ID]*peer)
	n.mu.founders = make(map[ID]chan struct{})
	n.inbox.init()
	n.props.init(n)
	n.lease.init()
	if err := n.open(); err != nil {
		n.stop()
		n.release()
		return nil, fmt.Errorf("open replica in %s: %w", cfg.Dir, err)
	}
	return n, nil
}

func (n *Node) open() error {
	if err := n.fs.MkdirAll(n.cfg.Dir, 0o755); err != nil {
		return err
	}
	if err := n.syncDir(n.fs.PathDir(n.cfg.Dir)); err != nil {
		return err
	}
	lock, err := n.fs.Lock(n.path("LOCK"))
	if err != nil {
		return err
	}
	n.lock = lock
	start, err := n.recover()
	if err != nil {
		return err
	}
	n.writer.init(n)
	n.applier.init(n, start.applied)
	if n.loop, err = newLoop(n, start); err != nil {
		return err
	}
	return n.listen()
}

// listen opens the links' listener, so that the address is known before Run.
func (n *Node) listen() error {
	n.mesh = link.New(link.Config{
		Self:    n.hello,
		Token:   n.cfg.Token,
		Network: n.cfg.Network,
		Bind:    n.cfg.Bind,
		Handler: (*handler)(n),
		Log:     n.cfg.Logger.With("component", "replica.link"),
		TLS:     n.cfg.TLS,
	})
	addr, err := n.mesh.Listen()
	if err != nil {
		return err
	}
	n.address, err = advertised(n.cfg.Advertise, addr)
	return err
}

// advertised joins what the configuration says with what was bound.
func advertised(want string, bound net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return "", err
	}
	if want == "" {
		return net.JoinHostPort(host, port), nil
	}
	h, p, err := net.SplitHostPort(want)
	if err != nil {
		return net.JoinHostPort(want, port), nil
	}
	if p != "" && p != "0" {
		port = p
	}
	return net.JoinHostPort(h, port), nil
}

func (n *Node) path(elem ...string) string {
	return n.fs.PathJoin(append([]string{n.cfg.Dir}, elem...)...)
}

// Run runs the node until ctx ends. A node whose disk fails leaves raft, but
// Run stays, so that the reason can be seen; it returns ctx's error or what
// ended the links. The node cannot be run again.
func (n *Node) Run(ctx context.Context) error {
	defer close(n.stopped)
	defer n.release()
	defer context.AfterFunc(ctx, n.stop)()
	var wg sync.WaitGroup
	wg.Go(func() { n.writer.run(n.stopping) })
	wg.Go(func() { n.applier.run(n.stopping) })
	wg.Go(func() { n.loop.run(n.stopping) })
	wg.Go(func() { n.watch(n.stopping) })
	err := n.mesh.Run(n.stopping)
	n.stop()
	wg.Wait()
	n.transfers.Wait()
	n.props.finish()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Close releases a node that was opened and never run.
func (n *Node) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	select {
	case <-n.stopped:
	default:
		_ = n.Run(ctx)
	}
	return nil
}

func (n *Node) release() {
	if n.wal != nil {
		if err := n.wal.Close(); err != nil {
			n.log.Warn("Closing the log", "error", err)
		}
		n.wal = nil
	}
	if n.lock != nil {
		_ = n.lock.Close()
		n.lock = nil
	}
}

// do runs f on the loop and returns its error.
func (n *Node) do(f func(*loop) error) error {
	done := make(chan error, 1)
	n.inbox.call(func(l *loop) { done <- f(l) })
	select {
	case err := <-done:
		return err
	case <-n.stopped:
		return ErrStopped
	}
}

// Address returns where this node's links listen, as the others should dial it.
func (n *Node) Address() string { return n.address }

// SetAddresses says where to look for the other nodes.
func (n *Node) SetAddresses(addrs []string) { n.mesh.SetPeers(addrs) }

// Entry returns the data of a committed entry. It is not changed by the caller.
func (n *Node) Entry(i wal.Index) ([]byte, error) {
	es, err := n.wal.Entries(i, i+1, 0)
	if err != nil {
		return nil, err
	}
	return es[0].Data, nil
}

// Forget makes a follower forget its leader. It has no effect while this node
// has promised the leader its lease, see lease.go.
func (n *Node) Forget() { n.inbox.call(func(l *loop) { l.forget() }) }

// Stand makes a node forget its leader and ask for votes. A wrong candidacy is
// harmless: the others are asked whether they would vote, first.
func (n *Node) Stand() { n.inbox.call(func(l *loop) { l.stand() }) }

// Table returns the seats of the cluster as of what is applied; nil before.
func (n *Node) Table() *seat.Table { return n.Status().Table }
