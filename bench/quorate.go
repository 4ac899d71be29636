package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// quorateTemp limits the disk for non-persistent messages, which only the
// isolation of a producer at its limit uses.
const quorateTemp = 64 << 20

// quorate is three nodes that elect among themselves.
type quorate struct {
	children
	dir   string
	stomp []string
}

func (q *quorate) Name() string { return "Quorate" }

func (q *quorate) Start(dir string) error {
	bin, err := proc.Binary()
	if err != nil {
		return err
	}
	if other := os.Getenv("QUORATE_BENCH_BINARY"); other != "" {
		bin = other // another build, to compare
	}
	q.dir = dir
	ports, err := proc.Ports(6)
	if err != nil {
		return err
	}
	peers := fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", ports[0], ports[1], ports[2])
	for i := range 3 {
		d := filepath.Join(dir, fmt.Sprintf("n%d", i))
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
		q.stomp = append(q.stomp, fmt.Sprintf("127.0.0.1:%d", ports[3+i]))
		xml := fmt.Sprintf(`<broker xmlns="http://activemq.apache.org/schema/core" brokerName="bench" dataDirectory="%s">
  <persistenceAdapter><replicatedLevelDB directory="%s/store" replicas="3" bind="tcp://127.0.0.1:%d" hostname="127.0.0.1" sync="quorum_disk" peers="%s"/></persistenceAdapter>
  <systemUsage><systemUsage><tempUsage><tempUsage limit="%d"/></tempUsage></systemUsage></systemUsage>
  <transportConnectors><transportConnector name="stomp" uri="stomp://%s"/></transportConnectors>
</broker>`, d, d, ports[i], peers, quorateTemp, q.stomp[i])
		if err := os.WriteFile(d+".xml", []byte(xml), 0o644); err != nil {
			return err
		}
		if err := q.start(d+".log", nil, bin, "console", "--config", d+".xml"); err != nil {
			return err
		}
	}
	c, err := q.master("")
	if err == nil {
		c.Close()
	}
	return err
}

// master connects to the node that accepts clients.
func (q *quorate) master(login string) (*stompConn, error) {
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		for _, a := range q.stomp {
			if c, err := dialStomp(a, login); err == nil {
				return c, nil
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	return nil, errors.New("no master")
}

func (q *quorate) Producer(to []destination, window, size int) (producer, error) {
	c, err := q.master("")
	if err != nil {
		return nil, err
	}
	return c.producer(to, "", window, size), nil
}

func (q *quorate) Consumer(queues []string, prefetch int) (consumer, error) {
	c, err := q.master("")
	if err != nil {
		return nil, err
	}
	return c, c.subscribe(queues, fmt.Sprintf("activemq.prefetchSize:%d\n", prefetch))
}

func (q *quorate) Subscriber(topic, name string, prefetch int) (consumer, error) {
	c, err := q.master("client-id:" + name + "\n")
	if err != nil {
		return nil, err
	}
	return c, c.durable(topic, fmt.Sprintf("activemq.subscriptionName:%s\nactivemq.prefetchSize:%d\n", name, prefetch))
}

// Limited is a producer of non-persistent messages, which nobody consumes: it
// soon fills what there is for them.
func (q *quorate) Limited(name string, size int) (producer, error) {
	c, err := q.master("")
	if err != nil {
		return nil, err
	}
	c.producer([]destination{queue(name)}, "", 100, size)
	c.heads[0] = bytes.Replace(c.heads[0], []byte("persistent:true\n"), nil, 1)
	return c, nil
}
