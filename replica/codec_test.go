package replica

import (
	"bytes"
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

func u(v uint64) *uint64 { return &v }

func TestMessageCodec(t *testing.T) {
	reject := true
	m := &pb.Message{
		Type: pb.MsgApp.Enum(), To: u(1), From: u(1 << 60), Term: u(7), LogTerm: u(6), Index: u(99), Commit: u(98),
		Vote: u(3), Reject: &reject, RejectHint: u(5), Context: []byte("CampaignTransfer"),
		Entries: []*pb.Entry{
			{Term: u(7), Index: u(100), Type: pb.EntryNormal.Enum(), Data: []byte("abc")},
			{Term: u(7), Index: u(101), Type: pb.EntryConfChangeV2.Enum()},
		},
	}
	got, err := decodeMessage(encodeMessage(m))
	if err != nil || !proto.Equal(got, m) {
		t.Errorf("%v: %v", err, got)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(encodeMessage(&pb.Message{Type: pb.MsgVote.Enum(), Entries: []*pb.Entry{{Data: []byte("x")}}}))
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := decodeMessage(p)
		if err != nil {
			return
		}
		again, err := decodeMessage(encodeMessage(m))
		if err != nil || !proto.Equal(m, again) {
			t.Errorf("%v: %v is not %v", err, again, m)
		}
	})
}

func FuzzReport(f *testing.F) {
	r := report{Seat: "a", Address: "b:1", Role: Leader, Term: 3, Weight: -1, Unfit: "c", Founded: true, LogBytes: 9}
	f.Add(r.encode())
	f.Fuzz(func(t *testing.T, p []byte) {
		r, err := decodeReport(p)
		if err != nil {
			return
		}
		if again, err := decodeReport(r.encode()); err != nil || again != r {
			t.Errorf("%v: %+v is not %+v", err, again, r)
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add(append(appendEntryHeader(nil, 1, 2), 1, 'x', 0, 2, 'y', 'z'))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _ = eachBatch(data, func(offset int, batch []byte) {
			if !bytes.Equal(data[offset:offset+len(batch)], batch) {
				t.Error("offset is not the place of the batch")
			}
		})
	})
}

func FuzzShipment(f *testing.F) {
	m := &pb.Message{To: u(1), From: u(2), Term: u(3), Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{Index: u(4), Term: u(2), ConfState: &pb.ConfState{Voters: []uint64{1, 2}}}}}
	f.Add(encodeShipment(m, []shipFile{{"a/b", 5}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, files, err := decodeShipment(b)
		for _, file := range files {
			if err == nil && (file.size < 0 || !localName(file.name)) {
				t.Errorf("file %+v", file)
			}
		}
	})
}

func FuzzMembership(f *testing.F) {
	f.Add([]byte{membershipFormat, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		conf, table, err := decodeMembership(b)
		if err == nil && (conf == nil || table == nil) {
			t.Error("nothing without an error")
		}
	})
}

var _ raft.Storage = (*storage)(nil)
