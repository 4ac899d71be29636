package store

// queue is a queue as Apply sees it. Guarded by Store.mu.
type queue struct {
	id   QueueID
	kind Kind
	name string
	sub  *Subscription

	next   Seq // the next message gets it
	purged Seq // all up to here are gone
	depth  uint64
	bytes  uint64
	paused bool
	shared bool // entries of the index may refer to shared bodies

	flushed    Seq    // messages up to here entered the index, if they lived
	indexDepth uint64 // depth at the index's state: 0 means nothing to look up there
	heads      []Seq  // per lane: the index has nothing of this queue before it

	active, closing *delta // what the generations changed, nil for nothing
}

func (q *queue) info() QueueInfo {
	return QueueInfo{q.id, q.kind, q.name, q.sub, q.depth, q.bytes, q.next - 1, q.paused}
}

func (q *queue) head(l Lane) Seq {
	if int(l) < len(q.heads) {
		return max(q.heads[l], q.purged+1)
	}
	return q.purged + 1
}

// find gives the live message at p if it is in the overlay.
func (q *queue) find(p Pos) *entry {
	if q.active != nil {
		if p.Seq >= q.active.first {
			return q.active.find(p)
		}
		if q.active.removed(p) {
			return nil
		}
	}
	if q.closing != nil && p.Seq >= q.closing.first {
		return q.closing.find(p)
	}
	return nil
}

// maybeIndexed reports whether a message at p, which find does not know, may
// be alive in the index.
func (q *queue) maybeIndexed(p Pos) bool {
	if p.Seq > q.flushed || p.Seq <= q.purged || q.indexDepth == 0 {
		return false
	}
	return (q.active == nil || !q.active.removed(p)) && (q.closing == nil || !q.closing.removed(p))
}

// count gives the redelivery count of a message, older being what the place
// where it was found says.
func (q *queue) count(p Pos, older uint32) uint32 {
	for _, d := range []*delta{q.active, q.closing} {
		if d != nil {
			if n, ok := d.counts[p]; ok {
				return n
			}
		}
	}
	return older
}

type queueName struct {
	kind Kind
	name string
}
