package node

import (
	"errors"

	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/store"
	"github.com/quorate/quorate/wal"
)

// replicated is the replicated log as the store knows it. The two stand on one
// floor and do not know each other; the words for outcomes are translated here.
type replicated struct{ *replica.Node }

// Propose hands a batch to the log.
func (r replicated) Propose(batch []byte, done func(result any, err error)) {
	r.Node.Propose(batch, func(result any, err error) { done(result, outcome(err)) })
}

// Entry reads a committed entry.
func (r replicated) Entry(i wal.Index) ([]byte, error) { return r.Node.Entry(i) }

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
