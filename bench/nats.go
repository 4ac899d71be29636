package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// nats is three nats-servers with JetStream and streams of three replicas, each
// write flushed (sync_interval: always), or with its default: every two minutes.
type nats struct {
	children
	always bool
	urls   []string
	mu     sync.Mutex
	made   map[string]bool
}

func newNats(always bool) *nats { return &nats{always: always, made: map[string]bool{}} }

func (n *nats) Name() string {
	if n.always {
		return "NATS R3, always synced"
	}
	return "NATS R3, default sync"
}

func (n *nats) Start(dir string) error {
	root, err := proc.Root()
	if err != nil {
		return err
	}
	bin := filepath.Join(dir, "nats-server")
	if err := output("go", "build", "-C", filepath.Join(root, "bench"), "-o", bin, "github.com/nats-io/nats-server/v2"); err != nil {
		return absent(fmt.Sprintf("not built, its module is needed: %v", err))
	}
	ports, err := proc.Ports(6)
	if err != nil {
		return err
	}
	routes := fmt.Sprintf("nats://127.0.0.1:%d, nats://127.0.0.1:%d, nats://127.0.0.1:%d", ports[0], ports[1], ports[2])
	sync := ""
	if n.always {
		sync = ", sync_interval: always"
	}
	for i := range 3 {
		d := filepath.Join(dir, fmt.Sprintf("n%d", i))
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
		conf := fmt.Sprintf(`server_name: n%d
listen: 127.0.0.1:%d
jetstream { store_dir: %q%s }
cluster { name: bench, listen: 127.0.0.1:%d, routes: [ %s ] }
`, i, ports[3+i], d, sync, ports[i], routes)
		if err := os.WriteFile(d+".conf", []byte(conf), 0o644); err != nil {
			return err
		}
		if err := n.start(d+".log", nil, bin, "-c", d+".conf"); err != nil {
			return err
		}
		n.urls = append(n.urls, fmt.Sprintf("nats://127.0.0.1:%d", ports[3+i]))
	}
	for i := range 3 {
		if err := waitPort(fmt.Sprintf("127.0.0.1:%d", ports[3+i]), 10*time.Second); err != nil {
			return err
		}
	}
	return n.ready()
}

// ready waits until streams can be made.
func (n *nats) ready() error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		c, err := n.connect(1, queue("ready"))
		if err == nil {
			c.Close()
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		<-time.After(200 * time.Millisecond)
	}
}

// stream gives the stream of a destination: one for each, but many queues are
// subjects of one, since a thousand streams would be a thousand raft groups.
func (d destination) stream() string {
	if strings.HasPrefix(d.name, "many.") {
		return "many"
	}
	return strings.ReplaceAll(d.name, ".", "-")
}

// create makes the stream, once; a cluster that has just come up may need
// several tries.
func (n *nats) create(js jetstream.JetStream, d destination) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := d.stream()
	if n.made[name] {
		return nil
	}
	conf := jetstream.StreamConfig{Name: name, Subjects: []string{d.name}, Retention: jetstream.WorkQueuePolicy, Replicas: 3, Storage: jetstream.FileStorage}
	if name == "many" {
		conf.Subjects = []string{"many.*"}
	}
	if d.topic {
		conf.Retention = jetstream.InterestPolicy
	}
	var err error
	for range 6 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err = js.CreateOrUpdateStream(ctx, conf)
		cancel()
		if err == nil {
			n.made[name] = true
			return nil
		}
	}
	return fmt.Errorf("stream %s: %w", name, err)
}

type natsConn struct {
	nc       *natsgo.Conn
	js       jetstream.JetStream
	to       []destination
	window   int
	bodies   *bodies
	consumer jetstream.Consumer
}

func (n *nats) connect(window int, to ...destination) (*natsConn, error) {
	nc, err := natsgo.Connect(strings.Join(n.urls, ","))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(window))
	for i := 0; i < len(to) && err == nil; i++ {
		err = n.create(js, to[i])
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &natsConn{nc: nc, js: js, to: to, window: window}, nil
}

func (n *nats) Producer(to []destination, window, size int) (producer, error) {
	c, err := n.connect(window, to...)
	if err != nil {
		return nil, err
	}
	c.bodies = newBodies(size)
	return c, nil
}

// A natsSent is a message under way.
type natsSent struct {
	at     time.Time
	future jetstream.PubAckFuture
}

func (c *natsConn) Send(q *quota, lat *latencies) error {
	slots := make(chan struct{}, c.window)
	sent := make(chan natsSent, c.window)
	done := make(chan error, 1)
	go func() { done <- natsAcks(sent, slots, lat) }()
	defer close(sent)
	for i := 0; ; i++ {
		select {
		case slots <- struct{}{}:
		case err := <-done:
			return err
		}
		if !q.take() {
			break
		}
		now := time.Now()
		f, err := c.js.PublishAsync(c.to[i%len(c.to)].name, append([]byte(nil), c.bodies.next(now)...))
		if err != nil {
			return err
		}
		sent <- natsSent{now, f}
	}
	sent <- natsSent{}
	return <-done
}

// natsAcks takes the acknowledgement of each message until the empty one.
func natsAcks(sent <-chan natsSent, slots <-chan struct{}, lat *latencies) error {
	var ds []time.Duration
	for s := range sent {
		if s.future == nil {
			lat.add(ds)
			return nil
		}
		select {
		case <-s.future.Ok():
		case err := <-s.future.Err():
			return err
		case <-time.After(30 * time.Second):
			return errors.New("no acknowledgement for 30 s")
		}
		ds = append(ds, time.Since(s.at))
		<-slots
	}
	return nil
}

func (n *nats) Consumer(queues []string, prefetch int) (consumer, error) {
	conf := jetstream.ConsumerConfig{Durable: "bench"}
	if d := queue(queues[0]); d.stream() == "many" {
		conf.Durable = strings.ReplaceAll(d.name, ".", "-")
		conf.FilterSubjects = queues
	}
	return n.consume(queue(queues[0]), conf, prefetch)
}

func (n *nats) Subscriber(topic, name string, prefetch int) (consumer, error) {
	return n.consume(destination{topic, true}, jetstream.ConsumerConfig{Durable: name}, prefetch)
}

func (n *nats) consume(d destination, conf jetstream.ConsumerConfig, prefetch int) (consumer, error) {
	c, err := n.connect(prefetch, d)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conf.AckPolicy, conf.MaxAckPending = jetstream.AckExplicitPolicy, prefetch
	c.consumer, err = c.js.CreateOrUpdateConsumer(ctx, d.stream(), conf)
	return c, err
}

func (c *natsConn) Receive(t *tally, lat *latencies) error {
	it, err := c.consumer.Messages(jetstream.PullMaxMessages(c.window))
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-t.done:
		case <-ended:
		}
		it.Stop()
	}()
	var ds []time.Duration
	for !t.over() {
		m, err := it.Next()
		if err == nil {
			ds = append(ds, time.Duration(time.Now().UnixNano()-int64(binary.BigEndian.Uint64(m.Data()))))
			if t.every > 0 {
				<-time.After(t.every)
			}
			if t.refuse {
				err = m.Nak()
			} else {
				err = m.Ack()
			}
		}
		if err != nil {
			if t.over() {
				break
			}
			t.end()
			return err
		}
		t.add()
	}
	lat.add(ds)
	return c.nc.FlushTimeout(10 * time.Second) // the servers have read the acknowledgements
}

func (c *natsConn) Close() { c.nc.Close() }
