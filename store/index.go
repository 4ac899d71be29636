package store

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion pins what Pebble writes; raising it is a decision, not an
// accident of an update.
const formatVersion = pebble.FormatValueSeparation

// index is the only door to Pebble.
type index struct {
	name  string // of its directory
	fs    vfs.FS
	dir   string
	table sstable.WriterOptions // of tables that are made beside it
	db    *pebble.DB
	users sync.WaitGroup // readers; added to under Store.mu while it is the current one
	once  sync.Once
	died  chan struct{} // closed when Pebble gave up: nothing is written any more, closing would wait forever
}

func openIndex(fs vfs.FS, dir string, o Options, fail func(error)) (*index, error) {
	ix := &index{dir: dir, died: make(chan struct{})}
	po := indexOptions(fs, o, &pebbleLogger{log: o.Logger, fail: fail, died: ix.died})
	if err := ix.open(dir, po); err != nil {
		return nil, fmt.Errorf("open index %s: %w", fs.PathBase(dir), err)
	}
	ix.fs, ix.table = po.FS, po.MakeWriterOptions(0, ix.db.TableFormat())
	if err := ix.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("open index %s: %w", fs.PathBase(dir), err), ix.close())
	}
	return ix, nil
}

// open opens the database, unless that ends in a Fatalf.
func (ix *index) open(dir string, po *pebble.Options) error {
	c := newCompactions()
	po.Experimental.CompactionScheduler = c
	return ix.unlessDead(func() (err error) {
		if ix.db, err = pebble.Open(dir, po); err == nil {
			c.start()
		}
		return err
	})
}

var errDied = errors.New("the index gave up")

// unlessDead waits for f, or for a Fatalf, whose goroutine may be the one that
// f runs on, or hold the lock that f waits for.
func (ix *index) unlessDead(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ix.died:
		return errDied
	}
}

func indexOptions(fs vfs.FS, o Options, l *pebbleLogger) *pebble.Options {
	po := &pebble.Options{
		CacheSize:                   o.Cache,
		FS:                          &dirFS{fs, l.Fatalf, l.died},
		DisableWAL:                  true,
		FormatMajorVersion:          formatVersion,
		MemTableSize:                uint64(o.MemTable),
		MemTableStopWritesThreshold: 2,
		MaxOpenFiles:                500,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		Logger:                      l,
		EventListener:               l.events(o.tableDeleted),
	}
	po.FlushSplitBytes = 8 << 20
	// A table taken in above a memtable would be counted on before it is durable.
	po.Experimental.DisableIngestAsFlushable = func() bool { return true }
	po.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return po
}

// close gives the database up, when the last reader has gone. After a Fatalf it
// is left alone.
func (ix *index) close() error {
	var err error
	ix.once.Do(func() {
		select {
		case <-ix.died:
		default:
			err = ix.unlessDead(func() error {
				ix.users.Wait()
				return ix.db.Close()
			})
		}
	})
	return err
}

// get reads a value. Whoever applies the log reads here, and must not stand
// still with an index that gave up: so the read is another goroutine's, which a
// dead index may keep. key is not to be reused.
func (ix *index) get(key []byte) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, c, err := ix.db.Get(key)
		if err != nil {
			done <- result{nil, err}
			return
		}
		b := slices.Clone(v)
		done <- result{b, c.Close()}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-ix.died:
		return nil, errDied
	}
}

// entry reads an entry; pebble.ErrNotFound if there is none.
func (ix *index) entry(q QueueID, p Pos) (entryRecord, error) {
	var k [posKeyLen]byte
	b, err := ix.get(appendPosKey(k[:0], q, inEntries, p))
	if err != nil {
		return entryRecord{}, err
	}
	return decodeEntry(b)
}

// ownBody reads a body in a queue's range; pebble.ErrNotFound if there is none.
func (ix *index) ownBody(q QueueID, p Pos) ([]byte, error) {
	var k [posKeyLen]byte
	return ix.get(appendPosKey(k[:0], q, inBodies, p))
}

func (ix *index) chunk(id bodyID, n uint32) ([]byte, error) {
	return ix.get(appendChunkKey(nil, id, n))
}

// scan calls f for each key from lo to below hi. Its slices are not to be kept.
func scan(r pebble.Reader, lo, hi []byte, f func(k, v []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lo, UpperBound: hi})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var v []byte
		if v, err = it.ValueAndErr(); err == nil {
			err = f(it.Key(), v)
		}
	}
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	return err
}

// pebbleLogger takes Pebble's words: news to debug, what ends it to fail.
type pebbleLogger struct {
	log  *slog.Logger
	fail func(error)
	died chan struct{}
	die  sync.Once
}

func (l *pebbleLogger) Infof(format string, args ...any) {
	l.log.Debug("index: " + fmt.Sprintf(format, args...))
}

func (l *pebbleLogger) Errorf(format string, args ...any) {
	l.log.Warn("index: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: what follows in Pebble counts on that. The goroutine
// stands still from then on, with the locks it holds.
func (l *pebbleLogger) Fatalf(format string, args ...any) {
	l.giveUp(fmt.Errorf("index: "+format, args...))
	select {}
}

// giveUp says that the index writes nothing any more.
func (l *pebbleLogger) giveUp(err error) {
	l.fail(err)
	l.die.Do(func() { close(l.died) })
}

func (l *pebbleLogger) events(tableDeleted func()) *pebble.EventListener {
	ev := &pebble.EventListener{
		// Pebble tries a flush that failed again and again, at full speed; dirFS
		// lets it stand still at its next file. It holds a lock here, so this
		// returns: what is there can still be read.
		BackgroundError: func(err error) { l.giveUp(fmt.Errorf("index: %w", err)) },
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			l.fail(fmt.Errorf("%w: index: %s: %w", ErrCorrupt, i.Path, i.Details))
		},
		DiskSlow:        func(i pebble.DiskSlowInfo) { l.log.Warn("index: " + i.String()) },
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) { l.log.Debug("index: writes wait: " + i.String()) },
		WriteStallEnd:   func() { l.log.Debug("index: writes go on") },
	}
	if tableDeleted != nil {
		ev.TableDeleted = func(pebble.TableDeleteInfo) { tableDeleted() }
	}
	return ev
}
