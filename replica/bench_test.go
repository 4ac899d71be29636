package replica

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/replica/seat"
	"github.com/quorate/quorate/wal"
)

// nullMachine applies nothing.
type nullMachine struct {
	mu    sync.Mutex
	index wal.Index
}

func (m *nullMachine) Applied() (wal.Index, uint64, []byte) { return 0, 0, nil }
func (m *nullMachine) Apply(wal.Index, uint64, int, []byte) any {
	return nil
}

func (m *nullMachine) Settle(i wal.Index, _ uint64, _ []byte) {
	m.mu.Lock()
	m.index = i
	m.mu.Unlock()
}

func (m *nullMachine) Low() wal.Index {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.index
}

func (m *nullMachine) Checkpoint(string) (wal.Index, uint64, []byte, error) {
	return 0, 0, nil, fmt.Errorf("no checkpoint")
}

func (m *nullMachine) Restore(string) error { return fmt.Errorf("no checkpoint") }

type loopback struct{}

func (loopback) Listen(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
func (loopback) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// BenchmarkReplicate measures confirmed batches of 1 KiB on nodes of one
// process, with real disks and connections, 4096 in flight.
func BenchmarkReplicate(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		b.Run(fmt.Sprintf("%d", nodes), func(b *testing.B) { benchReplicate(b, nodes, 4096) })
	}
}

// BenchmarkLatency is the same with one batch in flight.
func BenchmarkLatency(b *testing.B) {
	b.Run("3", func(b *testing.B) { benchReplicate(b, 3, 1) })
}

func benchReplicate(b *testing.B, nodes, window int) {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var all []*Node
	t := &seat.Table{Cluster: [16]byte{1}, Replicas: nodes, Version: 1}
	for i := range nodes {
		n, err := Open(Config{
			Dir: b.TempDir(), FS: vfs.Default, Seat: fmt.Sprintf("s%d", i), Replicas: nodes, Token: "t",
			Bind: "127.0.0.1:0", Network: loopback{}, Machine: &nullMachine{},
		})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, n)
		t.Seats = append(t.Seats, seat.Seat{Name: n.cfg.Seat, ID: uint64(n.self.id()), Address: n.Address(), Incarnation: 1})
	}
	for _, n := range all {
		for _, o := range all {
			if o != n {
				n.SetAddresses(append([]string(nil), addressesBut(all, n)...))
			}
		}
		wg.Go(func() { _ = n.Run(ctx) })
	}
	defer wg.Wait()
	defer stop()
	if err := all[0].FoundAll(t.Append(nil)); err != nil {
		b.Fatal(err)
	}
	for !all[0].Leased() {
		all[0].Stand()
		<-time.After(50 * time.Millisecond)
	}
	batch := make([]byte, 1024)
	slots := make(chan struct{}, window)
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	for b.Loop() {
		slots <- struct{}{}
		all[0].Propose(batch, func(_ any, err error) {
			if err != nil {
				b.Error(err)
			}
			<-slots
		})
	}
	for range window {
		slots <- struct{}{}
	}
}

func addressesBut(all []*Node, but *Node) []string {
	var out []string
	for _, n := range all {
		if n != but {
			out = append(out, n.Address())
		}
	}
	return out
}
