package broker

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quorate/quorate/message"
)

// ActiveMQ's bounds where the configuration gives none.
const (
	standardRecoverCount = 100
	standardRecoverBytes = 64 << 10
	standardRecoverTime  = time.Minute
)

// A recovery keeps the last messages of a topic for retroactive subscriptions.
// It is memory of the master, counted as such, and bounded by the policy's
// PendingBytes whatever else the policy says.
//
// Publishing and joining hold its lock while they tell the shards, so that they
// stand in one order: a message is either replayed to who joins or published to
// it, and what is replayed comes first.
type recovery struct {
	count  int
	bytes  int
	life   time.Duration // 0: for ever
	now    func() time.Time
	memory *atomic.Int64 // of the broker

	mu   sync.Mutex
	kept []remembered // the oldest first
	size int
}

type remembered struct {
	msg  *message.Message
	from uint64 // connection, 0 for none
	at   time.Time
}

// newRecovery gives what a topic's policy asks for, nil for nothing.
func newRecovery(r *reign, d message.Destination, p *Policy) *recovery {
	v := &recovery{count: math.MaxInt, bytes: p.PendingBytes, now: r.cfg.Now, memory: &r.usage.memory}
	n := int(min(p.RecoverySize, math.MaxInt32))
	or := func(standard int) int {
		if n > 0 {
			return n
		}
		return standard
	}
	switch p.Recovery {
	case RecoverLast:
		v.count = 1
	case RecoverCount:
		v.count = or(standardRecoverCount)
	case RecoverBytes:
		v.bytes = min(v.bytes, or(standardRecoverBytes))
	case RecoverTimed:
		if v.life = p.RecoveryTime; v.life <= 0 {
			v.life = standardRecoverTime
		}
	default:
		return nil
	}
	if isAdvisory(d) || d.Kind.IsTemp() {
		return nil
	}
	return v
}

// add keeps a message. The lock is held.
func (v *recovery) add(m *message.Message, from *Conn) {
	k := remembered{msg: m}
	if from != nil {
		k.from = from.id
	}
	if v.life > 0 {
		k.at = v.now()
	}
	v.kept = append(v.kept, k)
	v.grow(m.Size())
	v.trim()
}

// trim drops what is too much or too old, the oldest first. The lock is held.
func (v *recovery) trim() {
	n := 0
	var oldest time.Time
	if v.life > 0 {
		oldest = v.now().Add(-v.life)
	}
	for ; n < len(v.kept); n++ {
		k := &v.kept[n]
		if len(v.kept)-n <= v.count && v.size <= v.bytes && (v.life == 0 || k.at.After(oldest)) {
			break
		}
		v.grow(-k.msg.Size())
		*k = remembered{}
	}
	if v.kept = v.kept[n:]; len(v.kept) == 0 {
		v.kept = nil
	}
}

func (v *recovery) grow(n int) {
	v.size += n
	v.memory.Add(int64(n))
}

// empty reports whether nothing is kept any more.
func (v *recovery) empty() bool {
	if v == nil {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.trim()
	return len(v.kept) == 0
}

// replay hands what is kept to a subscription that joins. The lock is held.
func (v *recovery) replay(l *link) {
	v.trim()
	for _, k := range v.kept {
		if !l.sub.spec.NoLocal || l.sub.conn.id != k.from {
			l.box.shard.inbox.post(event{kind: evPublish, links: []*link{l}, msg: k.msg})
		}
	}
}
