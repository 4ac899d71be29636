package broker

import (
	"strings"
	"testing"
)

// BenchmarkPath is the way of one message of 1 KiB through the broker: sent,
// applied by a log that answers at once, delivered, acknowledged, applied.
func BenchmarkPath(b *testing.B) {
	for _, kind := range []string{"persistent", "non-persistent"} {
		b.Run(kind, func(b *testing.B) {
			r := newRig(b, func(c *Config) { c.Limits.InFlight = 8 << 20 })
			d := queueNamed("q")
			o := &acker{left: b.N, done: make(chan struct{})}
			var err error
			o.c, err = r.b.Connect(ConnInfo{}, o)
			if err != nil {
				b.Fatal(err)
			}
			sender := r.connect("")
			if _, err := o.c.Subscribe(Spec{Destination: d}); err != nil {
				b.Fatal(err)
			}
			body := strings.Repeat("x", 1024)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				m := persistent(d, body)
				m.ID, m.Persistent = "ID:bench-1", kind == "persistent"
				if err := sender.c.Send(m, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
			<-o.done
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// An acker acknowledges what it gets. Deliveries of one queue come from one
// goroutine.
type acker struct {
	c    *Conn
	left int
	done chan struct{}
}

func (o *acker) Deliver(d *Delivery) {
	d.Message = nil
	d.Written()
	d.Sub.Ack(d, false, nil, nil)
	if o.left--; o.left == 0 {
		close(o.done)
	}
}

func (o *acker) Close(error) {}
