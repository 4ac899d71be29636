package broker

import (
	"container/heap"
	"time"
)

// alarms are the mailboxes of a shard that have something to do at a time: one
// timer for all of them.
type alarms struct {
	heap  alarmHeap
	timer *time.Timer
	set   int64 // what the timer is set to, 0: it is not running
}

type alarmHeap []*mailbox

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].alarm < h[j].alarm }
func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].alarmAt, h[j].alarmAt = i+1, j+1
}
func (h *alarmHeap) Push(x any) {
	b := x.(*mailbox)
	*h = append(*h, b)
	b.alarmAt = len(*h)
}
func (h *alarmHeap) Pop() any {
	old := *h
	b := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	b.alarmAt = 0
	return b
}

// at sets when a mailbox is to be looked at, in milliseconds since 1970; 0:
// only when something happens to it.
func (a *alarms) at(box *mailbox, when int64) {
	if box.alarm == when {
		return
	}
	box.alarm = when
	switch {
	case when == 0:
		heap.Remove(&a.heap, box.alarmAt-1)
	case box.alarmAt == 0:
		heap.Push(&a.heap, box)
	default:
		heap.Fix(&a.heap, box.alarmAt-1)
	}
}

// due gives a mailbox whose time has come, nil if there is none.
func (a *alarms) due(now int64) *mailbox {
	if len(a.heap) == 0 || a.heap[0].alarm > now {
		return nil
	}
	box := a.heap[0]
	a.at(box, 0)
	return box
}

// arm sets the timer for the first of them.
func (a *alarms) arm(now int64) {
	first := int64(0)
	if len(a.heap) > 0 {
		first = a.heap[0].alarm
	}
	if first == a.set {
		return
	}
	a.set = first
	if first == 0 {
		a.timer.Stop()
		return
	}
	a.timer.Reset(time.Duration(max(first-now, 0)) * time.Millisecond)
}
