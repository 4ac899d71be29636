package zookeeper

import "testing"

func TestKillAndReturn(t *testing.T) {
	e := New(t, Options{})
	if len(e.Addrs()) != 3 {
		t.Fatalf("%d addresses", len(e.Addrs()))
	}
	e.Kill(0)
	if e.serves(e.servers[0]) {
		t.Error("a killed server serves")
	}
	e.Start(0)
	e.Await()
}
