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

// nats is three nats-servers with JetStream, streams of three replicas, each
// write flushed (sync_interval: always).
type nats struct {
	children
	urls []string
	mu   sync.Mutex
	made map[string]bool
}

func (n *nats) Name() string { return "nats R3 sync" }

func (n *nats) Start(dir string) error {
	bin := filepath.Join(os.TempDir(), "quorate-bench-nats-server")
	if err := output("go", "build", "-o", bin, "github.com/nats-io/nats-server/v2"); err != nil {
		return err
	}
	ports, err := proc.Ports(6)
	if err != nil {
		return err
	}
	routes := fmt.Sprintf("nats://127.0.0.1:%d, nats://127.0.0.1:%d, nats://127.0.0.1:%d", ports[0], ports[1], ports[2])
	for i := range 3 {
		d := filepath.Join(dir, fmt.Sprintf("n%d", i))
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
		conf := fmt.Sprintf(`server_name: n%d
listen: 127.0.0.1:%d
jetstream { store_dir: %q, sync_interval: always }
cluster { name: bench, listen: 127.0.0.1:%d, routes: [ %s ] }
`, i, ports[3+i], d, ports[i], routes)
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
		c, err := n.connect("ready", 1)
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

// create makes the stream, once; a cluster that has just come up may need
// several tries.
func (n *nats) create(js jetstream.JetStream, queue string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made[queue] {
		return nil
	}
	var err error
	for range 6 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: queue, Subjects: []string{queue},
			Retention: jetstream.WorkQueuePolicy, Replicas: 3, Storage: jetstream.FileStorage})
		cancel()
		if err == nil {
			n.made[queue] = true
			return nil
		}
	}
	return err
}

type natsConn struct {
	nc     *natsgo.Conn
	js     jetstream.JetStream
	queue  string
	window int
	size   int
	cons   jetstream.Consumer
}

func (n *nats) connect(queue string, window int) (*natsConn, error) {
	nc, err := natsgo.Connect(strings.Join(n.urls, ","))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(window))
	if err != nil {
		return nil, err
	}
	if err := n.create(js, queue); err != nil {
		nc.Close()
		return nil, err
	}
	return &natsConn{nc: nc, js: js, queue: queue, window: window}, nil
}

func (n *nats) Producer(queue string, window, size int) (producer, error) {
	c, err := n.connect(queue, window)
	if err != nil {
		return nil, err
	}
	c.size = size
	return c, nil
}

func (c *natsConn) Send(n int, lat *latencies) error {
	slots := make(chan struct{}, c.window)
	type sent struct {
		at time.Time
		f  jetstream.PubAckFuture
	}
	acks := make(chan sent, c.window)
	done := make(chan error, 1)
	go func() {
		ds := make([]time.Duration, 0, n)
		for range n {
			s := <-acks
			select {
			case <-s.f.Ok():
			case err := <-s.f.Err():
				done <- err
				return
			case <-time.After(30 * time.Second):
				done <- errors.New("no acknowledgement for 30 s")
				return
			}
			ds = append(ds, time.Since(s.at))
			<-slots
		}
		lat.add(ds)
		done <- nil
	}()
	for range n {
		select {
		case slots <- struct{}{}:
		case err := <-done:
			return err
		}
		body := make([]byte, c.size)
		now := time.Now()
		binary.BigEndian.PutUint64(body, uint64(now.UnixNano()))
		f, err := c.js.PublishAsync(c.queue, body)
		if err != nil {
			return err
		}
		acks <- sent{now, f}
	}
	return <-done
}

func (n *nats) Consumer(queue string, prefetch int) (consumer, error) {
	c, err := n.connect(queue, prefetch)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c.cons, err = c.js.CreateOrUpdateConsumer(ctx, queue, jetstream.ConsumerConfig{Durable: "bench",
		AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: prefetch})
	return c, err
}

func (c *natsConn) Receive(n int, lat *latencies) error {
	it, err := c.cons.Messages(jetstream.PullMaxMessages(c.window))
	if err != nil {
		return err
	}
	defer it.Stop()
	ds := make([]time.Duration, 0, n)
	for i := range n {
		m, err := it.Next()
		if err != nil {
			return err
		}
		ds = append(ds, time.Duration(time.Now().UnixNano()-int64(binary.BigEndian.Uint64(m.Data()))))
		if i == n-1 {
			err = m.DoubleAck(context.Background())
		} else {
			err = m.Ack()
		}
		if err != nil {
			return err
		}
	}
	lat.add(ds)
	return nil
}

func (c *natsConn) Close() { c.nc.Close() }
