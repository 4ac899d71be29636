package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
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
}

// A Spill keeps non-persistent messages that do not fit into memory: a list for
// each key, written at its end and read from its front. It is wiped when it is
// opened, is not replicated, syncs nothing, and takes neither memory nor disk
// before the first message. It may be used by any goroutine; calls about one key
// are made one after the other.
type Spill struct {
	dir string
	o   SpillOptions

	failed atomic.Pointer[error]
	mu     struct {
		sync.Mutex
		ix     *index
		lists  map[uint64]*spillList
		bytes  int64
		closed bool
	}
}

// spillList are the messages first to next-1 of a key.
type spillList struct {
	first, next uint64
	bytes       int64
}

// Spilled is a message that was spilled.
type Spilled struct{ Header, Body []byte }

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
	s.mu.lists = make(map[uint64]*spillList)
	return s, nil
}

func (s *Spill) fail(err error) { s.failed.CompareAndSwap(nil, &err) }

// use gives the index, opened if need be, held until users.Done is called.
func (s *Spill) useLocked() (*index, error) {
	if err := s.failed.Load(); err != nil {
		return nil, *err
	}
	if s.mu.closed {
		return nil, ErrClosed
	}
	if s.mu.ix == nil {
		o := Options{FS: s.o.FS, Logger: s.o.Logger, Cache: 1 << 20, MemTable: 4 << 20}.withDefaults()
		if err := s.o.FS.MkdirAll(s.dir, 0o750); err != nil {
			return nil, err
		}
		ix, err := openIndex(s.o.FS, s.dir, o, s.fail)
		if err != nil {
			return nil, err
		}
		s.mu.ix = ix
	}
	s.mu.ix.users.Add(1)
	return s.mu.ix, nil
}

func spillKey(key, n uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), key), n)
}

// Append puts a message at the end of a list. Header and body are copied.
func (s *Spill) Append(key uint64, header, body []byte) error {
	v := make([]byte, 0, stringLen(len(header))+len(body))
	v = append(append(binary.AppendUvarint(v, uint64(len(header))), header...), body...)
	ix, n, err := s.reserve(key, int64(len(v)))
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	defer ix.users.Done()
	if err := ix.db.Set(spillKey(key, n), v, noSync); err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	return nil
}

func (s *Spill) reserve(key uint64, size int64) (*index, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.bytes+size > s.o.Limit {
		return nil, 0, fmt.Errorf("%w: %d bytes of %d", ErrSpillFull, s.mu.bytes, s.o.Limit)
	}
	ix, err := s.useLocked()
	if err != nil {
		return nil, 0, err
	}
	l := s.mu.lists[key]
	if l == nil {
		l = &spillList{}
		s.mu.lists[key] = l
	}
	l.next++
	l.bytes += size
	s.mu.bytes += size
	return ix, l.next - 1, nil
}

// Take reads and removes the first n messages of a list, or fewer when they
// exceed maxBytes, at least one; none if there are none.
func (s *Spill) Take(key uint64, n, maxBytes int) ([]Spilled, error) {
	s.mu.Lock()
	l := s.mu.lists[key]
	if l == nil || n <= 0 {
		s.mu.Unlock()
		return nil, nil
	}
	lo, end := l.first, l.next
	ix, err := s.useLocked()
	s.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	defer ix.users.Done()
	out, size, err := readSpilled(ix, key, lo, min(end, lo+uint64(n)), maxBytes)
	if err == nil {
		err = ix.db.DeleteRange(spillKey(key, lo), spillKey(key, lo+uint64(len(out))), noSync)
	}
	if err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.lists[key] == l { // not dropped meanwhile
		l.first += uint64(len(out))
		l.bytes -= size
		s.mu.bytes -= size
		if l.first == l.next {
			delete(s.mu.lists, key)
		}
	}
	return out, nil
}

func readSpilled(ix *index, key, lo, hi uint64, maxBytes int) (out []Spilled, size int64, err error) {
	err = scan(ix.db, spillKey(key, lo), spillKey(key, hi), func(_, v []byte) error {
		if len(out) > 0 && int(size)+len(v) > maxBytes {
			return errEnough
		}
		r := reader{b: append([]byte(nil), v...)}
		h := r.bytes(len(v))
		if r.err != nil {
			return r.err
		}
		out = append(out, Spilled{Header: h, Body: r.b})
		size += int64(len(v))
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%w: messages from %d on of list %d are missing", ErrCorrupt, lo, key)
	}
	return out, size, err
}

// Drop removes a list.
func (s *Spill) Drop(key uint64) error {
	s.mu.Lock()
	l := s.mu.lists[key]
	if l == nil {
		s.mu.Unlock()
		return nil
	}
	delete(s.mu.lists, key)
	s.mu.bytes -= l.bytes
	ix, err := s.useLocked()
	s.mu.Unlock()
	if err == nil {
		err = ix.db.DeleteRange(spillKey(key, l.first), spillKey(key, l.next), noSync)
		ix.users.Done()
	}
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	return nil
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
	if closed || ix == nil {
		return nil
	}
	return errors.Join(ix.close(), s.o.FS.RemoveAll(s.dir))
}
