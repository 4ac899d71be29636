package replica

import (
	"encoding/binary"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// The membership that the Machine keeps with its state: format 1 | length |
// raft's ConfState | the seats' table. Both change with the same entry.
const membershipFormat = 1

var errMembership = errors.New("malformed membership")

func encodeMembership(conf *pb.ConfState, t *seat.Table) []byte {
	c, err := proto.Marshal(conf)
	if err != nil {
		panic(err) // a message of numbers
	}
	b := binary.AppendUvarint([]byte{membershipFormat}, uint64(len(c)))
	return t.Append(append(b, c...))
}

func decodeMembership(b []byte) (*pb.ConfState, *seat.Table, error) {
	if len(b) == 0 || b[0] != membershipFormat {
		return nil, nil, errMembership
	}
	d := decoder{b: b[1:]}
	conf := &pb.ConfState{}
	if err := proto.Unmarshal(d.bytes(), conf); err != nil || d.bad {
		return nil, nil, errMembership
	}
	t, err := seat.Decode(d.b)
	return conf, t, err
}

// configure takes the changes of the configuration among entries that are
// handed to the applier, and returns the membership after each. A change that
// does not follow the present table is none, on every node alike.
func (l *loop) configure(entries []*pb.Entry) map[uint64][]byte {
	var members map[uint64][]byte
	for _, e := range entries {
		if e.GetType() == pb.EntryNormal {
			continue
		}
		cc := &pb.ConfChangeV2{}
		if e.GetType() != pb.EntryConfChangeV2 || proto.Unmarshal(e.GetData(), cc) != nil {
			continue
		}
		table, ok := l.tableAfter(cc)
		if !ok {
			l.n.log.Warn("Change of the configuration does not apply", "index", e.GetIndex())
			continue
		}
		l.confIndex = wal.Index(e.GetIndex())
		l.conf = l.rn.ApplyConfChange(cc)
		l.table = table
		if cc.LeaveJoint() {
			l.n.log.Info("The change of seats is complete", "version", table.Version)
		}
		if members == nil {
			members = make(map[uint64][]byte)
		}
		members[e.GetIndex()] = encodeMembership(l.conf, table)
		if l.reign != nil {
			l.n.lease.voters(l.conf)
		}
		l.role = l.roleOf(l.rn.BasicStatus().RaftState)
		l.urgent = true
	}
	return members
}

// tableAfter returns the seats after cc, and whether cc applies.
func (l *loop) tableAfter(cc *pb.ConfChangeV2) (*seat.Table, bool) {
	joint := len(l.conf.GetVotersOutgoing()) > 0
	if cc.LeaveJoint() {
		return l.table, joint
	}
	t, err := seat.Decode(cc.GetContext())
	if err != nil || joint || l.table == nil || t.Version != l.table.Version+1 || t.Cluster != l.table.Cluster {
		return nil, false
	}
	return t, true
}

// reconfigure puts a change of the configuration into the log.
func (l *loop) reconfigure(t *seat.Table, changes ...*pb.ConfChangeSingle) {
	cc := &pb.ConfChangeV2{
		Transition: pb.ConfChangeTransitionAuto.Enum(),
		Changes:    changes,
		Context:    t.Append(nil),
	}
	if len(changes) > 1 {
		cc.Transition = pb.ConfChangeTransitionJointImplicit.Enum()
	}
	if err := l.rn.ProposeConfChange(cc); err != nil {
		l.n.log.Debug("Change of the configuration is not taken", "error", err)
		return
	}
	l.confProposed = l.commit + 1 // not before something more is committed
}

func change(kind pb.ConfChangeType, id uint64) *pb.ConfChangeSingle {
	return &pb.ConfChangeSingle{Type: kind.Enum(), NodeId: &id}
}

// nextTable returns a copy of the table that is the next version of it.
func nextTable(t *seat.Table) *seat.Table {
	c := *t
	c.Seats = slices.Clone(t.Seats)
	c.Version++
	return &c
}
