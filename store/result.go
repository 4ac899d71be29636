package store

import (
	"errors"
	"fmt"

	"github.com/quorate/quorate/wal"
)

// Errors of a proposal and of reading.
var (
	// ErrRefused: the batch is not in the log and never will be.
	ErrRefused = errors.New("refused before the log")
	// ErrUnknown: leadership was lost while the batch was in flight; whether it
	// is applied some day is open.
	ErrUnknown = errors.New("outcome unknown")
	// ErrTooLarge: a message, a name or a transaction exceeds a limit.
	ErrTooLarge = errors.New("too large")
	// ErrInvalid: a batch names a lane or a kind that there is not.
	ErrInvalid = errors.New("invalid operation")
	// ErrNotFound: the message is not there any more.
	ErrNotFound = errors.New("no such message")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store closed")
	// ErrCorrupt: the index contradicts itself.
	ErrCorrupt = errors.New("store corrupt")
)

// Code is how an operation ended.
type Code uint8

const (
	Done       Code = iota // it took effect
	NoQueue                // the queue (for a move: one of the two; for an enqueue: every target) is gone
	NoMessage              // the message is not in that queue any more
	Duplicate              // the producer's window holds that sequence already
	NoStage                // the staged transaction was dropped or is not complete
	NoUpload               // the upload was dropped or is not complete
	OutOfPlace             // a part or a stage that does not continue what is there
	NoJob                  // the job is gone, or due at another time
	NotEmpty               // something is pending in the queue
)

func (c Code) String() string {
	switch c {
	case Done:
		return "done"
	case NoQueue:
		return "no queue"
	case NoMessage:
		return "no message"
	case Duplicate:
		return "duplicate"
	case NoStage:
		return "no staged transaction"
	case NoUpload:
		return "no upload"
	case OutOfPlace:
		return "out of place"
	case NoJob:
		return "no job"
	case NotEmpty:
		return "not empty"
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

// An Outcome is what one operation came to.
type Outcome struct {
	Code    Code
	Created bool      // create: the queue is new
	Queue   QueueID   // create: its id; the others: the queue they named (enqueue: the first target)
	Seqs    []Seq     // enqueue, fire: for each target, 0 where the queue is gone; move: one
	Job     JobID     // schedule, fire, unschedule: the job
	Index   wal.Index // of the log's entry
}

// A Result has an outcome for each operation, in the order in which they were
// added to the batch.
type Result struct {
	Ops []Outcome
}

// newResult makes a result with room for so many outcomes; most batches have
// one, which is then a part of it.
func newResult(n int) *Result {
	if n != 1 {
		return &Result{Ops: make([]Outcome, 0, n)}
	}
	r := &struct {
		Result
		one [1]Outcome
	}{}
	r.Ops = r.one[:0]
	return &r.Result
}
