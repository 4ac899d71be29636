package zookeeper

import (
	"testing"
)

func TestMemberBytes(t *testing.T) {
	container, address, elected := "box", "tcp://10.0.0.1:61619", "0000000157"
	for _, c := range []struct {
		m    Member
		want string
	}{
		{Member{ID: "ganinfo_mq", Position: 42, Weight: 1, Node: "00000000000000ff", Seat: "h:1", Link: "h:1", Term: 3, State: stateWaiting},
			`{"id":"ganinfo_mq","container":null,"address":null,"position":42,"weight":1,"elected":null,` +
				`"node":"00000000000000ff","link":"h:1","term":3,"state":"waiting","seat":"h:1"}`},
		{Member{ID: "a<b>", Container: &container, Address: &address, Position: -1, Weight: 2, Elected: &elected, Node: "00000000000000ff", State: stateMaster},
			`{"id":"a<b>","container":"box","address":"tcp://10.0.0.1:61619","position":-1,"weight":2,"elected":"0000000157",` +
				`"node":"00000000000000ff","link":"","term":0,"state":"master","seat":""}`},
	} {
		got, err := c.m.encode()
		if err != nil || string(got) != c.want {
			t.Errorf("%v\n got %s\nwant %s", err, got, c.want)
		}
		back, err := decodeMember("00000000157", got)
		if err != nil || back.sequence != "0000000157" || back.Node != c.m.Node || back.Position != c.m.Position {
			t.Errorf("decoded %+v, %v", back, err)
		}
	}
}

func TestRoster(t *testing.T) {
	m := func(sequence, id, node string) Member { return Member{ID: id, Node: node, sequence: sequence} }
	r := newRoster([]Member{
		m("0000000003", "b", "0000000000000001"), // the newer session of the first
		m("0000000001", "b", "0000000000000001"),
		m("0000000002", "b", "0000000000000002"),
		m("0000000000", "other", "0000000000000009"),
		m("0000000004", "b", ""),
	}, "b")
	if len(r.members) != 2 || r.find(1).sequence != "0000000003" || r.find(9) != nil {
		t.Errorf("members %+v", r.members)
	}
	if len(r.old) != 1 || r.old[0] != "0000000004" {
		t.Errorf("old brokers %v", r.old)
	}
	for name, want := range map[string]bool{"00000000157": true, "0000000157": false, "10000000157": false, "0000000015x": false, "quorate-b": false} {
		if isMember(name) != want {
			t.Errorf("isMember(%s) is %v", name, !want)
		}
	}
}

func FuzzMember(f *testing.F) {
	f.Add([]byte(`{"id":"a","node":"00000000000000ff"}`))
	f.Add([]byte(`{"id":null,"position":1e99}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMember("00000000001", data)
		if err != nil {
			return
		}
		if _, err := m.encode(); err != nil {
			t.Fatal(err)
		}
	})
}
