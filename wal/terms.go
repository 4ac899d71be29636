package wal

import (
	"slices"
	"sort"
)

// terms knows the term of every entry of the log and of the one before it. A
// term lasts for many entries, so runs of equal terms are all that is kept.
type terms struct {
	runs []run // ascending in both; the first one begins at the entry before the log
}

type run struct {
	first Index
	term  uint64
}

func (t *terms) reset(base Index, term uint64) {
	t.runs = append(t.runs[:0], run{base, term})
}

// at returns the term of i, which must not be below the base.
func (t *terms) at(i Index) uint64 {
	k := sort.Search(len(t.runs), func(k int) bool { return t.runs[k].first > i })
	return t.runs[k-1].term
}

func (t *terms) append(i Index, term uint64) {
	if t.runs[len(t.runs)-1].term != term {
		t.runs = append(t.runs, run{i, term})
	}
}

// cut forgets the entries from i on. The base stays.
func (t *terms) cut(i Index) {
	for n := len(t.runs); n > 1 && t.runs[n-1].first >= i; n-- {
		t.runs = t.runs[:n-1]
	}
}

// prune makes base the entry before the log.
func (t *terms) prune(base Index) {
	k := sort.Search(len(t.runs), func(k int) bool { return t.runs[k].first > base })
	t.runs = slices.Delete(t.runs, 0, k-1)
	t.runs[0].first = base
}
