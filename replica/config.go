package replica

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/wal"
)

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
