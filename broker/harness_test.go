package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
	"github.com/quorate/quorate/wal"
)

// A singleLog is a log of one node: its goroutine applies what is proposed, in
// order, one entry each.
type singleLog struct {
	s    *store.Store
	in   inbox[proposal]
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	entries [][]byte
	term    uint64
	hold    chan struct{} // not nil: nothing is applied until it is closed
	fail    error         // not nil: proposals end with it
	came    func()        // not nil: called once, at the next proposal
}

type proposal struct {
	data []byte
	done func(any, error)
}

func (l *singleLog) Propose(data []byte, done func(any, error)) {
	l.in.post(proposal{data, done})
	l.mu.Lock()
	came := l.came
	l.came = nil
	l.mu.Unlock()
	if came != nil {
		came()
	}
}

// proposed has fn called at the next proposal.
func (l *singleLog) proposed(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came = fn
}

func (l *singleLog) Entry(i wal.Index) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i == 0 || int(i) > len(l.entries) {
		return nil, wal.ErrUnavailable
	}
	return l.entries[i-1], nil
}

func (l *singleLog) run() {
	var list []proposal
	for {
		select {
		case <-l.stop:
			return
		case <-l.in.wake:
		}
		list = l.in.take(list)
		for _, p := range list {
			l.apply(p)
		}
	}
}

func (l *singleLog) apply(p proposal) {
	l.mu.Lock()
	hold := l.hold
	l.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-l.stop:
			return
		}
	}
	l.mu.Lock()
	if err := l.fail; err != nil {
		l.mu.Unlock()
		p.done(nil, err)
		return
	}
	l.entries = append(l.entries, p.data)
	index, term := wal.Index(len(l.entries)), l.term
	l.mu.Unlock()
	res := l.s.Apply(index, term, 0, p.data)
	p.done(res, nil)
	l.s.Settle(index, term, nil)
}

// pause keeps proposals waiting until the function is called.
func (l *singleLog) pause() (resume func()) {
	ch := make(chan struct{})
	l.mu.Lock()
	l.hold = ch
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		l.hold = nil
		l.mu.Unlock()
		close(ch)
	}
}

// failWith makes proposals end with err, nil: be applied again.
func (l *singleLog) failWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

// A rig is a broker over a real store.
type rig struct {
	t   testing.TB
	log *singleLog
	st  *store.Store
	b   *Broker
	cfg Config
}

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	st, err := store.Open("store", store.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	l := &singleLog{s: st, stop: make(chan struct{})}
	l.in.init()
	st.SetLog(l)
	l.wg.Go(l.run)
	r := &rig{t: t, log: l, st: st}
	r.cfg = Config{Name: "b", Store: st, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&r.cfg)
	}
	r.reign()
	t.Cleanup(func() {
		r.b.Stop(ErrNotMaster)
		close(l.stop)
		l.wg.Wait()
		st.Close()
	})
	return r
}

// reign begins a reign with a new broker.
func (r *rig) reign() {
	r.t.Helper()
	r.log.mu.Lock()
	r.log.term++
	term := r.log.term
	r.log.mu.Unlock()
	var b store.Batch
	b.Reign(term, 1, 1000)
	ch := make(chan error, 1)
	r.st.Propose(&b, func(_ store.Result, err error) { ch <- err })
	if err := await(r.t, ch); err != nil {
		r.t.Fatal(err)
	}
	r.b = New(r.cfg)
	if err := r.b.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// failover ends the reign as a lost leadership does, and begins the next.
func (r *rig) failover() {
	r.log.failWith(store.ErrUnknown)
	r.b.Stop(ErrUnknown)
	r.log.failWith(nil)
	r.reign()
}

// A client is an Outlet that keeps what it gets.
type client struct {
	t    testing.TB
	c    *Conn
	got  chan *Delivery
	gone chan error

	others []*Delivery // see from
	stuck  atomic.Bool // it reads nothing: what is delivered is not written
}

func (r *rig) connect(id string) *client {
	r.t.Helper()
	o := &client{t: r.t, got: make(chan *Delivery, 100000), gone: make(chan error, 1)}
	c, err := r.b.Connect(ConnInfo{Protocol: "test", ClientID: id, Remote: "r"}, o)
	if err != nil {
		r.t.Fatal(err)
	}
	o.c = c
	return o
}

func (o *client) Deliver(d *Delivery) {
	if !o.stuck.Load() {
		d.Written()
	}
	o.got <- d
}
func (o *client) Close(err error) { o.gone <- err }

const patience = 30 * time.Second

func await[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func queueNamed(name string) message.Destination {
	return message.Destination{Kind: message.Queue, Name: name}
}
func topicNamed(name string) message.Destination {
	return message.Destination{Kind: message.Topic, Name: name}
}

func persistent(d message.Destination, body string) *message.Message {
	return &message.Message{ID: "ID:" + body, Destination: d, Persistent: true, Priority: 4, Body: []byte(body)}
}

func volatileMessage(d message.Destination, body string) *message.Message {
	m := persistent(d, body)
	m.Persistent = false
	return m
}

// until waits for what other goroutines bring about, and fails after a while.
func (r *rig) until(what string, there func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !there(); runtime.Gosched() {
		if time.Now().After(end) {
			r.t.Fatalf("%s: that did not happen", what)
		}
	}
}

// untilDepth waits until as many messages are in a queue as enough wants.
func (r *rig) untilDepth(name string, enough func(n uint64) bool) {
	r.t.Helper()
	r.until(name+" has as many messages as expected", func() bool {
		r.quiet()
		return enough(r.depth(queueNamed(name)))
	})
}

// wait turns a done function into an error.
func wait(t testing.TB, f func(done func(error))) error {
	t.Helper()
	ch := make(chan error, 1)
	f(func(err error) { ch <- err })
	return await(t, ch)
}

func (o *client) send(m *message.Message, tx *Tx) {
	o.t.Helper()
	if err := o.trySend(m, tx); err != nil {
		o.t.Fatal(err)
	}
}

func (o *client) trySend(m *message.Message, tx *Tx) error {
	o.t.Helper()
	return wait(o.t, func(done func(error)) {
		if err := o.c.Send(m, tx, done); err != nil {
			done(err)
		}
	})
}

func (o *client) sends(d message.Destination, from, to int) {
	o.t.Helper()
	ch := make(chan error, to-from+1)
	for i := from; i <= to; i++ {
		if err := o.c.Send(persistent(d, fmt.Sprint(i)), nil, func(err error) { ch <- err }); err != nil {
			o.t.Fatal(err)
		}
	}
	for range to - from + 1 {
		if err := await(o.t, ch); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *client) subscribe(spec Spec) *Subscription {
	o.t.Helper()
	s, err := o.c.Subscribe(spec)
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

// expect takes the next deliveries and holds their bodies to what is wanted.
func (o *client) expect(bodies ...string) []*Delivery {
	o.t.Helper()
	var list []*Delivery
	for _, want := range bodies {
		d := await(o.t, o.got)
		if d.End && want == "end" {
			continue
		}
		if d.End || string(d.Message.Body) != want {
			o.t.Fatalf("got %q (end %v), want %q", bodyOf(d), d.End, want)
		}
		list = append(list, d)
	}
	return list
}

func bodyOf(d *Delivery) string {
	if d.Message == nil {
		return ""
	}
	return string(d.Message.Body)
}

// nothing holds that nothing was delivered, once all that is under way in the
// shards and the log has been handled.
func (o *client) nothing(r *rig) {
	o.t.Helper()
	r.quiet()
	select {
	case d := <-o.got:
		o.t.Fatalf("got %q, want nothing", bodyOf(d))
	default:
	}
}

// quiet waits until everything asked for so far has had its effect: it sends
// a marker through log, shards and loaders, three times.
func (r *rig) quiet() {
	r.t.Helper()
	reign := r.b.current()
	for range 3 {
		ch := make(chan error, 1)
		r.st.Propose(new(store.Batch), func(_ store.Result, err error) { ch <- err })
		await(r.t, ch)
		for _, s := range reign.shards {
			seen := make(chan struct{}, 1)
			s.inbox.post(event{kind: evFunc, call: func() {
				s.loader.inbox.post(request{box: &mailbox{shard: s}, query: &queue.Query{}, then: func(*page) { seen <- struct{}{} }})
			}})
			await(r.t, seen)
		}
	}
}

func ack(t testing.TB, d *Delivery, cumulative bool) {
	t.Helper()
	if err := wait(t, func(done func(error)) { d.Sub.Ack(d, cumulative, nil, done) }); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) depth(d message.Destination) uint64 {
	r.t.Helper()
	for _, s := range r.b.Destinations() {
		if s.Destination == d {
			return s.Pending
		}
	}
	return 0
}

func wantKind(t testing.TB, err error, k Kind) {
	t.Helper()
	if err == nil || KindOf(err) != k {
		t.Fatalf("got %v (%v), want %v", err, KindOf(err), k)
	}
	var e *Error
	if !errors.As(err, &e) || e.Op == "" {
		t.Fatalf("%v has no operation", err)
	}
}

// policyWith gives the default policy, changed.
func policyWith(change func(*Policy)) Policy {
	p := DefaultPolicy()
	change(&p)
	return p
}
