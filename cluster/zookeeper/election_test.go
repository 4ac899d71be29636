package zookeeper

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	testzk "github.com/quorate/quorate/internal/testkit/zookeeper"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/link"
)

// three founds a cluster of three scripted nodes.
func three(t *testing.T, e *testzk.Ensemble, change func(*Config)) []*rig {
	t.Helper()
	var g []*rig
	for id := range replica.ID(3) {
		g = append(g, start(t, e, id+1, change))
	}
	for _, r := range g {
		await(t, "founded", 15*time.Second, func() bool { return r.r.Status().Founded })
	}
	return g
}

func TestFoundingRace(t *testing.T) {
	e := testzk.Start(t)
	g := three(t, e, nil)
	first := g[0].r.Status().Table
	for _, r := range g {
		st := r.r.Status()
		if st.Table.Cluster != first.Cluster || len(st.Table.Seats) != 3 {
			t.Errorf("node %d is in cluster %x of %v", st.ID, st.Table.Cluster, st.Table.Seats)
		}
	}
	// Each knows where the other two are.
	for _, r := range g {
		await(t, "two addresses", 5*time.Second, func() bool { _, _, a := r.r.asked(); return len(a) == 2 })
	}
	// A fourth and empty node does not found: it waits to be taken in.
	late := start(t, e, 4, nil)
	await(t, "late node told", 10*time.Second, func() bool { return late.log.count("waiting for its master") == 1 })
	if late.r.Status().Founded {
		t.Error("a late node has founded")
	}
	await(t, "too many", 5*time.Second, func() bool {
		return g[0].log.count("Too many cluster members are connected.  Expected at most 3 members but there are 4 connected.") > 0
	})
}

func TestFoundingOfTwoLeavesASeatVacant(t *testing.T) {
	e := testzk.Start(t)
	a, b := start(t, e, 1, nil), start(t, e, 2, nil)
	await(t, "founded by two after the patience", 20*time.Second, func() bool { return a.r.Status().Founded && b.r.Status().Founded })
	vacant := 0
	for _, s := range a.r.Status().Table.Seats {
		if s.Vacant {
			vacant++
		}
	}
	if vacant != 1 {
		t.Errorf("%d seats are vacant", vacant)
	}
}

func TestGateAndMembers(t *testing.T) {
	e := testzk.Start(t)
	g := three(t, e, nil)
	connect(g[0].r, g[1].r, g[2].r)
	await(t, "somebody stands", 5*time.Second, func() bool { n, _, _ := g[0].r.asked(); return n > 0 })
	// A master: its address, and its sequence in everybody's data.
	for _, r := range g {
		r.r.set(func(st *replica.Status) {
			st.Leader, st.Role = 1, replica.Follower
			if st.ID == 1 {
				st.Role = replica.Leader
			}
		})
	}
	g[0].Announce("tcp://127.0.0.1:61619", true)
	c := observer(t, e)
	await(t, "elected in every node's data", 5*time.Second, func() bool {
		m := g[0].Members()
		i := slices.IndexFunc(m, func(m Member) bool { return m.node() == 1 })
		n := 0
		for name, data := range children(t, c) {
			if isMember(name) && i >= 0 && strings.Contains(data, `"position":-1`) && strings.Contains(data, `"elected":"`+m[i].sequence+`"`) {
				n++
			}
		}
		return n == 3
	})
	await(t, "the master's address", 5*time.Second, func() bool {
		n := 0
		for _, data := range children(t, c) {
			if strings.Contains(data, `"address":"tcp://127.0.0.1:61619"`) {
				n++
			}
		}
		return n == 1
	})
	// A clean stop removes the member at once. The third's gate is shut then.
	g[0].stop()
	g[1].stop()
	await(t, "one member is left", 2*time.Second, func() bool { return len(g[2].Members()) == 1 })
	await(t, "the gate is shut", 2*time.Second, func() bool { shut := g[2].Gate().Shut; return shut != "" })
	shut, few := g[2].Gate().Shut, g[2].Gate().Few
	if !few || !strings.Contains(shut, "; missing: ") || !strings.Contains(shut, "seat-1") || !strings.Contains(shut, "seat-2") {
		t.Errorf("gate says %q", shut)
	}
	if !g[2].Gone(1) || g[2].Gone(3) {
		t.Error("the hint does not tell who has gone")
	}
	// The links still hold: nobody forgets a live master for that [M1].
	if _, forgets, _ := g[2].r.asked(); forgets != 0 {
		t.Errorf("a live master was forgotten %d times", forgets)
	}
	g[2].r.set(func(st *replica.Status) { st.Leader = 0 })
	await(t, "too few are told", 2*time.Second, func() bool {
		return g[2].log.count("Not enough cluster members connected to elect a master.") > 0
	})
}

func TestEnsembleAway(t *testing.T) {
	e := testzk.Start(t)
	g := three(t, e, nil)
	g[1].stop()
	g[2].stop()
	connect(g[0].r, g[1].r)
	await(t, "the gate is shut", 5*time.Second, func() bool { shut := g[0].Gate().Shut; return shut != "" })
	before, _, _ := g[0].r.asked()
	e.StopAll()
	took := await(t, "a node with a quorum of links stands", 6*time.Second, func() bool { n, _, _ := g[0].r.asked(); return n > before })
	t.Logf("stood %v after the ensemble had gone", took)
	e.StartAll()
	// Its gate need not shut again: the others have their time to come, and that
	// they are too few shuts it for a while only.
	back := link.Now()
	await(t, "a member again", 30*time.Second, func() bool {
		g[0].mu.Lock()
		fresh := g[0].mu.known && g[0].mu.learned > back
		g[0].mu.Unlock()
		return fresh && len(g[0].Members()) == 1
	})
}

// A node with ZooKeeper and the longest log, linked to one that has lost
// ZooKeeper, is the only one that can win: its gate does not stay shut.
func TestLinkedButNoMember(t *testing.T) {
	e := testzk.Start(t)
	g := three(t, e, nil)
	g[1].stop()
	g[2].stop()
	await(t, "the gate is shut", 5*time.Second, func() bool { return g[0].Gate().Few })
	before, _, _ := g[0].r.asked()
	connect(g[0].r, g[1].r)
	took := await(t, "the linked node stands", 10*time.Second, func() bool { n, _, _ := g[0].r.asked(); return n > before })
	t.Logf("stood after %v", took)
}

func TestExpiry(t *testing.T) {
	e := testzk.Start(t)
	g := start(t, e, 1, nil)
	await(t, "member", 5*time.Second, func() bool { return len(g.Members()) == 1 })
	old := g.Members()[0].sequence
	e.PauseAll()
	await(t, "silence", 10*time.Second, func() bool { return g.alive.age() > 6*time.Second })
	e.ResumeAll()
	c := observer(t, e)
	await(t, "exactly one member, a new one", 40*time.Second, func() bool {
		var names []string
		for name := range children(t, c) {
			if isMember(name) {
				names = append(names, name)
			}
		}
		m := g.Members()
		return len(names) == 1 && len(m) == 1 && m[0].sequence == names[0][1:] && (g.log.count("Expiration detected") == 0 || m[0].sequence != old)
	})
}

func TestMemberRemoved(t *testing.T) {
	e := testzk.Start(t)
	g := start(t, e, 1, nil)
	await(t, "member", 5*time.Second, func() bool { return len(g.Members()) == 1 })
	old := g.Members()[0].sequence
	c := observer(t, e)
	if err := c.Delete(path+"/0"+old, -1); err != nil {
		t.Fatal(err)
	}
	await(t, "joined again", 10*time.Second, func() bool { m := g.Members(); return len(m) == 1 && m[0].sequence != old })
}

func TestStaleSelf(t *testing.T) {
	e := testzk.Start(t)
	g := start(t, e, 1, nil)
	await(t, "member", 5*time.Second, func() bool { return len(g.Members()) == 1 })
	old := g.Members()[0].sequence
	again := start(t, e, 1, nil) // as after kill -9: the first session is not over yet
	await(t, "the newer one is the member", 5*time.Second, func() bool {
		m := again.Members()
		return len(m) == 1 && m[0].sequence != old
	})
}

func TestOldBrokerIsRefused(t *testing.T) {
	e := testzk.Start(t)
	c := observer(t, e)
	for _, p := range []string{"/activemq", path} {
		if _, err := c.Create(p, nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	name, err := c.Create(path+"/0", []byte(`{"id":"ganinfo_mq","container":null,"address":null,"position":0,"weight":1,"elected":null}`),
		zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
	if err != nil {
		t.Fatal(err)
	}
	var g []*rig
	for id := range replica.ID(3) {
		g = append(g, start(t, e, id+1, nil))
	}
	for _, r := range g {
		await(t, "told", 10*time.Second, func() bool { return r.log.count("level=ERROR") > 0 && len(r.Members()) == 3 })
		if shut := r.Gate().Shut; r.r.Status().Founded || !strings.Contains(shut, "ActiveMQ") {
			t.Errorf("founded=%v, gate %q", r.r.Status().Founded, shut)
		}
	}
	if err := c.Delete(name, -1); err != nil {
		t.Fatal(err)
	}
	for _, r := range g {
		await(t, "founded when it is gone", 10*time.Second, func() bool { return r.r.Status().Founded })
	}
}

func TestPassword(t *testing.T) {
	e := testzk.Start(t)
	g := three(t, e, func(c *Config) { c.Password = "secret" })
	c := observer(t, e)
	if _, err := c.Create(path+"/0", nil, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll)); err != zk.ErrNoAuth {
		t.Errorf("a stranger joins: %v", err)
	}
	if _, err := c.Set(path+"/0"+g[0].Members()[0].sequence, []byte("{}"), -1); err != zk.ErrNoAuth {
		t.Errorf("a stranger writes a member: %v", err)
	}
	if len(children(t, c)) != 4 {
		t.Errorf("a stranger reads %v", children(t, c))
	}
	wrong := start(t, e, 4, func(c *Config) { c.Password = "other" })
	await(t, "refusal is told", 10*time.Second, func() bool { return wrong.log.count("not authenticated") > 0 })
}

// A node that starts while the ensemble is away finds the others where they were
// last [S9], and stands by its links alone.
func TestStartWithoutZooKeeper(t *testing.T) {
	e := testzk.Start(t)
	var kept []string
	g := three(t, e, func(c *Config) {
		if c.Seat == "seat-1" {
			c.Remember = func(a []string) error { kept = a; return nil }
		}
	})
	await(t, "two addresses", 5*time.Second, func() bool { _, _, a := g[0].r.asked(); return len(a) == 2 })
	g[0].stop()
	table := g[0].r.Status().Table
	e.StopAll()
	again := start(t, e, 1, func(c *Config) { c.Remembered = kept })
	again.r.set(func(st *replica.Status) {
		st.Founded, st.Empty, st.Role, st.Table, st.Term = true, false, replica.Follower, table, 1
	})
	connect(again.r, g[1].r)
	if _, _, a := again.r.asked(); len(kept) != 2 || len(a) > 0 && !slices.Equal(a, kept) {
		t.Errorf("remembered %v, looks at %v", kept, a)
	}
	await(t, "it stands", 6*time.Second, func() bool { n, _, _ := again.r.asked(); return n > 0 })
	if again.log.count("ZooKeeper cannot be reached") > 1 {
		t.Error("ZooKeeper's absence is told more than once")
	}
}

// A master writes the record again when it is lost, so that no empty nodes found
// a second cluster.
func TestRecordIsWrittenAgain(t *testing.T) {
	e := testzk.Start(t)
	g := three(t, e, nil)
	g[0].r.set(func(st *replica.Status) { st.Role, st.Leader = replica.Leader, 1 })
	c := observer(t, e)
	record := path + "/" + recordName("ganinfo_mq")
	if err := c.Delete(record, -1); err != nil {
		t.Fatal(err)
	}
	await(t, "the record is there again", 5*time.Second, func() bool {
		data, _, err := c.Get(record)
		if err != nil {
			return false
		}
		table, _, err := decodeRecord(data)
		return err == nil && table.Cluster == g[0].r.Status().Table.Cluster
	})
}

// One server that hangs, or dies, is not noticed by the election.
func TestOneServerDown(t *testing.T) {
	e := testzk.Start(t)
	g := three(t, e, nil)
	e.Pause(0)
	e.Kill(1)
	e.Start(1)
	await(t, "all are members", 60*time.Second, func() bool {
		n := 0
		for _, r := range g {
			if len(r.Members()) == 3 && !r.silent() {
				n++
			}
		}
		return n == 3
	})
	e.Resume(0)
}
