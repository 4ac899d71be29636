package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// bodyKind is what bodies are made of: text that looks like records of an
// application, or noise that no disk can compress.
var bodyKind = "text"

// bodies gives message bodies of one size, cut from a pool that all share. Each
// begins with the time it was sent.
type bodies struct {
	pool []byte
	rnd  *rand.Rand
	buf  []byte
}

func newBodies(size int) *bodies {
	return &bodies{pool: bodyPool(), rnd: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), buf: make([]byte, size)}
}

// bodyPool is much larger than what a broker compresses at once.
var bodyPool = sync.OnceValue(func() []byte {
	const size = 8 << 20
	if bodyKind == "noise" {
		p := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{}).Read(p)
		return p
	}
	p := make([]byte, 0, size+1024)
	for rnd := rand.New(rand.NewPCG(1, 2)); len(p) < size; {
		p = record(p, rnd)
	}
	return p
})

// record appends one record as applications exchange them, as JSON: names that
// repeat, numbers and identifiers that do not.
func record(p []byte, rnd *rand.Rand) []byte {
	states := []string{"NEW", "PAID", "PACKED", "SHIPPED", "RETURNED"}
	return fmt.Appendf(p, `{"orderId":"%016x%016x","customer":%d,"state":%q,"placedAt":"2026-%02d-%02dT%02d:%02d:%02d.%03dZ","item":"%010x","count":%d,"price":%d.%02d,"currency":"EUR"},`,
		rnd.Uint64(), rnd.Uint64(), rnd.IntN(1e8), states[rnd.IntN(len(states))], 1+rnd.IntN(12), 1+rnd.IntN(28), rnd.IntN(24),
		rnd.IntN(60), rnd.IntN(60), rnd.IntN(1000), rnd.Uint64()>>24, 1+rnd.IntN(20), rnd.IntN(1000), rnd.IntN(100))
}

// next gives a body that is valid until the call after.
func (b *bodies) next(now time.Time) []byte {
	copy(b.buf, b.pool[b.rnd.IntN(len(b.pool)-len(b.buf)+1):])
	binary.BigEndian.PutUint64(b.buf, uint64(now.UnixNano()))
	return b.buf
}
