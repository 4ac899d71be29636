package broker

import "sync/atomic"

// collected is what a life has been used at when it has ended.
const collected = -1

// useEvery is how long a use is good for, in milliseconds: one that is younger
// is not written again.
const useEvery = 1000

// A life knows when a destination was last used, so that one that nobody uses
// can be collected, and that nobody begins to use it while it is.
type life struct{ used atomic.Int64 } // milliseconds since 1970, or collected

// use notes a use. It reports false if the destination has been collected: it
// has to be looked up again, and is made anew.
func (l *life) use(now int64) bool {
	for {
		last := l.used.Load()
		if last == collected {
			return false
		}
		if now-last < useEvery || l.used.CompareAndSwap(last, now) {
			return true
		}
	}
}

// ended reports whether the destination has been collected.
func (l *life) ended() bool { return l.used.Load() == collected }

// idle reports whether the last use was at or before then.
func (l *life) idle(then int64) bool {
	last := l.used.Load()
	return last != collected && last <= then
}

// end ends the life if the last use was at or before then.
func (l *life) end(then int64) bool {
	last := l.used.Load()
	return last != collected && last <= then && l.used.CompareAndSwap(last, collected)
}

// begin begins a life, or one anew that had ended.
func (l *life) begin(now int64) { l.used.Store(now) }
