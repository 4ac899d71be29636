package replica

import (
	"encoding/binary"
	"errors"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
)

// Kinds of payload, their first byte.
const (
	kindRaft        = 'R'
	kindProbe       = 'P'
	kindProbeAnswer = 'A'
	kindReport      = 'S'
	kindFound       = 'F'
	kindFoundAnswer = 'f'
)

var errMessage = errors.New("malformed message of raft")

// classOf keeps votes and heartbeats apart from what can be large.
func classOf(t pb.MessageType) link.Class {
	switch t {
	case pb.MsgApp:
		return link.Append
	case pb.MsgSnap:
		return link.Bulk
	}
	return link.Urgent
}

// encodeMessage returns the payload of a message: kind, then as uvarints type,
// to, from, term, log term, index, commit, vote, reject and its hint, the
// context's length and bytes, the number of entries, and for each its term,
// index, type, length and data. Snapshots travel apart.
func encodeMessage(m *pb.Message) []byte {
	size := 1 + 12*binary.MaxVarintLen64 + len(m.GetContext())
	for _, e := range m.GetEntries() {
		size += 4*binary.MaxVarintLen64 + len(e.GetData())
	}
	b := append(make([]byte, 0, size), kindRaft)
	reject := uint64(0)
	if m.GetReject() {
		reject = 1
	}
	for _, v := range [...]uint64{
		uint64(m.GetType()), m.GetTo(), m.GetFrom(), m.GetTerm(), m.GetLogTerm(), m.GetIndex(),
		m.GetCommit(), m.GetVote(), reject, m.GetRejectHint(), uint64(len(m.GetContext())),
	} {
		b = binary.AppendUvarint(b, v)
	}
	b = append(b, m.GetContext()...)
	b = binary.AppendUvarint(b, uint64(len(m.GetEntries())))
	for _, e := range m.GetEntries() {
		for _, v := range [...]uint64{e.GetTerm(), e.GetIndex(), uint64(e.GetType()), uint64(len(e.GetData()))} {
			b = binary.AppendUvarint(b, v)
		}
		b = append(b, e.GetData()...)
	}
	return b
}

// decodeMessage is the inverse of encodeMessage. The message refers to p.
func decodeMessage(p []byte) (*pb.Message, error) {
	if len(p) == 0 || p[0] != kindRaft {
		return nil, errMessage
	}
	d := decoder{b: p[1:]}
	kind := pb.MessageType(d.uvarint())
	to, from, term, logTerm, index := d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint()
	commit, vote, reject, hint := d.uvarint(), d.uvarint(), d.uvarint() == 1, d.uvarint()
	m := &pb.Message{
		Type: &kind, To: &to, From: &from, Term: &term, LogTerm: &logTerm, Index: &index,
		Commit: &commit, Vote: &vote, Reject: &reject, RejectHint: &hint,
	}
	if c := d.bytes(); len(c) > 0 {
		m.Context = c
	}
	count := d.uvarint()
	if count > uint64(len(d.b))/4 {
		return nil, errMessage
	}
	type box struct {
		e           pb.Entry
		term, index uint64
		kind        pb.EntryType
	}
	boxes := make([]box, count)
	m.Entries = make([]*pb.Entry, count)
	for i := range boxes {
		b := &boxes[i]
		b.term, b.index, b.kind = d.uvarint(), d.uvarint(), pb.EntryType(d.uvarint())
		b.e.Term, b.e.Index, b.e.Type = &b.term, &b.index, &b.kind
		if data := d.bytes(); len(data) > 0 {
			b.e.Data = data
		}
		m.Entries[i] = &b.e
	}
	if d.bad || len(d.b) != 0 {
		return nil, errMessage
	}
	return m, nil
}

// decoder reads uvarints and byte strings; bad after anything that is not there.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, k := binary.Uvarint(d.b)
	if k <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[k:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string { return string(d.bytes()) }

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
