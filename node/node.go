// Package node is one running node, the only room that knows everybody: it
// opens the store and the replicated log, lets a driver of the election say
// when to stand, follows the role, and starts and stops the services that a
// master has. The order of promotion and demotion stands in reign.go, once.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/quorate/quorate/broker"
	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/console"
	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/store"
)

// A Node is one node. New makes it, Run runs it, once.
type Node struct {
	cfg       *config.Config
	report    *config.Report // that came with cfg
	messaging broker.Config  // without what belongs to a reign
	log       *slog.Logger
	version   string
	started   time.Time
	id        string // as ActiveMQ's lines show a broker

	store   *store.Store
	spill   *store.Spill
	replica *replica.Node
	driver  driver

	stopOnce sync.Once
	stop     chan struct{} // closed when a graceful stop was asked for
	done     chan struct{} // closed when Run has returned
	failed   chan error    // something that only a restart can mend

	mu struct {
		sync.Mutex
		broker     *broker.Broker // while this node serves
		connectors []*connector
		stopping   bool
		failure    error
	}
}

// New makes a node of a configuration and the report on it. Nothing is opened yet. An error names the
// lines of the file that cannot be taken up.
func New(cfg *config.Config, report *config.Report, log *slog.Logger, version string) (*Node, error) {
	messaging, err := Messaging(cfg)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	now := time.Now()
	return &Node{
		cfg: cfg, report: report, messaging: messaging, log: log, version: version, started: now,
		id:   fmt.Sprintf("ID:%s-%d-%d-0:1", host, os.Getpid(), now.UnixMilli()),
		stop: make(chan struct{}), done: make(chan struct{}), failed: make(chan error, 1),
	}, nil
}

// Run opens the node and runs it until ctx ends, or until a graceful stop is
// complete. An error is one that the operator has to mend.
func (n *Node) Run(ctx context.Context) error {
	defer close(n.done)
	endpoint, err := console.Listen(n.cfg.AdminSocket)
	if err != nil {
		return err
	}
	if err := n.open(); err != nil {
		endpoint.Close()
		return errors.Join(err, n.close())
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	problems := make(chan error, 3)
	run := func(what string, f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && !errors.Is(err, context.Canceled) {
				problems <- fmt.Errorf("%s: %w", what, err)
				cancel()
			}
		})
	}
	run("replication", n.replica.Run)
	run("election", n.driver.Run)
	run("management", func(ctx context.Context) error { return console.New(n, n.log).Run(ctx, endpoint) })
	n.follow(ctx)
	cancel()
	wg.Wait()
	close(problems)
	err = n.close()
	for p := range problems {
		err = errors.Join(p, err)
	}
	n.say(logline.StoreStopped, n.cfg.Store.Dir)
	return err
}

// Stop begins a graceful stop, the mastership being handed over first, and
// returns at once. Run returns when it is complete.
func (n *Node) Stop() { n.stopOnce.Do(func() { close(n.stop) }) }

// Done is closed when Run has returned.
func (n *Node) Done() <-chan struct{} { return n.done }

// spillSlack is what the temporary store takes beyond the limit at which senders
// are held up: messages that were on their way to it then.
const spillSlack = 128 << 20

// open opens store, log and driver, in this order.
func (n *Node) open() error {
	s := n.cfg.Store
	n.greet()
	n.announce()
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	var err error
	n.store, err = store.Open(filepath.Join(s.Dir, "store"), store.Options{
		GenerationLog: s.GenerationSize, Cache: s.CacheSize, Logger: n.log, Fatal: n.fail,
	})
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", s.Dir, err)
	}
	spill := store.SpillOptions{Limit: n.cfg.Usage.Temp, Logger: n.log}
	if spill.Limit < math.MaxInt64-spillSlack {
		spill.Limit += spillSlack
	}
	n.spill, err = store.OpenSpill(filepath.Join(s.Dir, "spill"), spill)
	if err != nil {
		return fmt.Errorf("open the temporary store in %s: %w", s.Dir, err)
	}
	n.replica, err = replica.Open(replica.Config{
		Dir: s.Dir, Seat: s.Seat(), Replicas: s.Replicas, Weight: s.Weight,
		Token: s.SecurityToken, Bind: bind(s), Advertise: advertise(s), Network: link.TCP{},
		Machine: n.store, Logger: n.log,
		Limits: replica.Limits{SegmentBytes: s.SegmentSize, LogBytes: s.LogLimit, Surplus: s.ReplaceAfter},
	})
	if err != nil {
		return fmt.Errorf("open the log in %s: %w", s.Dir, err)
	}
	n.store.SetLog(replicated{Node: n.replica})
	n.driver, err = n.newDriver()
	return err
}

// bind gives where links are accepted. A node alone has none; its port is on
// loopback, and nobody is told of it.
func bind(s config.Store) string {
	if s.Election == config.Alone {
		return "127.0.0.1:0"
	}
	return s.Bind
}

// advertise gives where other nodes find this one's links.
func advertise(s config.Store) string {
	switch {
	case s.Election == config.Alone:
		return ""
	case s.ConnectURL != "":
		return s.ConnectURL
	case s.Election == config.Peers:
		return s.Self
	}
	return s.Hostname
}

func (n *Node) close() error {
	var err error
	if n.replica != nil {
		err = n.replica.Close()
	}
	if n.spill != nil {
		err = errors.Join(err, n.spill.Close())
	}
	if n.store != nil {
		err = errors.Join(err, n.store.Close())
	}
	return err
}

// fail notes that the store can go on no more. The node stays up to tell so,
// and does not serve again until a person has restarted it.
func (n *Node) fail(err error) {
	n.mu.Lock()
	if n.mu.failure == nil {
		n.mu.failure = err
	}
	n.mu.Unlock()
	n.log.Error("The store failed: this node does not serve until it is restarted", "error", err)
	select {
	case n.failed <- err:
	default:
	}
}

func (n *Node) say(l *logline.Line, args ...any) { l.Log(n.log, args...) }
