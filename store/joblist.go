package store

import (
	"slices"
	"sort"
)

// jobList holds jobs in order, in chunks that split when they are full.
type jobList struct {
	chunks [][]*Job // none empty
}

const jobChunk = 256

// chunk gives the number of the first chunk that ends at or behind p.
func (l *jobList) chunk(p JobPos) int {
	return sort.Search(len(l.chunks), func(i int) bool {
		c := l.chunks[i]
		return !c[len(c)-1].JobPos.Less(p)
	})
}

// at gives the place of the first job at or behind p.
func jobAt(c []*Job, p JobPos) int {
	return sort.Search(len(c), func(i int) bool { return !c[i].JobPos.Less(p) })
}

// insert adds a job, whose place is free.
func (l *jobList) insert(j *Job) {
	n := l.chunk(j.JobPos)
	if n == len(l.chunks) {
		if n == 0 || len(l.chunks[n-1]) == jobChunk {
			l.chunks = append(l.chunks, append(make([]*Job, 0, 4), j))
			return
		}
		n--
	}
	c := l.chunks[n]
	if len(c) == jobChunk {
		l.chunks = slices.Insert(l.chunks, n+1, slices.Clone(c[jobChunk/2:]))
		clear(c[jobChunk/2:])
		l.chunks[n] = c[:jobChunk/2]
		l.insert(j)
		return
	}
	l.chunks[n] = slices.Insert(c, jobAt(c, j.JobPos), j)
}

// remove takes the job at p out of the list; it must be there.
func (l *jobList) remove(p JobPos) {
	n := l.chunk(p)
	c := l.chunks[n]
	i := jobAt(c, p)
	if l.chunks[n] = slices.Delete(c, i, i+1); len(l.chunks[n]) == 0 {
		l.chunks = slices.Delete(l.chunks, n, n+1)
	}
}

// from calls f for each job behind p in order, until it says false.
func (l *jobList) from(p JobPos, f func(j *Job) bool) {
	p.ID++
	n := l.chunk(p)
	if n == len(l.chunks) {
		return
	}
	for i := jobAt(l.chunks[n], p); n < len(l.chunks); n, i = n+1, 0 {
		for _, j := range l.chunks[n][i:] {
			if !f(j) {
				return
			}
		}
	}
}
