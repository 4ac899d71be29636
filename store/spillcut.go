package store

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// A spillCut removes messages of a list, those that are neighbours as one range.
type spillCut struct {
	key   uint64
	head  SpillPlace // of the list; moves behind what goes at the front
	n     uint64
	bytes int64

	front SpillPlace // of the first message
	b     *pebble.Batch
	short []SpillPlace // the run, while it is short
	first SpillPlace
	last  SpillPlace
	err   error
}

// cut removes what stands at places, which are in order.
func (c *spillCut) cut(ix *index, places []SpillPlace) error {
	it, err := ix.db.NewIter(&pebble.IterOptions{LowerBound: spillKey(c.key, c.head), UpperBound: behindSpillList(c.key)})
	if err != nil {
		return err
	}
	c.b = ix.db.NewBatch()
	if it.First() {
		if c.front, err = spillPlaceOf(it.Key()); err == nil {
			err = c.pick(it, places)
		}
		c.gap()
	}
	if err = errors.Join(err, c.err, it.Error(), it.Close()); err != nil {
		return errors.Join(err, c.b.Close())
	}
	return ix.db.Apply(c.b, noSync)
}

// pick walks over the messages from the first place to the last, and jumps over
// those between that stay.
func (c *spillCut) pick(it *pebble.Iterator, places []SpillPlace) error {
	ok := it.SeekGE(spillKey(c.key, places[0]))
	for i := 0; ok && i < len(places); {
		p, err := spillPlaceOf(it.Key())
		if err != nil {
			return err
		}
		for i < len(places) && places[i].Less(p) {
			i++
		}
		if i < len(places) && places[i] == p {
			c.take(it, p)
			i++
			ok = it.Next()
			continue
		}
		c.gap()
		if i < len(places) {
			ok = it.SeekGE(spillKey(c.key, places[i]))
		}
	}
	return nil
}

// take adds the message at the iterator to the run.
func (c *spillCut) take(it *pebble.Iterator, p SpillPlace) {
	v, err := it.ValueAndErr()
	c.err = errors.Join(c.err, err)
	c.n++
	c.bytes += int64(len(v))
	if c.last == (SpillPlace{}) {
		c.first = p
	}
	c.last = p
	if len(c.short) <= shortRun {
		c.short = append(c.short, p)
	}
}

// gap ends the run: a message follows that stays. A short run goes one by one,
// since a range costs whoever reads more than a few messages do.
func (c *spillCut) gap() {
	if c.last == (SpillPlace{}) {
		return
	}
	if len(c.short) <= shortRun {
		for _, p := range c.short {
			c.err = errors.Join(c.err, c.b.Delete(spillKey(c.key, p), nil))
		}
	} else {
		c.err = errors.Join(c.err, c.b.DeleteRange(spillKey(c.key, c.first), behindSpillKey(c.key, c.last), nil))
	}
	if c.first == c.front {
		c.head = c.last
	}
	c.short, c.first, c.last = c.short[:0], SpillPlace{}, SpillPlace{}
}
