package zookeeper

import (
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	testzk "github.com/quorate/quorate/internal/testkit/zookeeper"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/replica/seat"
)

// open makes the path as ActiveMQ does: everybody may do everything.
func open(t *testing.T, c *zk.Conn) {
	t.Helper()
	for _, p := range []string{"/activemq", path} {
		if _, err := c.Create(p, nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenPathIsClosed(t *testing.T) {
	e := testzk.Start(t)
	c := observer(t, e)
	open(t, c)
	g := start(t, e, 1, func(c *Config) { c.Password = "secret" })
	await(t, "told", 10*time.Second, func() bool { return g.log.count("only the holders of zkPassword can write") == 1 })
	await(t, "a stranger is refused", 5*time.Second, func() bool {
		_, err := c.Create(path+"/0", nil, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
		return err == zk.ErrNoAuth
	})
	if _, err := c.Create("/activemq/others", nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Errorf("the parent is closed as well: %v", err)
	}
}

func TestSharedPathStaysOpen(t *testing.T) {
	e := testzk.Start(t)
	c := observer(t, e)
	open(t, c)
	other := start(t, e, 9, func(c *Config) { c.BrokerName = "other" })
	await(t, "the other cluster's member", 10*time.Second, func() bool { return len(other.Members()) == 1 })
	g := start(t, e, 1, func(c *Config) { c.Password = "secret" })
	await(t, "told", 10*time.Second, func() bool { return g.log.count("Everybody can write to the path") == 1 })
	again := start(t, e, 10, func(c *Config) { c.BrokerName = "other" })
	await(t, "the other cluster's next member", 10*time.Second, func() bool { return len(again.Members()) == 2 })
	if n := len(g.Members()); n != 1 {
		t.Errorf("a cluster of one member sees %d", n)
	}
	if _, err := c.Set(path+"/0"+g.Members()[0].sequence, nil, -1); err != zk.ErrNoAuth {
		t.Errorf("a stranger writes a member: %v", err)
	}
}

// TestAnotherClustersRecord has a founded node meet the record of another
// cluster.
func TestAnotherClustersRecord(t *testing.T) {
	e := testzk.Start(t)
	c := observer(t, e)
	open(t, c)
	table := &seat.Table{Cluster: [16]byte{1}, Replicas: 3, Version: 1, Seats: []seat.Seat{
		{Name: "x", ID: 101}, {Name: "y", ID: 102}, {Name: "z", ID: 103},
	}}
	data, err := encodeRecord(table)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(path+"/"+recordName("ganinfo_mq"), data, 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	own := &seat.Table{Cluster: [16]byte{2}, Replicas: 3, Version: 1, Seats: []seat.Seat{
		{Name: "a", ID: 1, Address: "10.0.0.1:1"}, {Name: "b", ID: 2, Address: "10.0.0.2:1"}, {Name: "c", ID: 3, Vacant: true},
	}}
	g := start(t, e, 1, nil)
	g.r.set(func(st *replica.Status) { st.Founded, st.Empty, st.Table, st.Role = true, false, own, replica.Follower })
	await(t, "told", 10*time.Second, func() bool { return g.log.count("of another cluster") == 1 })
	late := start(t, e, 2, nil)
	await(t, "an empty node waits", 10*time.Second, func() bool { return late.log.count("The cluster exists already") == 1 })
	if len(late.r.founded) != 0 {
		t.Error("an empty node took a record that it is not in")
	}
}

// TestClone has two live nodes with one identity: the loser is told, and they do
// not remove each other in a loop.
func TestClone(t *testing.T) {
	e := testzk.Start(t)
	a := start(t, e, 1, nil)
	await(t, "member", 10*time.Second, func() bool { return len(a.Members()) == 1 })
	b := start(t, e, 1, nil)
	await(t, "the first is told", 10*time.Second, func() bool { return a.log.count("removed by somebody else") > 0 })
	began := time.Now()
	await(t, "a few rounds", 10*time.Second, func() bool { return time.Since(began) > 3*time.Second })
	if n := a.log.count("removed by somebody else") + b.log.count("removed by somebody else"); n > 12 {
		t.Errorf("they removed each other %d times", n)
	}
}

func TestBook(t *testing.T) {
	b := newBook([]string{"old:1"}, 4)
	table := &seat.Table{Seats: []seat.Seat{
		{Name: "a", ID: 1, Address: "self:1"}, {Name: "b", ID: 2, Address: "b:1"}, {Name: "c", ID: 3, Vacant: true, Address: "none:1"},
	}}
	b.seats(table, 1)
	r := &roster{members: []Member{{Node: "0000000000000002", Link: "b:2"}, {Node: "0000000000000003", Link: "c:1"}}}
	if !b.update(r, 1, "self:1") {
		t.Error("no change")
	}
	if got, want := b.list(), []string{"b:2", "c:1", "old:1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if b.update(&roster{}, 1, "self:1") {
		t.Error("who left ZooKeeper is forgotten")
	}
}
