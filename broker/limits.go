package broker

import (
	"math"
	"time"
)

// Limits bound what the broker holds. A zero field takes its default.
type Limits struct {
	InFlight    int64         // bytes proposed and not yet applied, all connections; default 32 MiB
	Memory      int64         // bytes of messages held in memory; default 64 MiB. Never blocks a persistent send
	Store       int64         // bytes on disk of the durable store; default none
	Temp        int64         // bytes on disk of spilled non-persistent messages; default none
	SendTimeout time.Duration // how long Store and Temp may block a sender before it gets an error; default 10 s; negative: at once
	Transaction int64         // bytes of one transaction's sends; default 32 MiB. All open ones together have four times as many
	MessageSize int           // bytes of one message's body; default 100 MiB
}

func (l Limits) withDefaults() Limits {
	def := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	def(&l.InFlight, 32<<20)
	def(&l.Memory, 64<<20)
	def(&l.Store, math.MaxInt64)
	def(&l.Temp, math.MaxInt64)
	def(&l.Transaction, 32<<20)
	if l.SendTimeout == 0 {
		l.SendTimeout = 10 * time.Second
	}
	if l.MessageSize == 0 {
		l.MessageSize = 100 << 20
	}
	return l
}
