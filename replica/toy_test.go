package replica

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/wal"
)

// toy is a deterministic Machine: a chain of checksums over what was applied,
// and how often each batch was. Its durable state is a file that is written
// every few entries, as the store writes its generations.
type toy struct {
	fs    vfs.FS
	dir   string
	judge *judge
	name  string
	every int

	mu      sync.Mutex
	state   toyState
	durable toyState
	since   int
}

type toyState struct {
	Index      wal.Index
	Term       uint64
	Membership []byte
	Sum        [32]byte
	Seen       map[string]int
}

func (s toyState) clone() toyState {
	seen := make(map[string]int, len(s.Seen))
	for k, v := range s.Seen {
		seen[k] = v
	}
	s.Seen = seen
	return s
}

func openToy(fs vfs.FS, dir, name string, j *judge) (*toy, error) {
	m := &toy{fs: fs, dir: dir, name: name, judge: j, every: 20}
	m.state.Seen = make(map[string]int)
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if d, err := fs.OpenDir(fs.PathDir(dir)); err != nil {
		return nil, err
	} else if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return nil, err
	}
	s, err := readToy(fs, fs.PathJoin(dir, "STATE"))
	if isNotExist(err) {
		return m, nil
	}
	m.state, m.durable = s, s.clone()
	return m, err
}

func readToy(fs vfs.FS, path string) (toyState, error) {
	var s toyState
	f, err := fs.Open(path)
	if err != nil {
		return s, err
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return s, err
	}
	err = json.Unmarshal(b, &s)
	if s.Seen == nil {
		s.Seen = make(map[string]int)
	}
	return s, err
}

func writeToy(fs vfs.FS, dir string, s toyState) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tmp := fs.PathJoin(dir, "STATE.tmp")
	f, err := fs.Create(tmp, "toy")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(tmp, fs.PathJoin(dir, "STATE")); err != nil {
		return err
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (m *toy) Applied() (wal.Index, uint64, []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.durable.Index, m.durable.Term, m.durable.Membership
}

func (m *toy) Apply(index wal.Index, term uint64, offset int, batch []byte) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := sha256.New()
	h.Write(m.state.Sum[:])
	_ = binary.Write(h, binary.LittleEndian, []uint64{uint64(index), term, uint64(offset)})
	h.Write(batch)
	h.Sum(m.state.Sum[:0])
	m.state.Seen[string(batch)]++
	return m.state.Seen[string(batch)]
}

func (m *toy) Settle(index wal.Index, term uint64, membership []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if index != m.state.Index+1 && m.state.Index != 0 {
		m.judge.wrong("%s: entry %d settled after %d", m.name, index, m.state.Index)
	}
	m.state.Index, m.state.Term = index, term
	if membership != nil {
		m.state.Membership = membership
	}
	m.judge.settled(m.name, index, term, m.state.Sum)
	if m.since++; m.since >= m.every {
		m.flushLocked()
	}
}

func (m *toy) flushLocked() {
	m.since = 0
	s := m.state.clone()
	if writeToy(m.fs, m.dir, s) == nil {
		m.durable = s
	}
}

func (m *toy) Low() wal.Index {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.durable.Index
}

func (m *toy) Checkpoint(dir string) (wal.Index, uint64, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.flushLocked()
	if m.durable.Index != m.state.Index {
		return 0, 0, nil, errors.New("not flushed")
	}
	if err := m.fs.MkdirAll(dir, 0o755); err != nil {
		return 0, 0, nil, err
	}
	if err := writeBig(m.fs, dir); err != nil {
		return 0, 0, nil, err
	}
	return m.state.Index, m.state.Term, m.state.Membership, writeToy(m.fs, dir, m.state)
}

// writeBig writes a file that is the same in all checkpoints, below a directory.
func writeBig(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(fs.PathJoin(dir, "sub"), 0o755); err != nil {
		return err
	}
	f, err := fs.Create(fs.PathJoin(dir, "sub", "BIG"), "toy")
	if err != nil {
		return err
	}
	_, err = f.Write(bytes.Repeat([]byte("quorate!"), 40_000))
	return errors.Join(err, f.Sync(), f.Close())
}

func (m *toy) Restore(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := readToy(m.fs, m.fs.PathJoin(dir, "STATE"))
	if err != nil {
		return err
	}
	if err := writeToy(m.fs, m.dir, s); err != nil {
		return err
	}
	m.state, m.durable, m.since = s, s.clone(), 0
	m.judge.settled(m.name, s.Index, s.Term, s.Sum)
	return nil
}

func (m *toy) snapshot() toyState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.clone()
}

// judge compares machines at equal index, and remembers what proposers were
// told.
type judge struct {
	mu     sync.Mutex
	sums   map[wal.Index]string
	acked  map[string]bool
	never  map[string]bool // refused
	wrongs []string
}

func newJudge() *judge {
	return &judge{sums: make(map[wal.Index]string), acked: make(map[string]bool), never: make(map[string]bool)}
}

func (j *judge) wrong(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.wrongs) < 20 {
		j.wrongs = append(j.wrongs, fmt.Sprintf(format, args...))
	}
}

func (j *judge) settled(name string, index wal.Index, term uint64, sum [32]byte) {
	s := fmt.Sprintf("%d/%x", term, sum[:8])
	j.mu.Lock()
	old, ok := j.sums[index]
	if !ok {
		j.sums[index] = s
	}
	j.mu.Unlock()
	if ok && old != s {
		j.wrong("%s at index %d: %s, another node had %s", name, index, s, old)
	}
}

func (j *judge) outcome(batch string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case err == nil:
		j.acked[batch] = true
	case errors.Is(err, ErrRefused):
		j.never[batch] = true
	}
}

// final checks a machine that has everything.
func (j *judge) final(name string, s toyState) {
	j.mu.Lock()
	acked, never := j.acked, j.never
	j.mu.Unlock()
	for b := range acked {
		if s.Seen[b] != 1 {
			j.wrong("%s: confirmed batch %q was applied %d times", name, b, s.Seen[b])
		}
	}
	for b := range never {
		if s.Seen[b] != 0 {
			j.wrong("%s: refused batch %q was applied", name, b)
		}
	}
}
