package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrSpillFull is returned by Spill.Append at the limit.
var ErrSpillFull = errors.New("spill store full")

// SpillOptions of a Spill. The zero value of each is its default.
type SpillOptions struct {
	FS     vfs.FS // vfs.Default
	Limit  int64  // bytes of messages, 10 GiB
	Logger *slog.Logger

	tidied       func() // for tests: told when a tidying ended
	tableDeleted func() // for tests: told when disk was given back
}

// A Spill keeps non-persistent messages that do not fit into memory: a list for
// each key, ordered by SpillPlace. It is wiped when it is opened, is not
// replicated, syncs nothing, and takes neither memory nor disk before the first
// message. It may be used by any goroutine; what changes one list is called one
// after the other, Load may be called besides.
type Spill struct {
	dir string
	o   SpillOptions

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tidier sync.WaitGroup

	failed atomic.Pointer[error]
	mu     struct {
		sync.Mutex
		ix      *index
		opened  uint64 // how many indexes were opened; each has a directory of its own
		lists   map[uint64]*spillList
		bytes   int64
		freed   int64 // removed since the last tidying
		tidying bool
		closed  bool
	}
}

// spillList is what is known of the messages of a key.
type spillList struct {
	head  SpillPlace // nothing of the list is before it
	n     uint64
	bytes int64
}

// A SpillPlace orders the messages of a list: by Lane, then Seq, then Sub. The
// zero value is before every message and never one's place.
type SpillPlace struct {
	Lane     uint8
	Seq, Sub uint64
}

// Spilled is a message that was spilled.
type Spilled struct {
	Place        SpillPlace
	Header, Body []byte
}

// The key of a message is key:8 lane:1 seq:8 sub:8, big-endian; its value the
// length of the header as a varint, the header and the body.
const spillKeyLen = 8 + 1 + 8 + 8

func spillKey(key uint64, p SpillPlace) []byte {
	b := append(binary.BigEndian.AppendUint64(make([]byte, 0, spillKeyLen+1), key), p.Lane)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, p.Seq), p.Sub)
}

// behindSpillKey gives the first key behind that of p.
func behindSpillKey(key uint64, p SpillPlace) []byte { return append(spillKey(key, p), 0) }

func spillPlaceOf(k []byte) (SpillPlace, error) {
	if len(k) != spillKeyLen {
		return SpillPlace{}, fmt.Errorf("%w: spill key of %d bytes", ErrCorrupt, len(k))
	}
	return SpillPlace{k[8], binary.BigEndian.Uint64(k[9:]), binary.BigEndian.Uint64(k[17:])}, nil
}

// Less reports whether p comes before o.
func (p SpillPlace) Less(o SpillPlace) bool {
	if p.Lane != o.Lane {
		return p.Lane < o.Lane
	}
	return p.Seq < o.Seq || p.Seq == o.Seq && p.Sub < o.Sub
}

func (p SpillPlace) String() string { return fmt.Sprintf("%d/%d.%d", p.Lane, p.Seq, p.Sub) }

// OpenSpill removes what is in dir; the directory is made when it is needed.
func OpenSpill(dir string, o SpillOptions) (*Spill, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Limit <= 0 {
		o.Limit = 10 << 30
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.FS.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("open spill store: %w", err)
	}
	s := &Spill{dir: dir, o: o}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.mu.lists = make(map[uint64]*spillList)
	return s, nil
}

func (s *Spill) fail(err error) { s.failed.CompareAndSwap(nil, &err) }

// useLocked gives the index, opened if need be, held until users.Done is called.
func (s *Spill) useLocked() (*index, error) {
	if err := s.failed.Load(); err != nil {
		return nil, *err
	}
	if s.mu.closed {
		return nil, ErrClosed
	}
	if s.mu.ix == nil {
		o := Options{FS: s.o.FS, Logger: s.o.Logger, Cache: 1 << 20, MemTable: 4 << 20, tableDeleted: s.o.tableDeleted}.withDefaults()
		dir := s.o.FS.PathJoin(s.dir, strconv.FormatUint(s.mu.opened, 10))
		if err := s.o.FS.MkdirAll(dir, 0o750); err != nil {
			return nil, err
		}
		ix, err := openIndex(s.o.FS, dir, o, s.fail)
		if err != nil {
			return nil, err
		}
		ix.name = dir
		s.mu.ix = ix
		s.mu.opened++
	}
	s.mu.ix.users.Add(1)
	return s.mu.ix, nil
}

// Append puts a message at its place in a list, which must be free. Header and
// body are copied.
func (s *Spill) Append(key uint64, p SpillPlace, header, body []byte) error {
	v := make([]byte, 0, stringLen(len(header))+len(body))
	v = append(append(binary.AppendUvarint(v, uint64(len(header))), header...), body...)
	ix, err := s.reserve(key, p, int64(len(v)))
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	defer ix.users.Done()
	if err := ix.db.Set(spillKey(key, p), v, noSync); err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	return nil
}

func (s *Spill) reserve(key uint64, p SpillPlace, size int64) (*index, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.bytes+size > s.o.Limit {
		return nil, fmt.Errorf("%w: %d bytes of %d", ErrSpillFull, s.mu.bytes, s.o.Limit)
	}
	ix, err := s.useLocked()
	if err != nil {
		return nil, err
	}
	l := s.mu.lists[key]
	if l == nil {
		l = &spillList{head: p}
		s.mu.lists[key] = l
	}
	if p.Less(l.head) {
		l.head = p
	}
	l.n++
	l.bytes += size
	s.mu.bytes += size
	return ix, nil
}

// Usage gives the bytes of the messages that are in it.
func (s *Spill) Usage() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.bytes
}

// Close closes it and removes its files. It may be called twice.
func (s *Spill) Close() error {
	s.mu.Lock()
	ix, closed := s.mu.ix, s.mu.closed
	s.mu.closed = true
	s.mu.Unlock()
	s.cancel()
	s.tidier.Wait()
	if closed {
		return nil
	}
	var err error
	if ix != nil {
		err = ix.close()
	}
	return errors.Join(err, s.o.FS.RemoveAll(s.dir))
}
