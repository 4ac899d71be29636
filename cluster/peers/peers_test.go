package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/internal/testkit/proc"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/link"
	"github.com/quorate/quorate/wal"
)

// counter is a Machine that only counts what was applied. It keeps nothing: the
// log is replayed into it from its beginning.
type counter struct {
	kept  wal.Index // of a state that an earlier life left
	mu    sync.Mutex
	index wal.Index
	term  uint64
	table []byte
	n     int
}

func (c *counter) Applied() (wal.Index, uint64, []byte) { return c.kept, 1, nil }

func (c *counter) Apply(i wal.Index, term uint64, _ int, _ []byte) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

func (c *counter) Settle(i wal.Index, term uint64, table []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index, c.term = i, term
	if table != nil {
		c.table = table
	}
}

func (c *counter) Low() wal.Index { return 0 }

func (c *counter) Checkpoint(string) (wal.Index, uint64, []byte, error) {
	return 0, 0, nil, errors.New("there are no checkpoints of a counter")
}

func (c *counter) Restore(string) error { return errors.New("a counter cannot be restored") }

// lines collects a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// member is a node of the list with real links on loopback and a disk in memory.
type member struct {
	t     *testing.T
	addr  string
	list  []string
	disk  *vfs.MemFS
	kept  wal.Index // of a state that is there although log and identity are gone
	log   *lines
	node  *replica.Node
	kill  context.CancelFunc
	ended sync.WaitGroup
}

// members gives a list of n nodes, none of which runs.
func members(t *testing.T, n int) []*member {
	t.Helper()
	ports, err := proc.Ports(n)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, p := range ports {
		list = append(list, fmt.Sprintf("127.0.0.1:%d", p))
	}
	var all []*member
	for _, addr := range list {
		m := &member{t: t, addr: addr, list: list, disk: vfs.NewMem(), log: &lines{}}
		all = append(all, m)
		t.Cleanup(func() {
			m.stop()
			if t.Failed() {
				t.Logf("log of %s:\n%s", m.addr, m.log)
			}
		})
	}
	return all
}

func (m *member) start() {
	m.t.Helper()
	log := slog.New(slog.NewTextHandler(m.log, nil))
	node, err := replica.Open(replica.Config{
		Dir: "node", FS: m.disk, Seat: m.addr, Replicas: len(m.list), Bind: m.addr, Advertise: m.addr,
		Network: link.TCP{}, Machine: &counter{kept: m.kept}, Logger: log,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.node, m.kill = node, cancel
	d := New(Config{Replica: node, Peers: m.list, Self: m.addr, Replicas: len(m.list), Logger: log})
	m.ended.Go(func() { _ = node.Run(ctx) })
	m.ended.Go(func() { _ = d.Run(ctx) })
}

// stop breaks the node's links without a word, and waits for its end.
func (m *member) stop() {
	if m.kill != nil {
		m.kill()
		m.ended.Wait()
		m.kill = nil
	}
}

// until waits for a state of the node.
func (m *member) until(what string, ok func(replica.Status) bool) {
	m.t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		changed := m.node.Changed()
		if ok(m.node.Status()) {
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-limit.C:
			m.t.Fatalf("%s: not in time: %s", m.addr, what)
		}
	}
}

// leader waits until all nodes follow one of them.
func leader(all ...*member) *member {
	var id replica.ID
	all[0].until("a leader", func(st replica.Status) bool { id = st.Leader; return id != 0 })
	for _, m := range all {
		m.until("the same leader", func(st replica.Status) bool { return st.Leader != 0 })
		id = m.node.Status().Leader
	}
	for _, m := range all {
		if m.node.Status().ID == id {
			return m
		}
	}
	return nil
}

func TestFoundingNeedsAll(t *testing.T) {
	all := members(t, 3)
	all[0].start()
	all[1].start()
	want := "Waiting for 1 of 3 nodes to found the cluster: " + all[2].addr
	all[0].until("told who is missing", func(replica.Status) bool { return strings.Contains(all[0].log.String(), want) })
	if all[0].node.Status().Founded || all[1].node.Status().Founded {
		t.Fatal("founded without the third")
	}
	all[2].start()
	for _, m := range all {
		m.until("founded", func(st replica.Status) bool { return st.Founded })
	}
	cluster := all[0].node.Status().Table.Cluster
	for _, m := range all {
		if got := m.node.Status().Table.Cluster; got != cluster {
			t.Errorf("%s is in cluster %x, not %x", m.addr, got, cluster)
		}
	}
	leader(all...)
}

// TestOrphanIsNotEmpty is a list of which one node has lost its log and kept its
// state: a cluster founded with it would replace that state by nothing.
func TestOrphanIsNotEmpty(t *testing.T) {
	all := members(t, 3)
	all[1].kept = 7
	for _, m := range all {
		m.start()
	}
	want := all[1].addr + " has a store without a cluster: a person has to look at it"
	all[0].until("told of the store", func(st replica.Status) bool {
		return st.Founded || strings.Contains(all[0].log.String(), want)
	})
	for _, m := range all {
		if m.node.Status().Founded {
			t.Errorf("%s founded beside a store without a cluster", m.addr)
		}
	}
}

// TestFailover takes the leader away and measures how long there is none.
func TestFailover(t *testing.T) {
	all := members(t, 3)
	for _, m := range all {
		m.start()
	}
	var took []time.Duration
	for range 5 {
		old := leader(all...)
		rest := slices.DeleteFunc(slices.Clone(all), func(m *member) bool { return m == old })
		began := time.Now()
		old.kill()
		for _, m := range rest {
			id := old.node.Status().ID
			m.until("another leader", func(st replica.Status) bool { return st.Leader != 0 && st.Leader != id })
		}
		took = append(took, time.Since(began))
		old.stop()
		old.start()
	}
	slices.Sort(took)
	t.Logf("without a leader, the last steps of the old one included: %v", took)
	if took[len(took)/2] > 500*time.Millisecond {
		t.Errorf("a failover takes %v", took[len(took)/2])
	}
}

// TestAlone is a node whose list is itself.
func TestAlone(t *testing.T) {
	m := members(t, 1)[0]
	m.start()
	m.until("leads", func(st replica.Status) bool { return st.Role == replica.Leader })
}
