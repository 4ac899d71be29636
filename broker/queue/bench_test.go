package queue

import (
	"fmt"
	"testing"
)

// BenchmarkPath is the way of a message through a machine that keeps up:
// arrived, delivered, acknowledged, settled.
func BenchmarkPath(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("consumers=%d", n), func(b *testing.B) {
			m := New(Limits{Messages: 2000, Bytes: 4 << 20, Pending: 4 << 20, MaxRedeliveries: 6, MaxWaiting: -1}, 0, false)
			for i := range n {
				m.Add(&Consumer{Value: i, Credit: 100})
			}
			var buf []Effect
			value := any("m")
			seq := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				for range 16 {
					seq++
					m.Arrive(&Entry{Place: Place{Seq: seq}, Size: 1024, Value: value})
				}
				m.Dispatch(0)
				buf = m.Take(buf)
				if len(buf) != 16 {
					b.Fatalf("%d effects", len(buf))
				}
				for i := range buf {
					m.Ack(buf[i].Entry, buf[i].Consumer)
				}
				for i := range buf {
					m.Settle(buf[i].Entry)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(seq), "ns/msg")
		})
	}
}
