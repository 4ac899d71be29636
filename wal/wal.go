package wal

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Index is a position in the replicated log. The first entry has index 1; 0 is
// the place before it.
type Index uint64

// An Entry is one entry of the replicated log. The log keeps Data as it is
// given and hands it out again: nobody may change it.
type Entry struct {
	Index Index
	Term  uint64
	Kind  uint8 // raft's type of the entry; opaque here
	Data  []byte
}

// State is raft's hard state. It is kept when entries are dropped.
type State struct {
	Term, Vote uint64
	Commit     Index
}

// MaxData is how long the Data of one entry may be, in bytes.
const MaxData = 64 << 20

var (
	// ErrCompacted says that an entry was dropped from the front of the log.
	ErrCompacted = errors.New("log entry is compacted")
	// ErrUnavailable says that an entry is above the end of the log.
	ErrUnavailable = errors.New("log entry is unavailable")
	// ErrCorrupt is wrapped by every CorruptError.
	ErrCorrupt = errors.New("log is corrupt")
	// ErrFailed says that the disk refused a write or a flush before. It is
	// final: only a new Open, which reads back what there is, ends it.
	ErrFailed = errors.New("log has failed")
	// ErrVersion says that a later version of the program wrote the log.
	ErrVersion = errors.New("log of an unknown version")
	// ErrClosed is returned by a log after Close.
	ErrClosed = errors.New("log is closed")
	// ErrInvalid says that an append would break the log (a gap, a term that
	// goes back, a cut at or below the commit index). Nothing was written.
	ErrInvalid = errors.New("invalid append to the log")
)

// A CorruptError tells where damage was found. It is an ErrCorrupt.
type CorruptError struct {
	Segment string // file name within the log's directory
	Offset  int64  // byte within that file
	Reason  string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: segment %s at offset %d: %s", ErrCorrupt, e.Segment, e.Offset, e.Reason)
}

func (e *CorruptError) Unwrap() error { return ErrCorrupt }

// Options of a log. The zero value of each field is its default.
type Options struct {
	FS          vfs.FS // vfs.Default
	SegmentSize int64  // bytes after which a new segment begins; 64 MiB
	CacheBytes  int64  // memory for recent entries, 64 bytes counted for each besides its data; 32 MiB
	Recycle     bool   // the file of a segment that is dropped becomes the next new one; at most one waits for that
	FillAhead   int64  // bytes zero-filled ahead of the end, so that a flush need not write metadata; 512 KiB, negative for none
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.SegmentSize <= 0 {
		o.SegmentSize = 64 << 20
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = 32 << 20
	}
	switch {
	case o.FillAhead == 0:
		o.FillAhead = 512 << 10
	case o.FillAhead < 0:
		o.FillAhead = 0
	}
	return o
}

// A Log is an open log. Append, Sync, TruncateFront, Reset and Close are meant
// for one writer (calls from several goroutines take turns); the other methods
// are safe beside it and never wait for its disk.
type Log struct {
	opts Options
	fs   vfs.FS
	dir  string

	// w guards what only the writer needs. It is held over I/O.
	w struct {
		sync.Mutex
		active writer
		spare  spare
		dirFD  vfs.File
		lock   io.Closer
		closed bool
	}

	// mu guards what readers see. It is never held over I/O. It is taken
	// inside w and outside pool's own lock.
	mu struct {
		sync.RWMutex
		segments []*segment // oldest first, never empty; the last one is active
		terms    terms
		recent   recent
		last     Index
		state    State
		cuts     uint64 // how often entries that readers may have seen were cut off
		doomed   []*segment
		failed   error
	}

	pool pool
}

// State returns the hard state last appended.
func (l *Log) State() State {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.state
}

// FirstIndex returns the index of the first entry that Entries can give, or
// LastIndex+1 when there is none.
func (l *Log) FirstIndex() Index {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.firstLocked()
}

func (l *Log) firstLocked() Index { return l.mu.segments[0].first }

// LastIndex returns the index of the last entry appended, or FirstIndex-1 when
// there is none.
func (l *Log) LastIndex() Index {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mu.last
}

// Size returns the bytes of the log's files, those included that wait for a
// reader before they are removed.
func (l *Log) Size() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var n int64
	for _, s := range l.mu.segments {
		n += s.size
	}
	for _, s := range l.mu.doomed {
		n += s.size
	}
	return n
}

// usable says whether the writer may go on.
func (l *Log) usable() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.mu.failed == nil && l.w.closed {
		return ErrClosed
	}
	return l.mu.failed
}

// fail makes the log refuse everything from now on: after a failed write or
// flush nobody knows what the disk holds, and the page cache may show as clean
// what never reached it.
func (l *Log) fail(op string, cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.failed == nil {
		l.mu.failed = fmt.Errorf("%w: %s: %w", ErrFailed, op, cause)
	}
	return l.mu.failed
}

// Close syncs, marks the log as cleanly closed and releases it. Readers must
// have returned. A log that has failed is released too and returns its error.
// A second Close returns nil.
func (l *Log) Close() error {
	l.w.Lock()
	defer l.w.Unlock()
	if l.w.closed {
		return nil
	}
	err := l.usable()
	if err == nil {
		err = l.closeClean()
	}
	l.w.closed = true
	l.sweep()
	l.pool.close()
	if cerr := l.w.active.close(); err == nil && cerr != nil {
		err = fmt.Errorf("close log: %w", cerr)
	}
	l.w.dirFD.Close()
	l.w.lock.Close()
	return err
}

func (l *Log) closeClean() error {
	if err := l.sync(); err != nil {
		return err
	}
	if l.w.active.clean {
		return nil // nothing was written since a clean Open
	}
	l.mark(flagClean)
	if err := l.flush(); err != nil {
		return err
	}
	return l.sync()
}
