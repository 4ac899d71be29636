package store

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of a Store. The zero value of each is its default. None of them
// changes what an operation comes to, so nodes may differ.
type Options struct {
	FS vfs.FS // vfs.Default

	// A generation closes when one of these is reached. While one is being
	// written the next fills up; when that is full too, Apply waits.
	GenerationMemory  int64 // bytes of memory, 20 MiB
	GenerationLog     int64 // bytes of log entries, 48 MiB
	GenerationEntries int64 // messages added or removed, 500,000
	GenerationFreed   int64 // bytes of older messages removed, whose room the index still takes, 32 MiB
	// GenerationBodies is how many bytes of bodies a generation keeps in memory,
	// 14 MiB. Bodies above it are read from the log when they are wanted.
	GenerationBodies int64

	Cache    int64 // the index's block cache, 16 MiB
	MemTable int64 // one of the index's two memtables, 16 MiB
	Table    int64 // a queue's bodies in a generation that are so many bytes go into the index as tables of their own, 1 MiB

	MaxBody           int64 // longest body, 100 MiB; above it ErrTooLarge
	MaxTransaction    int64 // bytes of one batch with its bodies, 256 MiB; above it ErrTooLarge
	MaxTransactionOps int   // operations of one batch, 100,000; above it ErrTooLarge

	Logger *slog.Logger // discarded
	// Fatal is told once, from a goroutine of its own, when the store can go on
	// no more: a disk or an index that is broken, or an entry of a later version.
	// From then on nothing is applied. The default only logs it.
	Fatal func(error)

	tableDeleted func() // for tests: told when disk was given back
}

func (o Options) withDefaults() Options {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.GenerationMemory, 20<<20)
	def(&o.GenerationLog, 48<<20)
	def(&o.GenerationEntries, 500_000)
	def(&o.GenerationFreed, 32<<20)
	def(&o.GenerationBodies, 14<<20)
	def(&o.Cache, 16<<20)
	def(&o.MemTable, 16<<20)
	def(&o.Table, 1<<20)
	def(&o.MaxBody, 100<<20)
	def(&o.MaxTransaction, 256<<20)
	if o.MaxTransactionOps <= 0 {
		o.MaxTransactionOps = 100_000
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Fatal == nil {
		o.Fatal = func(error) {}
	}
	return o
}
