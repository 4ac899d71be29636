package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// nearby remembers entries of the index that stand near one that Apply wanted:
// who drains a backlog takes its messages one after the other, and to read a
// block of entries at once costs little more than to find one of them. What it
// remembers holds until the next generation has gone to the index.
type nearby struct {
	ix     *index
	epoch  uint64
	blocks map[blockAt]*block
	order  []blockAt // of reading, the oldest first
}

// Blocks are aligned, so that several consumers of a lane, each at its own
// place, do not read the same entries again and again.
const (
	blockEntries = 128
	blockBytes   = 128 << 10 // of entries with long headers a block has fewer
	maxBlocks    = 64
)

// blockAt names the entries from n*blockEntries on of a lane.
type blockAt struct {
	queue QueueID
	lane  Lane
	n     Seq
}

type block struct {
	known Seq // how many of them were read; the rest is read one by one
	found [blockEntries]found
}

// at gives what the index has at p, missing if nothing. The epoch is the one
// of ix.
func (c *nearby) at(ix *index, epoch uint64, q QueueID, p Pos) (found, error) {
	if c.ix != ix || c.epoch != epoch || c.blocks == nil {
		*c = nearby{ix: ix, epoch: epoch, blocks: make(map[blockAt]*block, maxBlocks), order: c.order[:0]}
	}
	k := blockAt{q, p.Lane, p.Seq / blockEntries}
	b := c.blocks[k]
	if b == nil {
		var err error
		if b, err = ix.block(k); err != nil {
			return found{}, err
		}
		c.keep(k, b)
	}
	if n := p.Seq % blockEntries; n < b.known {
		return b.found[n], nil
	}
	return ix.find(q, p)
}

// find reads one entry.
func (ix *index) find(q QueueID, p Pos) (found, error) {
	rec, err := ix.entry(q, p)
	if errors.Is(err, pebble.ErrNotFound) {
		return found{missing: true}, nil
	}
	return rec.found(), err
}

func (e *entryRecord) found() found {
	return found{body: e.body, size: e.size, hlen: uint32(len(e.header)), shared: e.shared}
}

func (c *nearby) keep(k blockAt, b *block) {
	if len(c.order) == maxBlocks {
		delete(c.blocks, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	c.blocks[k] = b
	c.order = append(c.order, k)
}

// block reads a block of entries. As with get, whoever applies the log does not
// stand still with an index that gave up.
func (ix *index) block(k blockAt) (*block, error) {
	type result struct {
		b   *block
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := ix.scanBlock(k)
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-ix.died:
		return nil, errDied
	}
}

func (ix *index) scanBlock(k blockAt) (*block, error) {
	b := &block{known: blockEntries}
	for i := range b.found {
		b.found[i].missing = true
	}
	bytes := 0
	first := k.n * blockEntries
	lo := appendPosKey(nil, k.queue, inEntries, Pos{k.lane, first})
	hi := appendPosKey(nil, k.queue, inEntries, Pos{k.lane, first + blockEntries})
	err := scan(ix.db, lo, hi, func(key, v []byte) error {
		_, p, ok := posOfKey(key)
		if !ok {
			return fmt.Errorf("%w: entry key %x", ErrCorrupt, key)
		}
		if bytes += len(v); bytes > blockBytes {
			b.known = p.Seq - first
			return errEnough
		}
		rec, err := decodeEntry(v)
		if err != nil {
			return fmt.Errorf("entry %s: %w", p, err)
		}
		b.found[p.Seq-first] = rec.found()
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return b, err
}
