package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A system is one broker under test, a cluster of three nodes where it has
// replicas. Queues and topics go by plain names such as "a.0"; queues of which
// there are many are called "many.0", "many.1" and so on.
type system interface {
	Name() string
	Start(dir string) error
	Stop()
	Pids() []int
	// Producer gives a pipelined sender to the destinations, in turn.
	Producer(to []destination, window, size int) (producer, error)
	// Consumer receives from the queues and acknowledges each message.
	Consumer(queues []string, prefetch int) (consumer, error)
	// Subscriber is a durable subscriber of the topic; it exists when the call returns.
	Subscriber(topic, name string, prefetch int) (consumer, error)
}

// A destination is a queue or a topic.
type destination struct {
	name  string
	topic bool
}

func queue(name string) destination { return destination{name: name} }

// A producer sends persistent messages.
type producer interface {
	// Send sends as long as the quota grants, at most window of them
	// unconfirmed, and returns when all are confirmed.
	Send(q *quota, lat *latencies) error
	Close()
}

// A consumer receives and acknowledges until the tally is complete, and
// returns when the broker has its acknowledgements.
type consumer interface {
	Receive(t *tally, lat *latencies) error
	Close()
}

// A quota says how many messages producers send together: until the time is
// over or the number is reached, and not faster than rate.
type quota struct {
	until time.Time
	most  int64 // 0: no limit but the time
	every time.Duration
	next  atomic.Int64 // nanoseconds since the epoch of the next send, where every is set
	sent  atomic.Int64
}

// newQuota lasts for d, or until n messages are sent where n is not 0.
func newQuota(d time.Duration, n int) *quota {
	return &quota{until: time.Now().Add(d), most: int64(n)}
}

// paced makes the quota grant n messages a second.
func (q *quota) paced(n int) *quota {
	q.every = time.Second / time.Duration(n)
	q.next.Store(time.Now().UnixNano())
	return q
}

// take grants one message.
func (q *quota) take() bool {
	if q.every > 0 {
		at := time.Unix(0, q.next.Add(int64(q.every)))
		if at.After(q.until) {
			return false
		}
		<-time.After(time.Until(at))
	}
	if n := q.sent.Add(1); (q.most > 0 && n > q.most) || !time.Now().Before(q.until) {
		q.sent.Add(-1)
		return false
	}
	return true
}

// A tally counts what consumers receive together, and ends them.
type tally struct {
	refuse bool          // every message is refused instead of acknowledged
	every  time.Duration // what a consumer takes for a message

	got  atomic.Int64
	goal atomic.Int64
	once sync.Once
	done chan struct{}
}

func newTally() *tally {
	t := &tally{done: make(chan struct{})}
	t.goal.Store(1 << 62)
	return t
}

// add counts one message.
func (t *tally) add() {
	if t.got.Add(1) >= t.goal.Load() {
		t.end()
	}
}

// expect says how many messages there are.
func (t *tally) expect(n int64) {
	t.goal.Store(n)
	if t.got.Load() >= n {
		t.end()
	}
}

func (t *tally) end() { t.once.Do(func() { close(t.done) }) }

func (t *tally) over() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// systems in the order in which they are measured.
var systems = []struct {
	name string
	make func() system
}{
	{"quorate", func() system { return &quorate{} }},
	{"nats", func() system { return newNats(true) }},
	{"nats-default", func() system { return newNats(false) }},
	{"rabbitmq", func() system { return &rabbit{} }},
	{"activemq", func() system { return &activemq{} }},
}

func newSystem(name string) (system, error) {
	var names []string
	for _, s := range systems {
		if s.name == name {
			return s.make(), nil
		}
		names = append(names, s.name)
	}
	return nil, fmt.Errorf("broker %q is not one of %s", name, strings.Join(names, ", "))
}
