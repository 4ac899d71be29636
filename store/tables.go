package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Bodies of a queue that are at least Options.Table bytes in a generation are
// written as tables and handed to Pebble as they are: nothing copies them into
// a memtable, and as they stand behind all that the queue has, they get to the
// lowest level at once and no compaction writes them again. Fewer bytes would
// make too many tables. tableSize is about what a table holds at most, since
// what a range deletion covers by half is written again.
const (
	tableSize = 8 << 20
	tableSync = 512 << 10 // bytes between syncs, so that the log's flushes need not wait for many
)

const tablePrefix = "ahead-"

// tables writes tables beside the database, in its directory.
type tables struct {
	ix    *index
	paths []string
	w     *sstable.Writer
}

// set adds a value. Keys ascend within a table.
func (t *tables) set(k, v []byte) error {
	if t.w == nil {
		if err := t.begin(); err != nil {
			return err
		}
	}
	if err := t.w.Set(k, v); err != nil {
		return err
	}
	if t.w.Raw().EstimatedSize() < tableSize {
		return nil
	}
	return t.cut()
}

func (t *tables) begin() error {
	path := t.ix.fs.PathJoin(t.ix.dir, fmt.Sprintf("%s%d", tablePrefix, len(t.paths)))
	file, err := t.ix.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	file = vfs.NewSyncingFile(file, vfs.SyncingFileOptions{BytesPerSync: tableSync})
	t.paths = append(t.paths, path)
	t.w = sstable.NewWriter(objstorageprovider.NewFileWritable(file), t.ix.table)
	return nil
}

// cut ends the table, which is durable then.
func (t *tables) cut() error {
	if t.w == nil {
		return nil
	}
	w := t.w
	t.w = nil
	return w.Close()
}

// ingest makes all tables part of the database at once.
func (t *tables) ingest(ctx context.Context) error {
	if err := t.cut(); err != nil {
		return err
	}
	return t.ix.db.Ingest(ctx, t.paths)
}

// abandon closes a table that did not get to its end. Its file goes at the
// next open.
func (t *tables) abandon(err error) error { return errors.Join(err, t.cut()) }

// sweep removes tables that a crash left behind.
func (ix *index) sweep() error {
	names, err := ix.fs.List(ix.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, tablePrefix) {
			if err := ix.fs.Remove(ix.fs.PathJoin(ix.dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// tablesAhead writes the bodies of queues that have many. With them comes the
// mark that tells an open after a crash to cut them.
func (f *flush) tablesAhead() error {
	t := &tables{ix: f.ix}
	f.tabled = make(map[QueueID]bool)
	for _, d := range f.sl.gen.deltas {
		if d.deleted || d.bodies() < f.s.o.Table {
			continue
		}
		f.tabled[d.queue.id] = true
		for i := range d.lanes {
			if err := f.ownBodies(d.queue.id, &d.lanes[i], t.set); err != nil {
				return t.abandon(err)
			}
		}
		if err := t.cut(); err != nil { // the next queue may stand before this one
			return err
		}
	}
	if len(t.paths) == 0 {
		return nil
	}
	if err := t.set([]byte{keyAhead}, f.ahead()); err != nil {
		return t.abandon(err)
	}
	return t.ingest(f.ctx)
}

// bodies gives the bytes of the bodies that a generation leaves in the queue's
// own range.
func (d *delta) bodies() (n int64) {
	for i := range d.lanes {
		d.lanes[i].added.from(0, func(e *entry) bool {
			if e.state&entryShared == 0 {
				n += int64(e.size)
			}
			return true
		})
	}
	return n
}
