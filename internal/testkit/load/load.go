// Package load drives producers and consumers over STOMP for as long as a test
// wants, through every change of master, and records all in a history. An
// attempt whose receipt did not come is never repeated under its name: it is
// unknown, may appear once, and counts as sent only.
package load

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quorate/quorate/internal/testkit/history"
	"github.com/quorate/quorate/internal/testkit/wire"
)

// A Plan says what to drive.
type Plan struct {
	Addrs     []string // STOMP addresses of all nodes; one of them is the master
	Queues    []string // destinations; producer i sends to Queues[i%len], consumers likewise
	Producers int
	Consumers int
	Window    int // sends in flight a producer
	Size      int // bytes of a body, at least the key's
	Name      string
	Volatile  bool // non-persistent
	Prefetch  int
	Tx        int // messages a transaction; 0: no transactions

	Connect   []string                     // further headers of a consumer's CONNECT
	From      []string                     // where consumers take from; nil: Queues
	Headers   func(k history.Key) []string // further headers of SEND; may be nil
	Subscribe func(consumer int) []string  // further headers of SUBSCRIBE; may be nil
	Hasty     int                          // a consumer breaks its connection after so many messages; 0: never
}

// A Run is a plan under way.
type Run struct {
	plan          Plan
	History       *history.History
	producers     sync.WaitGroup
	consumers     sync.WaitGroup
	stopProducers context.CancelFunc
	stopConsumers context.CancelFunc
}

// Start starts the plan. The context bounds it.
func Start(ctx context.Context, p Plan) *Run { return start(ctx, history.New(), p) }

// Consume starts the consumers of a plan only, and records in a history that
// another run began.
func Consume(ctx context.Context, h *history.History, p Plan) *Run {
	p.Producers = 0
	return start(ctx, h, p)
}

func start(ctx context.Context, h *history.History, p Plan) *Run {
	r := &Run{plan: p, History: h}
	pctx, cancelP := context.WithCancel(ctx)
	cctx, cancelC := context.WithCancel(ctx)
	r.stopProducers, r.stopConsumers = cancelP, cancelC
	for i := range p.Consumers {
		r.consumers.Add(1)
		go func() { defer r.consumers.Done(); r.consume(cctx, i) }()
	}
	for i := range p.Producers {
		r.producers.Add(1)
		go func() { defer r.producers.Done(); r.produce(pctx, i) }()
	}
	return r
}

// StopProducers ends the producers after their last receipts, or at once where
// they have no connection.
func (r *Run) StopProducers() { r.stopProducers(); r.producers.Wait() }

// Drain waits until every confirmed message was received, or the context ends.
func (r *Run) Drain(ctx context.Context) error {
	for {
		changed := r.History.Changed()
		if r.History.Drained() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			missing := r.History.Missing()
			return fmt.Errorf("%d confirmed messages not received, %v among them: %w", len(missing), missing[0], ctx.Err())
		}
	}
}

// Stop ends everything that still runs.
func (r *Run) Stop() {
	r.StopProducers()
	r.stopConsumers()
	r.consumers.Wait()
}

// connect tries the addresses in turn until one accepts or ctx ends.
func connect(ctx context.Context, addrs []string, start int, headers ...string) *wire.Conn {
	for n := start; ctx.Err() == nil; n++ {
		c, err := wire.Dial(addrs[n%len(addrs)], 500*time.Millisecond, headers...)
		if err == nil {
			return c
		}
		if n%len(addrs) == len(addrs)-1 {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

func (r *Run) produce(ctx context.Context, i int) {
	name := r.plan.Name + "p" + strconv.Itoa(i)
	seq := 0
	for ctx.Err() == nil {
		c := connect(ctx, r.plan.Addrs, i)
		if c == nil {
			return
		}
		p := &producer{r: r, c: c, name: name, queue: r.plan.Queues[i%len(r.plan.Queues)],
			slots: make(chan struct{}, max(r.plan.Window, 1)), gone: make(chan struct{})}
		seq = p.run(ctx, seq)
	}
}

// A producer is one connection of one producer.
type producer struct {
	r     *Run
	c     *wire.Conn
	name  string
	queue string
	slots chan struct{} // one for each send in flight
	gone  chan struct{} // closed when the connection broke

	mu      sync.Mutex
	pending map[string][]history.Key
}

func (p *producer) run(ctx context.Context, seq int) int {
	p.pending = map[string][]history.Key{}
	var reader sync.WaitGroup
	reader.Add(1)
	go func() { defer reader.Done(); defer close(p.gone); p.receipts() }()
	for ctx.Err() == nil {
		select {
		case p.slots <- struct{}{}:
		case <-p.gone:
			p.c.Close()
			return seq
		case <-ctx.Done():
			continue
		}
		next, err := p.send(seq)
		seq = next
		if err != nil {
			p.c.Close()
			break
		}
	}
	if ctx.Err() != nil { // stopped: let the receipts come in
		deadline := time.After(5 * time.Second)
		for range cap(p.slots) {
			select {
			case p.slots <- struct{}{}:
			case <-p.gone:
			case <-deadline:
			}
		}
	}
	p.c.Close()
	reader.Wait()
	return seq
}

// send sends one message or one transaction and returns the last sequence used.
func (p *producer) send(seq int) (int, error) {
	n := max(p.r.plan.Tx, 1)
	var keys []history.Key
	var b []byte
	receipt := "r" + strconv.Itoa(seq+1)
	var tx []string
	if p.r.plan.Tx > 0 {
		tx = []string{"transaction", receipt}
		b = wire.Append(b, "BEGIN", nil, tx...)
	}
	for range n {
		seq++
		k := history.Key{Producer: p.name, Seq: seq}
		keys = append(keys, k)
		p.r.History.Sent(k)
		headers := append([]string{"destination", p.queue, "persistent", strconv.FormatBool(!p.r.plan.Volatile)}, tx...)
		if p.r.plan.Headers != nil {
			headers = append(headers, p.r.plan.Headers(k)...)
		}
		if tx == nil {
			headers = append(headers, "receipt", receipt)
		}
		b = wire.Append(b, "SEND", p.body(k), headers...)
	}
	if tx != nil {
		b = wire.Append(b, "COMMIT", nil, append(tx, "receipt", receipt)...)
	}
	p.mu.Lock()
	p.pending[receipt] = keys
	p.mu.Unlock()
	_, err := p.c.Conn.Write(b)
	return seq, err
}

func (p *producer) body(k history.Key) []byte {
	b := []byte(k.String() + " ")
	for len(b) < p.r.plan.Size {
		b = append(b, '.')
	}
	return b
}

func (p *producer) receipts() {
	for {
		f, err := p.c.Read()
		if err != nil {
			return
		}
		if f.Command != "RECEIPT" {
			return // an ERROR: the connection is over
		}
		id := f.Headers["receipt-id"]
		p.mu.Lock()
		keys := p.pending[id]
		delete(p.pending, id)
		p.mu.Unlock()
		for _, k := range keys {
			p.r.History.Confirmed(k)
		}
		<-p.slots
	}
}

func (r *Run) consume(ctx context.Context, i int) {
	for n := 0; ctx.Err() == nil; n++ {
		c := connect(ctx, r.plan.Addrs, i, r.plan.Connect...)
		if c == nil {
			return
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		r.drainConn(c, i, fmt.Sprintf("c%d/%d", i, n))
		stop()
		c.Close()
	}
}

// drainConn receives and acknowledges until the connection ends.
func (r *Run) drainConn(c *wire.Conn, i int, name string) {
	from := r.plan.From
	if from == nil {
		from = r.plan.Queues
	}
	queue := from[i%len(from)]
	headers := []string{"id", "1", "destination", queue, "ack", "client-individual", "activemq.prefetchSize", strconv.Itoa(max(r.plan.Prefetch, 1))}
	if r.plan.Subscribe != nil {
		headers = append(headers, r.plan.Subscribe(i)...)
	}
	if c.Write("SUBSCRIBE", nil, headers...) != nil {
		return
	}
	waiting := map[string]*history.Delivery{}
	for n := 0; r.plan.Hasty == 0 || n < r.plan.Hasty; n++ {
		f, err := c.Read()
		if err != nil {
			return
		}
		switch f.Command {
		case "MESSAGE":
			id := f.Headers["ack"]
			waiting[id] = r.History.Received(history.Delivery{
				Key: parseKey(f.Body), Queue: queue, Consumer: name, Redelivered: f.Headers["redelivered"] == "true"})
			if c.Write("ACK", nil, "id", id, "receipt", id) != nil {
				return
			}
		case "RECEIPT":
			id := f.Headers["receipt-id"]
			if d := waiting[id]; d != nil {
				r.History.Acked(d)
				delete(waiting, id)
			}
		default:
			return
		}
	}
}

func parseKey(body []byte) history.Key {
	word, _, _ := strings.Cut(string(body), " ")
	producer, seq, _ := strings.Cut(word, ":")
	n, err := strconv.Atoi(seq)
	if err != nil {
		return history.Key{Producer: "unreadable " + word}
	}
	return history.Key{Producer: producer, Seq: n}
}
