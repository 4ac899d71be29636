package broker

import (
	"github.com/quorate/quorate/store"
	"github.com/quorate/quorate/wal"
)

// A Writer takes operations. done is called once for each batch, in the order
// of the calls, on the goroutine that applies the log; it must be quick.
type Writer interface {
	Propose(b *store.Batch, done func(store.Result, error))
}

// A Directory knows the queues.
type Directory interface {
	Queues() []store.QueueInfo
	Queue(id store.QueueID) (store.QueueInfo, bool)
}

// A Reader reads pending messages, in order.
type Reader interface {
	Load(q store.QueueID, after store.Pos, n, maxBytes int) ([]store.Stored, error)
	Body(q store.QueueID, st *store.Stored) ([]byte, error)
	ReignIndex() wal.Index
}

// A Timetable has the messages that wait for their time, in its order.
type Timetable interface {
	Jobs(after store.JobPos, n, maxBytes int) ([]store.Job, error)
	Job(id store.JobID) (store.Job, error)
	JobBody(j *store.Job) ([]byte, error)
}

// Store is the durable state, as the broker uses it.
type Store interface {
	Writer
	Directory
	Reader
	Timetable
	Usage() store.Usage
}
