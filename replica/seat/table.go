package seat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// Limits of what is encoded.
const (
	MaxReplicas = 99
	MaxText     = 512 // bytes of a name or an address

	tableMagic   = "QSEAT"
	tableVersion = 1
)

// Errors of decoding, of a table and of an identity.
var (
	ErrCorrupt = errors.New("damaged")
	ErrVersion = errors.New("of a newer version than this program knows")
)

// A Table is the configuration of a cluster as the application sees it: raft's
// voters are the IDs of its seats, raft's learners their Learners. It is a value
// that is not changed; After gives the next one.
type Table struct {
	Cluster  [16]byte
	Replicas int
	Seats    []Seat // exactly Replicas
	Version  uint64 // rises by one with each change
}

// A Seat is the place of one voter.
type Seat struct {
	// Name says whose place it is, see Name. It is empty only while the seat is
	// vacant and meant for nobody in particular.
	Name        string
	ID          uint64 // raft's id; never zero. That of a vacant seat is random and never answers
	Vacant      bool   // nobody has held it yet
	Address     string // where the holder's links listened when it took the seat
	Incarnation uint64 // the holder's when it took the seat
	Learner     uint64 // identity that is being caught up for this seat; 0: none
}

// Append appends the table's encoding to b. The table must be valid.
func (t *Table) Append(b []byte) []byte {
	from := len(b)
	b = append(b, tableMagic...)
	b = append(b, tableVersion)
	b = append(b, t.Cluster[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(t.Replicas))
	b = binary.BigEndian.AppendUint64(b, t.Version)
	for i := range t.Seats {
		b = t.Seats[i].append(b)
	}
	return appendSum(b, from)
}

func (s *Seat) append(b []byte) []byte {
	b = appendText(b, s.Name)
	b = binary.BigEndian.AppendUint64(b, s.ID)
	vacant := byte(0)
	if s.Vacant {
		vacant = 1
	}
	b = appendText(append(b, vacant), s.Address)
	b = binary.BigEndian.AppendUint64(b, s.Incarnation)
	return binary.BigEndian.AppendUint64(b, s.Learner)
}

// Decode reads what Append wrote, all of b. It returns a valid table or an error
// that is ErrCorrupt or ErrVersion.
func Decode(b []byte) (*Table, error) {
	r, err := open(b, tableMagic, tableVersion)
	if err != nil {
		return nil, fmt.Errorf("table of seats: %w", err)
	}
	t := &Table{Cluster: [16]byte(r.next(16)), Replicas: int(r.u16()), Version: r.u64()}
	if t.Replicas <= MaxReplicas {
		t.Seats = make([]Seat, t.Replicas)
	}
	for i := range t.Seats {
		s := Seat{Name: r.text(), ID: r.u64()}
		vacant := r.u8()
		s.Vacant, s.Address, s.Incarnation, s.Learner = vacant == 1, r.text(), r.u64(), r.u64()
		r.bad = r.bad || vacant > 1
		t.Seats[i] = s
	}
	if err := r.done(); err != nil {
		return nil, fmt.Errorf("table of seats: %w", err)
	}
	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("table of seats: %w: %w", ErrCorrupt, err)
	}
	return t, nil
}

// Check says what is wrong with a table, nil when it may be used.
func (t *Table) Check() error {
	switch {
	case t.Replicas < 1 || t.Replicas > MaxReplicas:
		return fmt.Errorf("replicas=%d", t.Replicas)
	case len(t.Seats) != t.Replicas:
		return fmt.Errorf("%d seats for replicas=%d", len(t.Seats), t.Replicas)
	case t.Cluster == [16]byte{}:
		return errors.New("no cluster")
	}
	ids, names := make(map[uint64]bool), make(map[string]bool)
	for i := range t.Seats {
		if err := t.Seats[i].check(ids, names); err != nil {
			return fmt.Errorf("seat %d (%s): %w", i, t.Seats[i].Name, err)
		}
	}
	return nil
}

// check adds the seat to the ids and names that were met already.
func (s *Seat) check(ids map[uint64]bool, names map[string]bool) error {
	switch {
	case s.ID == 0:
		return errors.New("no identity")
	case ids[s.ID] || s.Learner != 0 && (ids[s.Learner] || s.Learner == s.ID):
		return errors.New("an identity is there twice")
	case s.Name == "" && !s.Vacant:
		return errors.New("holder without a name")
	case s.Name != "" && names[s.Name]:
		return errors.New("name is there twice")
	case len(s.Name) > MaxText || len(s.Address) > MaxText:
		return errors.New("text is too long")
	}
	ids[s.ID] = true
	if s.Learner != 0 {
		ids[s.Learner] = true
	}
	names[s.Name] = true
	return nil
}

// Quorum is how many seats confirm for the cluster.
func (t *Table) Quorum() int { return t.Replicas/2 + 1 }

// Of gives the seat that an identity holds, nil if it holds none.
func (t *Table) Of(id uint64) *Seat {
	return t.seat(func(s *Seat) bool { return s.ID == id })
}

// Named gives the seat with a name, nil if there is none.
func (t *Table) Named(name string) *Seat {
	return t.seat(func(s *Seat) bool { return s.Name == name && name != "" })
}

// Learning gives the seat that an identity is caught up for, nil if none.
func (t *Table) Learning(id uint64) *Seat {
	return t.seat(func(s *Seat) bool { return s.Learner == id && id != 0 })
}

func (t *Table) seat(want func(*Seat) bool) *Seat {
	for i := range t.Seats {
		if want(&t.Seats[i]) {
			return &t.Seats[i]
		}
	}
	return nil
}

// next is a copy with the next version.
func (t *Table) next() *Table {
	c := *t
	c.Seats = slices.Clone(t.Seats)
	c.Version++
	return &c
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
