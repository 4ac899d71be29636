package zookeeper

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/quorate/quorate/cluster"
	testzk "github.com/quorate/quorate/internal/testkit/zookeeper"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/seat"
)

const path = "/activemq/leveldb-stores"

// scripted is a replica whose state the test sets. What the driver asks of it is
// noted.
type scripted struct {
	mu      sync.Mutex
	st      replica.Status
	changed chan struct{}
	stands  int
	forgets int
	addrs   []string
	address string
	founded [][]byte
}

func newScripted(id replica.ID) *scripted {
	s := &scripted{changed: make(chan struct{}), address: "127.0.0.1:" + cluster.NodeText(id)[12:]}
	s.st = replica.Status{ID: id, Empty: true, Role: replica.Learner}
	return s
}

func (s *scripted) set(f func(*replica.Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.st)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *scripted) Status() replica.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.st
	st.Peers = slices.Clone(s.st.Peers)
	return st
}

func (s *scripted) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *scripted) Stand()  { s.mu.Lock(); s.stands++; s.mu.Unlock() }
func (s *scripted) Forget() { s.mu.Lock(); s.forgets++; s.mu.Unlock() }

func (s *scripted) SetAddresses(a []string) { s.mu.Lock(); s.addrs = a; s.mu.Unlock() }
func (s *scripted) Address() string         { return s.address }

func (s *scripted) Found(table []byte) error {
	t, err := seat.Decode(table)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.founded = append(s.founded, table)
	s.mu.Unlock()
	s.set(func(st *replica.Status) {
		st.Founded, st.Empty, st.Role, st.Table = true, false, replica.Follower, t
		st.Term, st.LastTerm, st.LastIndex = 1, 1, 1
	})
	return nil
}

func (s *scripted) asked() (stands, forgets int, addrs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stands, s.forgets, s.addrs
}

// connect makes the scripted nodes see each other over links.
func connect(nodes ...*scripted) {
	for _, a := range nodes {
		a.set(func(st *replica.Status) {
			st.Peers = nil
			for _, b := range nodes {
				if b != a {
					st.Peers = append(st.Peers, replica.PeerStatus{ID: b.st.ID, Up: true, Reported: true, Founded: true, LastTerm: 1, LastIndex: 1})
				}
			}
		})
	}
}

// lines collects a node's log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rig is one driver with its replica.
type rig struct {
	*Driver
	r    *scripted
	log  *lines
	stop func() // ends it and waits
}

func start(t *testing.T, e *testzk.Ensemble, id replica.ID, change func(*Config)) *rig {
	t.Helper()
	g := &rig{r: newScripted(id), log: &lines{}}
	c := Config{
		Replica: g.r, Addresses: e.Addrs(), Path: path, SessionTimeout: 2 * time.Second,
		BrokerName: "ganinfo_mq", Weight: 1, Replicas: 3, Seat: "seat-" + cluster.NodeText(id)[15:],
		Logger: slog.New(slog.NewTextHandler(g.log, nil)),
	}
	if change != nil {
		change(&c)
	}
	g.Driver = New(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Run(ctx)
	}()
	g.stop = func() { cancel(); <-done }
	t.Cleanup(func() {
		g.stop()
		if t.Failed() {
			t.Logf("log of node %x:\n%s", uint64(id), g.log)
		}
	})
	return g
}

// await polls until ok, for what happens in another process.
func await(t *testing.T, what string, limit time.Duration, ok func() bool) time.Duration {
	t.Helper()
	began, tick := time.Now(), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(began)
}

// observer is a plain client of the ensemble.
func observer(t *testing.T, e *testzk.Ensemble) *zk.Conn {
	t.Helper()
	c, _, err := zk.Connect(e.Addrs(), 10*time.Second, zk.WithLogger(quiet{slog.New(slog.DiscardHandler)}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func children(t *testing.T, c *zk.Conn) map[string]string {
	t.Helper()
	all := map[string]string{}
	names, _, err := c.Children(path)
	if err != nil {
		return all
	}
	for _, n := range names {
		if data, _, err := c.Get(path + "/" + n); err == nil {
			all[n] = string(data)
		}
	}
	return all
}
