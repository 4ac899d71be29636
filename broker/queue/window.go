package queue

import "slices"

// A window is the part of a queue in memory, in order of place. Entries that
// are gone are removed later, in bulk; while a page is being read they stay,
// so that the page cannot bring them back.
type window struct {
	list []*Entry // list[head:] is the window
	head int
	next int // no entry before list[next] is Ready
	gone int // entries in the window that are Gone
}

// find gives the index of the first entry at or after p, and whether it is p.
func (w *window) find(p Place) (int, bool) {
	lo, hi := w.head, len(w.list)
	if hi > lo && w.list[hi-1].Place.Less(p) {
		return hi, false
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if w.list[mid].Place.Less(p) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(w.list) && w.list[lo].Place == p
}

func (w *window) insert(e *Entry) {
	i, _ := w.find(e.Place)
	if i == len(w.list) {
		w.list = append(w.list, e)
	} else {
		w.list = slices.Insert(w.list, i, e)
	}
	w.next = min(w.next, i)
}

// revive makes the scan for ready entries look at e again.
func (w *window) revive(e *Entry) {
	if i, ok := w.find(e.Place); ok {
		w.next = min(w.next, i)
	}
}

// compact drops what is gone: always at the front, in the middle when that is
// more than half of the window.
func (w *window) compact() {
	for w.head < len(w.list) && w.list[w.head].state == Gone {
		w.list[w.head] = nil
		w.head++
		w.gone--
	}
	switch live := len(w.list) - w.head; {
	case w.gone > 64 && w.gone > live/2:
		w.rebuild()
	case live == 0:
		w.list, w.head, w.next = w.list[:0], 0, 0
		if cap(w.list) > 4096 {
			w.list = nil
		}
	case w.head > 64 && w.head > live:
		n := copy(w.list, w.list[w.head:])
		clear(w.list[n:])
		w.list, w.next, w.head = w.list[:n], max(w.next-w.head, 0), 0
	}
	w.next = max(w.next, w.head)
}

func (w *window) rebuild() {
	n, next := 0, -1
	for i := w.head; i < len(w.list); i++ {
		if i >= w.next && next < 0 {
			next = n
		}
		if e := w.list[i]; e.state != Gone {
			w.list[n] = e
			n++
		}
	}
	if next < 0 {
		next = n
	}
	clear(w.list[n:])
	w.list, w.head, w.next, w.gone = w.list[:n], 0, next, 0
}

// live gives the entries of the window, some of them Gone.
func (w *window) live() []*Entry { return w.list[w.head:] }
