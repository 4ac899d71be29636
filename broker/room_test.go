package broker

import (
	"fmt"
	"testing"

	"github.com/quorate/quorate/message"
)

// A client that does not read gets what its room holds and a message more. What
// is for others goes on, and it gets the rest once it reads.
func TestClientThatDoesNotRead(t *testing.T) {
	const n, size = 100, 256 << 10
	for _, d := range []message.Destination{queueNamed("q"), topicNamed("t")} {
		t.Run(d.String(), func(t *testing.T) {
			r := newRig(t, nil)
			slow, fast, sender := r.connect("slow"), r.connect("fast"), r.connect("sender")
			slow.stuck.Store(true)
			slow.subscribe(Spec{Destination: d, Prefetch: 1000})
			for i := range n {
				sender.send(&message.Message{ID: fmt.Sprint(i), Destination: d, Persistent: true, Body: make([]byte, size)}, nil)
			}
			r.quiet()
			held := len(slow.got)
			if most := maxUnwritten/size + 1; held == 0 || held > most {
				t.Fatalf("a client that does not read was handed %d messages, want at most %d", held, most)
			}
			if d.Kind == message.Queue {
				fast.subscribe(Spec{Destination: d, Prefetch: n})
				for range n - held {
					await(t, fast.got)
				}
				return
			}
			slow.stuck.Store(false)
			for range n {
				await(t, slow.got).Written()
			}
		})
	}
}
