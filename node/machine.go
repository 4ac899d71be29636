package node

import (
	"errors"

	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/store"
	"github.com/quorate/quorate/wal"
)

// replicated is the replicated log as the store knows it. The two stand on one
// floor and do not know each other; the words for outcomes are translated here.
type replicated struct {
	*replica.Node
	term uint64 // of the only reign that it proposes in, 0: any
}

// Propose hands a batch to the log.
func (r replicated) Propose(batch []byte, done func(result any, err error)) {
	r.ProposeIn(r.term, batch, func(result any, err error) { done(result, outcome(err)) })
}

// Entry reads a committed entry.
func (r replicated) Entry(i wal.Index) ([]byte, error) { return r.Node.Entry(i) }

// reigning is the store as it is handed to what serves in one reign: nothing
// that outlives the reign can write in the next one.
type reigning struct {
	*store.Store
	log replicated
}

func (n *Node) reigning(term uint64) reigning { return reigning{n.store, replicated{n.replica, term}} }

// Propose hands a batch to the log in this reign only.
func (r reigning) Propose(b *store.Batch, done func(store.Result, error)) {
	r.ProposeTo(r.log, b, done)
}

func outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, replica.ErrUnknown):
		return store.ErrUnknown
	case errors.Is(err, replica.ErrRefused):
		return store.ErrRefused
	}
	return err
}
