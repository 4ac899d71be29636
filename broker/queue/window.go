package queue

import "slices"

// A window is the part of a queue in memory, in order of place. Entries that
// are gone are removed later, in bulk, and only when no page that was asked for
// before they were gone is still being read, so that it cannot bring them back.
type window struct {
	list []*Entry // list[head:] is the window
	head int
	gone int    // entries in the window that are Gone
	kept int    // of those, how many the last rebuild had to keep
	gen  uint64 // raised when entries change their index
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

// insert makes e, whose place find gave, list[i].
func (w *window) insert(i int, e *Entry) {
	if i == len(w.list) {
		w.list = append(w.list, e)
		return
	}
	w.list = slices.Insert(w.list, i, e)
	w.gen++
}

// remove takes list[i] out at once.
func (w *window) remove(i int) {
	w.list = slices.Delete(w.list, i, i+1)
	w.gen++
}

// compact drops what was gone before read number oldest was begun: always at the
// front, in the middle when that is more than half of the window.
func (w *window) compact(oldest int64) {
	for w.head < len(w.list) && w.list[w.head].state == Gone && w.list[w.head].when < oldest {
		w.list[w.head] = nil
		w.head++
		w.gone--
	}
	w.kept = min(w.kept, w.gone)
	switch live := len(w.list) - w.head; {
	case w.gone > 64+2*w.kept && w.gone > live/2:
		w.rebuild(oldest)
	case live == 0:
		w.list, w.head = w.list[:0], 0
		if cap(w.list) > 4096 {
			w.list = nil
		}
		w.gen++
	case w.head > 64 && w.head > live:
		n := copy(w.list, w.list[w.head:])
		clear(w.list[n:])
		w.list, w.head = w.list[:n], 0
		w.gen++
	}
}

func (w *window) rebuild(oldest int64) {
	n := 0
	w.gone = 0
	for _, e := range w.list[w.head:] {
		if e.state == Gone {
			if e.when < oldest {
				continue
			}
			w.gone++
		}
		w.list[n] = e
		n++
	}
	clear(w.list[n:])
	w.list, w.head, w.kept = w.list[:n], 0, w.gone
	w.gen++
}

// live gives the entries of the window, some of them Gone.
func (w *window) live() []*Entry { return w.list[w.head:] }
