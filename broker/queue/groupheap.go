package queue

import "container/heap"

// A groupHeap are the groups of a consumer that have something parked which
// could go out, the one with the first place in front.
type groupHeap []*group

func (h groupHeap) Len() int           { return len(h) }
func (h groupHeap) Less(i, j int) bool { return h[i].parked[0].Place.Less(h[j].parked[0].Place) }
func (h groupHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *groupHeap) Push(x any) {
	g := x.(*group)
	g.at = len(*h)
	*h = append(*h, g)
}
func (h *groupHeap) Pop() any {
	old := *h
	g := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	g.at = -1
	return g
}

// put notes that g has something parked, or that what is first has changed.
func (h *groupHeap) put(g *group) {
	if g.at >= 0 {
		heap.Fix(h, g.at)
		return
	}
	heap.Push(h, g)
}

func (h *groupHeap) drop(g *group) {
	if g.at >= 0 {
		heap.Remove(h, g.at)
	}
}

// first gives the group whose parked entry comes first; nil if there is none.
func (h *groupHeap) first() *group {
	for len(*h) > 0 {
		g := (*h)[0]
		if g.parked[0].state == Parked {
			return g
		}
		g.prune()
	}
	return nil
}
