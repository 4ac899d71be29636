package zookeeper

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"
)

func TestServersInTurn(t *testing.T) {
	var s inTurn
	if err := s.Init([]string{"a", "b", "c"}); err != nil || s.Len() != 3 {
		t.Fatalf("%v, %d servers", err, s.Len())
	}
	var got []string
	take := func(n int) {
		for range n {
			server, again := s.Next()
			if again {
				server += " again"
			}
			got = append(got, server)
		}
	}
	take(4)
	s.Connected()
	take(4)
	if want := []string{"a", "b", "c", "a again", "b", "c", "a", "b again"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestUnknownName has a server whose name cannot be resolved beside one that is
// there.
func TestUnknownName(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	came := make(chan bool, 1)
	go func() { // ends with the listener
		c, err := l.Accept()
		came <- err == nil
		if err == nil {
			c.Close()
		}
	}()
	var alive life
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := dial(ctx, []string{"nowhere.invalid:2181", l.Addr().String()}, time.Second, "", &alive, slog.New(slog.DiscardHandler), time.Minute)
		done <- err
	}()
	select {
	case ok := <-came:
		if !ok {
			t.Error("nobody came")
		}
	case err := <-done:
		t.Errorf("gave up: %v", err)
	}
	cancel()
	<-done
}
