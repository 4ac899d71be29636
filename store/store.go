package store

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/wal"
)

// Log is the replicated log, as the store needs it.
type Log interface {
	// Propose offers a batch, which it keeps. done is called exactly once, in the
	// order of the log: with what Apply gave, or ErrRefused or ErrUnknown.
	Propose(batch []byte, done func(result any, err error))
	// Entry gives the data of a committed entry that is above Low.
	Entry(i wal.Index) ([]byte, error)
}

// A Store is the durable state machine. Apply and Settle are called by one
// goroutine; everything else may be called by any.
type Store struct {
	dir  string
	o    Options
	fs   vfs.FS
	log  *slog.Logger
	wlog atomic.Pointer[Log]

	failed  atomic.Pointer[error]
	failing chan struct{} // closed when failed is set
	closing chan struct{} // closed by Close
	once    sync.Once
	counter atomic.Uint64 // of uploads and transactions

	applying sync.Mutex // held while an entry's batch is applied or a generation closes
	settled  *sync.Cond // on applying: between two entries
	inEntry  bool       // guarded by applying
	scratch  scratch    // guarded by applying

	mu struct {
		sync.RWMutex
		state
		active  *generation
		closing *generation // nil: none
		epoch   uint64      // raised when a closing one has gone to the index
		low     wal.Index
		ix      *index
		closed  bool
		usage   overlayUsage
	}
	retired chan struct{} // under mu: closed and made anew when closing becomes nil
	held    heldLog
	runs    bodyRuns

	writer writer
}

// state is what the log has made of the store, queues' contents excepted.
type state struct {
	applied    wal.Index
	term       uint64
	membership []byte
	reign      reign
	lastQueue  QueueID
	queues     map[QueueID]*queue
	byName     map[queueName]QueueID
	producers  producers
	stages     map[opaqueID]*stage
	uploads    map[opaqueID]uploadState
	jobCounters
	sentIDs sentIDs
}

// reign is the last reign record.
type reign struct {
	index wal.Index
	term  uint64
	node  uint64
	wall  int64
}

func newState() state {
	return state{
		queues: make(map[QueueID]*queue), byName: make(map[queueName]QueueID),
		producers: newProducers(), sentIDs: newSentIDs(),
		stages: make(map[opaqueID]*stage), uploads: make(map[opaqueID]uploadState),
	}
}

// Open opens the store in dir, or creates an empty one. The log behind Applied
// is then applied to it. A store of a later version gives ErrVersion.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{dir: dir, o: o, fs: o.FS, log: o.Logger, failing: make(chan struct{}), closing: make(chan struct{})}
	s.settled = sync.NewCond(&s.applying)
	s.retired = make(chan struct{})
	if err := makeDir(s.fs, dir); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.openCurrent(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.writer.start(s)
	return s, nil
}

// openCurrent opens the index that CURRENT names and takes the state from it.
func (s *Store) openCurrent() error {
	name, err := currentIndex(s.fs, s.dir)
	if err != nil {
		return err
	}
	ix, err := openIndex(s.fs, s.fs.PathJoin(s.dir, name), s.o, s.fail)
	if err != nil {
		return err
	}
	ix.name = name
	st, err := ix.recover()
	if err != nil {
		return errors.Join(err, ix.close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.state, s.mu.ix, s.mu.low = st, ix, st.applied
	s.mu.active, s.mu.closing = newGeneration(1, &st.sentIDs), nil
	s.mu.epoch++
	s.held.clear()
	s.runs.clear()
	return nil
}

// SetLog gives the store its log. It must be called before Propose and before
// the first Apply.
func (s *Store) SetLog(l Log) { s.wlog.Store(&l) }

func (s *Store) entry(i wal.Index) ([]byte, error) {
	l := s.wlog.Load()
	if l == nil {
		return nil, errors.New("store has no log")
	}
	return (*l).Entry(i)
}

// fail takes the store down, once.
func (s *Store) fail(err error) {
	if !s.failed.CompareAndSwap(nil, &err) {
		return
	}
	close(s.failing)
	s.log.Error("store failed", "error", err)
	go func() {
		s.applying.Lock()
		s.settled.Broadcast()
		s.applying.Unlock()
		s.o.Fatal(err)
	}()
}

// Failed gives why the store went down, or nil.
func (s *Store) Failed() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// down gives why nothing is done any more.
func (s *Store) down() error {
	if err := s.Failed(); err != nil {
		return err
	}
	return ErrClosed
}

// Close ends the writer and closes the index. What is not in the index yet is
// in the log. It may be called twice.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		s.applying.Lock()
		defer s.applying.Unlock()
		s.writer.stop()
		s.mu.Lock()
		s.mu.closed = true
		ix := s.mu.ix
		s.mu.Unlock()
		err = ix.close()
	})
	return err
}

// Applied gives the last entry that is applied, its term and the membership at
// it; right after Open that is the durable state. Zeros mean an empty store.
func (s *Store) Applied() (index wal.Index, term uint64, membership []byte) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.applied, s.mu.term, s.mu.membership
}

// Low gives the entry up to which everything is durable in the index: the log
// may drop what is at or below it.
func (s *Store) Low() wal.Index {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.low
}

// ReignIndex gives the index of the last reign record. A message that entered
// before it may have been delivered by an earlier master.
func (s *Store) ReignIndex() wal.Index {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.reign.index
}

// Queues lists all queues, in no order.
func (s *Store) Queues() []QueueInfo {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]QueueInfo, 0, len(s.mu.queues))
	for _, q := range s.mu.queues {
		all = append(all, q.info())
	}
	return all
}

// Queue describes one queue.
func (s *Store) Queue(id QueueID) (QueueInfo, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if q := s.mu.queues[id]; q != nil {
		return q.info(), true
	}
	return QueueInfo{}, false
}

// Lookup finds a queue by kind and name.
func (s *Store) Lookup(kind Kind, name string) (QueueInfo, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if id, ok := s.mu.byName[queueName{kind, name}]; ok {
		return s.mu.queues[id].info(), true
	}
	return QueueInfo{}, false
}

// noSync is how everything is written: the index has no log of its own, and
// Flush makes it durable.
var noSync = pebble.NoSync
