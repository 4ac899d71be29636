package link

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// sink counts what it receives.
type sink struct {
	up    chan struct{}
	bytes atomic.Int64
}

func (s *sink) Admit(Hello) error                    { return nil }
func (s *sink) Up(Hello)                             { s.up <- struct{}{} }
func (s *sink) Down(ID, error)                       {}
func (s *sink) Receive(_ ID, _ Class, p []byte)      { s.bytes.Add(int64(len(p))) }
func (s *sink) Stream(_ Hello, _ string, c net.Conn) { _ = c.Close() }

// BenchmarkLoopback sends payloads over real sockets, from one mesh to another.
func BenchmarkLoopback(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) { loopback(b, size) })
	}
}

func loopback(b *testing.B, size int) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	var meshes [2]*Mesh
	var sinks [2]*sink
	var addrs []string
	for i := range meshes {
		sinks[i] = &sink{up: make(chan struct{}, 9)}
		meshes[i] = New(Config{Network: TCP{}, Bind: "127.0.0.1:0", Handler: sinks[i],
			Self: func() Hello { return Hello{ID: ID(i + 1), Incarnation: 1} }})
		a, err := meshes[i].Listen()
		if err != nil {
			b.Fatal(err)
		}
		addrs = append(addrs, a.String())
		go func() { done <- meshes[i].Run(ctx) }()
	}
	meshes[0].SetPeers(addrs[1:])
	meshes[1].SetPeers(addrs[:1])
	<-sinks[0].up
	<-sinks[1].up
	payload := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for !meshes[0].Send(2, Append, payload) {
			pause(ctx, 100*time.Microsecond)
		}
	}
	for sinks[1].bytes.Load() < int64(b.N)*int64(size) {
		pause(ctx, 100*time.Microsecond)
	}
	b.StopTimer()
	cancel()
	<-done
	<-done
}
