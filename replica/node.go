package replica

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// ID is raft's identity of a node. It is born with the store directory.
type ID = link.ID

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

func (n *Node) path(elem ...string) string {
	return n.fs.PathJoin(append([]string{n.cfg.Dir}, elem...)...)
}

// Run runs the node until ctx ends. A node whose disk fails leaves raft, but
// Run stays, so that the reason can be seen; it returns ctx's error or what
// ended the links. The node cannot be run again.
func (n *Node) Run(ctx context.Context) error {
	defer close(n.stopped)
	defer context.AfterFunc(ctx, n.stop)()
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		n.writer.run(n.stopping)
	}()
	var wg sync.WaitGroup
	wg.Go(func() { n.applier.run(n.stopping) })
	wg.Go(func() { n.loop.run(n.stopping) })
	wg.Go(func() { n.watch(n.stopping) })
	err := n.mesh.Run(n.stopping)
	n.stop()
	wg.Wait()
	n.transfers.Wait()
	n.props.finish()
	n.closeBehind(writer)
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

// closeBehind waits for the writer and closes the log. A writer that hangs in
// the disk of a failed node is not waited for: the process should be able to
// end, and nobody counts on what it writes any more.
func (n *Node) closeBehind(writer <-chan struct{}) {
	patience := time.NewTimer(n.cfg.Limits.AppendDead)
	defer patience.Stop()
	if n.failure() != nil {
		patience.Reset(beat)
	}
	select {
	case <-writer:
		n.release()
	case <-patience.C:
		n.log.Error("The disk still hangs; the log is left as it is")
	}
}

func (n *Node) release() {
	if n.wal != nil {
		if err := n.wal.Close(); err != nil {
			n.log.Warn("Closing the log", "error", err)
		}
	}
	if n.lock != nil {
		_ = n.lock.Close()
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
