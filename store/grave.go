package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// graveStep is how many entries of a grave are cleaned at once.
const graveStep = 2000

var errEnough = errors.New("enough")

// cleanGrave cleans a piece of one grave: entries of a queue that was purged or
// deleted, whose references to shared bodies have to go with them. It reports
// whether there may be more. A crash at any point leaves the rest to the next.
func (ix *index) cleanGrave() (more bool, err error) {
	id, upTo, ok, err := ix.firstGrave()
	if err != nil || !ok {
		return false, err
	}
	c := cleaner{ix: ix, b: ix.db.NewBatch(), dead: make(map[bodyID]map[ref]struct{})}
	if err := c.collect(id, upTo); err != nil && !errors.Is(err, errEnough) {
		return false, errors.Join(err, c.b.Close())
	} else if err == nil {
		err = c.b.Delete(appendGraveKey(nil, id), nil)
		if err != nil {
			return false, err
		}
	}
	if err := c.bodies(); err != nil {
		return false, errors.Join(err, c.b.Close())
	}
	return true, ix.db.Apply(c.b, noSync)
}

func (ix *index) firstGrave() (id QueueID, upTo Seq, ok bool, err error) {
	err = scan(ix.db, []byte{keyGrave}, []byte{keyGrave + 1}, func(k, v []byte) error {
		if len(k) != 9 {
			return fmt.Errorf("%w: grave key of %d bytes", ErrCorrupt, len(k))
		}
		id, ok = QueueID(binary.BigEndian.Uint64(k[1:])), true
		r := reader{b: v}
		r.version()
		upTo = Seq(r.uvarint())
		return errors.Join(r.end(), errEnough)
	})
	if errors.Is(err, errEnough) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) {
		err = nil
	}
	return id, upTo, ok, err
}

type cleaner struct {
	ix   *index
	b    *pebble.Batch
	dead map[bodyID]map[ref]struct{}
	n    int
}

// collect deletes entries up to a sequence; errEnough says that some are left.
func (c *cleaner) collect(id QueueID, upTo Seq) error {
	for l := Lane(0); l < Lanes; l++ {
		lo := appendPosKey(nil, id, inEntries, Pos{l, 0})
		hi := appendPosKey(nil, id, inEntries, Pos{l, upTo + 1})
		var last Pos
		err := scan(c.ix.db, lo, hi, func(k, v []byte) error {
			if c.n == graveStep {
				return errEnough
			}
			c.n++
			e, err := decodeEntry(v)
			if err != nil {
				return err
			}
			_, last, _ = posOfKey(k)
			if e.shared {
				c.drop(e.body, queueRef(id, last))
			}
			return nil
		})
		if last.Seq > 0 {
			err = errors.Join(err, c.b.DeleteRange(lo, appendPosKey(nil, id, inEntries, Pos{l, last.Seq + 1}), nil))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cleaner) drop(id bodyID, r ref) {
	if c.dead[id] == nil {
		c.dead[id] = make(map[ref]struct{})
	}
	c.dead[id][r] = struct{}{}
}

// bodies deletes the references, and the bodies that nobody else holds.
func (c *cleaner) bodies() error {
	for id, dead := range c.dead {
		held := false
		err := c.ix.refs(id, func(r ref) bool {
			_, gone := dead[r]
			held = !gone
			return gone
		})
		if err != nil {
			return err
		}
		for r := range dead {
			if err := c.b.Delete(appendRefKey(nil, id, r), nil); err != nil {
				return err
			}
		}
		if !held {
			lo := appendBodyID([]byte{keyChunk}, id)
			if err := c.b.DeleteRange(lo, after(lo), nil); err != nil {
				return err
			}
		}
	}
	return nil
}
