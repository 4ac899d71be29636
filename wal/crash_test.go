package wal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// possible is one content that the log may have after a crash.
type possible struct {
	base     Index // the entry before the log
	baseTerm uint64
	entries  []Entry
}

func (p possible) last() Index { return p.base + Index(len(p.entries)) }

func (p possible) term(i Index) uint64 {
	if i == p.base {
		return p.baseTerm
	}
	return p.entries[i-p.base-1].Term
}

// model knows what a crash at this moment may leave: the first of its contents
// is durable, each further one came from one more record.
type model struct {
	contents []possible
	states   []State
}

func (m *model) now() possible     { return m.contents[len(m.contents)-1] }
func (m *model) state() State      { return m.states[len(m.states)-1] }
func (m *model) durable()          { m.contents, m.states = []possible{m.now()}, []State{m.state()} }
func (m *model) became(p possible) { m.contents = append(m.contents, p) }

func (m *model) append(st *State, entries []Entry) {
	for _, e := range entries {
		p := m.now()
		p.entries = append(slices.Clone(p.entries[:e.Index-p.base-1]), e)
		if e.Index == entries[0].Index {
			cut := p
			cut.entries = p.entries[:len(p.entries)-1]
			m.became(cut)
		}
		m.became(p)
	}
	if st != nil {
		m.states = append(m.states, *st)
	}
}

// check compares what was recovered with what may be, and returns which it is.
func (m *model) check(l *Log) (possible, error) {
	first, last := l.FirstIndex(), l.LastIndex()
	got, err := l.Entries(first, last+1, math.MaxInt)
	if err != nil {
		return possible{}, err
	}
	st := l.State()
	low, high := m.states[0].Commit, m.state().Commit
	known := slices.ContainsFunc(m.states, func(s State) bool { return s.Term == st.Term && s.Vote == st.Vote })
	if !known || st.Commit < low || st.Commit > high || st.Commit > last {
		return possible{}, fmt.Errorf("state %s of a log that ends with %d is none of %v", st, last, m.states)
	}
	var wrong error
	for _, p := range slices.Backward(m.contents) {
		if p.last() != last || first <= p.base || first > p.last()+1 || !equal(got, p.entries[first-p.base-1:]) {
			continue
		}
		// A reset in vain leaves the same entries, with another term before them.
		term, err := l.Term(first - 1)
		if err == nil && term == p.term(first-1) {
			return p, nil
		}
		wrong = fmt.Errorf("term of entry %d is %d, %v, want %d", first-1, term, err, p.term(first-1))
	}
	if wrong != nil {
		return possible{}, wrong
	}
	return possible{}, fmt.Errorf("log [%d,%d] is none of the %d contents from [%d,%d] to [%d,%d]", first, last, len(m.contents),
		m.contents[0].base+1, m.contents[0].last(), m.now().base+1, m.now().last())
}

// chaos drives a log through random operations. The file system takes a picture
// of the disk after a power cut, or fails, at a chosen operation.
type chaos struct {
	rng     *rand.Rand
	opts    Options
	mem     *vfs.MemFS
	model   model
	log     *Log
	ops     int  // file-system operations until now
	at      int  // the operation at which it happens
	fails   bool // the operation fails, and every one after it that writes
	picture *vfs.MemFS
	failed  bool
}

func newChaos(seed uint64) *chaos {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := &chaos{rng: rng, mem: vfs.NewCrashableMem(), at: -1}
	c.opts = Options{
		SegmentSize: []int64{300, 2000, 9000, 30000}[rng.IntN(4)],
		CacheBytes:  []int64{1, 3000, 1 << 20}[rng.IntN(3)],
		FillAhead:   []int64{-1, 5000, 0}[rng.IntN(3)],
		Recycle:     rng.IntN(2) == 0,
	}
	c.model = model{contents: []possible{{}}, states: []State{{}}}
	return c
}

func (c *chaos) crash() *vfs.MemFS {
	percent := []int{0, 20, 50, 90, 100}[c.rng.IntN(5)]
	return c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: c.rng})
}

func (c *chaos) fs() vfs.FS {
	return errorfs.Wrap(c.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		c.ops++
		if c.at < 0 || c.ops < c.at || op.Kind == errorfs.OpFileClose {
			return nil
		}
		if c.fails {
			c.failed = true
			return errorfs.ErrInjected
		}
		if c.ops == c.at {
			c.picture = c.crash()
		}
		return nil
	}))
}

func (c *chaos) open() (err error) {
	o := c.opts
	o.FS = c.fs()
	c.log, err = Open("wal", o)
	return err
}

// step does one random operation on log and model.
func (c *chaos) step() error {
	m, rng := &c.model, c.rng
	last, commit := m.now().last(), m.state().Commit
	switch k := rng.IntN(100); {
	case k < 55:
		first := last + 1
		st := m.state()
		if rng.IntN(6) == 0 && commit < last { // a new leader overwrites
			first = commit + 1 + Index(rng.IntN(int(last-commit)))
		}
		if first <= last || rng.IntN(10) == 0 {
			st.Term, st.Vote = st.Term+1, uint64(rng.IntN(3))
		}
		es := made(first, rng.IntN(5), max(1, st.Term), rng.IntN(rng.IntN(3000)+1))
		for k := range es {
			es[k].Data = strconv.AppendUint(es[k].Data, rng.Uint64(), 36)
		}
		if len(es) > 0 {
			last = first + Index(len(es)) - 1
		}
		st.Term = max(1, st.Term)
		st.Commit += Index(rng.IntN(int(last-st.Commit) + 1))
		m.append(&st, es)
		return c.log.Append(&st, es)
	case k < 85:
		if err := c.log.Sync(); err != nil {
			return err
		}
		if c.picture == nil {
			m.durable()
		}
		return nil
	case k < 92:
		return c.log.TruncateFront(Index(rng.IntN(int(last) + 2)))
	case k < 94:
		after := commit + Index(rng.IntN(20))
		st := m.state()
		st.Commit = after
		if rng.IntN(2) == 0 {
			st.Term, st.Vote = st.Term+1, 0
		}
		m.became(possible{base: after, baseTerm: st.Term})
		m.states = append(m.states, st)
		if err := c.log.Reset(after, st.Term); err != nil {
			return err
		}
		if c.picture == nil {
			m.durable()
		}
		return nil
	case k < 97:
		if err := c.log.Close(); err != nil {
			return err
		}
		if c.picture == nil {
			m.durable()
		}
		return c.open()
	default:
		return c.kill()
	}
}

// kill ends the process and starts it again: the page cache survives, and what
// Open finds in it is durable from then on.
func (c *chaos) kill() error {
	if err := c.log.w.lock.Close(); err != nil {
		return err
	}
	before := c.log
	if err := c.open(); err != nil {
		return err
	}
	if now := c.log; now.LastIndex() != before.LastIndex() || now.State() != before.State() || now.FirstIndex() != before.FirstIndex() {
		return fmt.Errorf("[%d,%d] %s became [%d,%d] %s by a kill", before.FirstIndex(), before.LastIndex(), before.State(),
			now.FirstIndex(), now.LastIndex(), now.State())
	}
	if c.picture == nil {
		c.model.durable()
	}
	return nil
}

// run opens the log, lets things happen until the chosen operation or the n-th
// step, and opens what is left. It returns whether an operation failed.
func (c *chaos) run(t *testing.T, steps int) (failed bool) {
	err := c.open()
	for k := 0; err == nil && c.picture == nil && k < steps; k++ {
		err = c.step()
	}
	if err != nil && !c.failed {
		t.Fatal(err)
	}
	if err != nil && c.log != nil {
		c.refuses(t, err)
	}
	if c.picture == nil {
		c.picture = c.crash()
	}
	if c.log != nil {
		c.log.Close()
	}
	failed = c.failed
	c.mem, c.picture, c.at, c.failed, c.log = c.picture, nil, -1, false, nil
	if _, err := Verify(c.mem, "wal"); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("verify after the crash: %v", err)
	}
	if err := c.open(); err != nil {
		t.Fatalf("open after the crash: %v", err)
	}
	p, err := c.model.check(c.log)
	if err != nil {
		t.Fatalf("after the crash: %v", err)
	}
	st := c.log.State()
	c.log.Close()
	c.log = nil
	c.model = model{contents: []possible{p}, states: []State{st}}
	return failed
}

// refuses checks that a log whose disk failed does nothing any more.
func (c *chaos) refuses(t *testing.T, err error) {
	if !errors.Is(err, ErrFailed) {
		return // a removal that is tried again, or an Open
	}
	c.at = -1 // the disk is well again, which changes nothing
	if err := c.log.Sync(); !errors.Is(err, ErrFailed) {
		t.Fatalf("sync after a failure: %v", err)
	}
	if err := c.log.Append(nil, made(c.log.LastIndex()+1, 1, 1<<40, 0)); !errors.Is(err, ErrFailed) {
		t.Fatalf("append after a failure: %v", err)
	}
	if err := c.log.Reset(1<<40, 1<<40); !errors.Is(err, ErrFailed) {
		t.Fatalf("reset after a failure: %v", err)
	}
}

// seeds returns how many random runs to do, or the one seed to run again.
func seeds(t *testing.T, n int) []uint64 {
	if s := os.Getenv("WAL_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		must(t, err)
		return []uint64{seed}
	}
	if testing.Short() {
		n /= 10
	}
	out := make([]uint64, n)
	for k := range out {
		out[k] = rand.Uint64()
	}
	return out
}

// TestCrash cuts the power at random file-system operations, again and again.
// Run a seed again with WAL_SEED.
func TestCrash(t *testing.T) {
	for _, seed := range seeds(t, 150) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			c := newChaos(seed)
			for range 12 {
				c.at = c.ops + 1 + c.rng.IntN(300)
				c.run(t, 100)
			}
		})
	}
}

// TestFailedOperation lets each file-system operation fail in turn, and all
// behind it.
func TestFailedOperation(t *testing.T) {
	for _, seed := range seeds(t, 3) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			for at := 1; ; at++ {
				c := newChaos(seed)
				c.at, c.fails = at, true
				if !c.run(t, 60) {
					return // it went through without reaching the operation
				}
			}
		})
	}
}
