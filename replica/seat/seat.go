// Package seat decides who is a member of a cluster: founding, seats and their
// replacement, as pure functions over what a node sees [M6], and the identity of
// a node's directory [S8].
//
// A cluster always has exactly as many voters as it has seats. A seat has a
// name, which belongs to a place (an entry of the peers list, a host and port),
// and a holder, which is an identity born with a directory. Whoever comes back
// to its place without its directory is somebody else: it is caught up as a
// learner and takes the seat by one joint change, never before.
package seat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A Table is the members of a cluster, as the application sees raft's
// configuration. It is changed only together with it.
type Table struct {
	Cluster  [16]byte
	Replicas int
	Seats    []Seat // exactly Replicas
	Version  uint64 // rises with each change
}

// A Seat is one voter.
type Seat struct {
	Name        string
	ID          uint64 // of its holder
	Vacant      bool   // the holder is made up and never answers: nobody came when the cluster was founded
	Address     string // of the holder's links when it took the seat
	Incarnation uint64 // of the holder then
	Learner     uint64 // an identity that is caught up to take this seat; 0: none
}

// Seat gives the seat that an identity holds or learns for, nil if none.
func (t *Table) Seat(id uint64) *Seat {
	for i := range t.Seats {
		if s := &t.Seats[i]; s.ID == id || s.Learner == id {
			return s
		}
	}
	return nil
}

// Named gives the seat of a name, nil if there is none.
func (t *Table) Named(name string) *Seat {
	for i := range t.Seats {
		if t.Seats[i].Name == name {
			return &t.Seats[i]
		}
	}
	return nil
}

// The encoding: magic 4, version 1, cluster 16, then uvarints and strings with
// a uvarint length: table version, replicas, and for each seat name, identity,
// flags (bit 0 vacant), address, incarnation, learner; CRC-32C of all before,
// 4 bytes, little-endian.
const (
	tableMagic   = "QTBL"
	tableVersion = 1
	maxReplicas  = 99
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrTable is returned for bytes that are not a table.
var ErrTable = errors.New("malformed table of seats")

// Append appends the table's encoding.
func (t *Table) Append(b []byte) []byte {
	at := len(b)
	b = append(append(b, tableMagic...), tableVersion)
	b = append(b, t.Cluster[:]...)
	b = binary.AppendUvarint(b, t.Version)
	b = binary.AppendUvarint(b, uint64(t.Replicas))
	b = binary.AppendUvarint(b, uint64(len(t.Seats)))
	for _, s := range t.Seats {
		b = appendText(b, s.Name)
		b = binary.AppendUvarint(b, s.ID)
		flags := byte(0)
		if s.Vacant {
			flags = 1
		}
		b = appendText(append(b, flags), s.Address)
		b = binary.AppendUvarint(b, s.Incarnation)
		b = binary.AppendUvarint(b, s.Learner)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Check says what makes a table unfit for a cluster, nil if nothing does: as
// many seats as replicas, every identity and every name once.
func (t *Table) Check() error {
	switch {
	case t.Cluster == [16]byte{}:
		return fmt.Errorf("%w: no cluster", ErrTable)
	case t.Replicas < 1 || t.Replicas > maxReplicas || len(t.Seats) != t.Replicas:
		return fmt.Errorf("%w: %d seats for %d replicas", ErrTable, len(t.Seats), t.Replicas)
	}
	ids, names := map[uint64]bool{0: true}, map[string]bool{"": true}
	for _, s := range t.Seats {
		if ids[s.ID] || names[s.Name] {
			return fmt.Errorf("%w: seat %q has no identity or name of its own", ErrTable, s.Name)
		}
		ids[s.ID], names[s.Name] = true, true
	}
	for _, s := range t.Seats {
		if s.Learner != 0 && ids[s.Learner] {
			return fmt.Errorf("%w: the learner for seat %q is somebody else already", ErrTable, s.Name)
		}
		ids[s.Learner] = true
	}
	return nil
}

// Decode reads what Append wrote: a table that passes Check, or an error. The
// table shares nothing with b.
func Decode(b []byte) (*Table, error) {
	const fixed = len(tableMagic) + 1 + 16
	if len(b) < fixed+4 || string(b[:4]) != tableMagic {
		return nil, fmt.Errorf("%w: no magic number", ErrTable)
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, fmt.Errorf("%w: wrong checksum", ErrTable)
	}
	if body[4] != tableVersion {
		return nil, fmt.Errorf("%w: version %d, this one knows %d", ErrTable, body[4], tableVersion)
	}
	t := &Table{Cluster: [16]byte(body[5:21])}
	r := reader{b: body[fixed:]}
	t.Version = r.number()
	replicas, seats := r.number(), r.number()
	if replicas == 0 || replicas > maxReplicas || seats > maxReplicas {
		return nil, fmt.Errorf("%w: %d replicas, %d seats", ErrTable, replicas, seats)
	}
	t.Replicas = int(replicas)
	for range seats {
		s := Seat{Name: r.text(), ID: r.number(), Vacant: r.flag(), Address: r.text(), Incarnation: r.number(), Learner: r.number()}
		t.Seats = append(t.Seats, s)
	}
	if r.bad || len(r.b) != 0 {
		return nil, fmt.Errorf("%w: cut off, or too long", ErrTable)
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t, nil
}

// A reader reads from b; once it is bad it gives zero values only.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || r.bad {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) flag() bool {
	if len(r.b) == 0 || r.b[0] > 1 {
		r.bad, r.b = true, nil
		return false
	}
	v := r.b[0] == 1
	r.b = r.b[1:]
	return v
}
