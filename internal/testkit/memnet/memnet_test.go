package memnet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// joined gives both ends of a connection from a to b.
func joined(t *testing.T, n *Net) (a, b net.Conn) {
	t.Helper()
	l, err := n.Host("b").Listen("b:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = n.Host("a").Dial(context.Background(), l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func read(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		n.Delay("a", "b", 30*time.Millisecond, 30*time.Millisecond)
		a, b := joined(t, n)
		began := time.Now()
		if _, err := a.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if got := read(t, b, 5); got != "hello" || time.Since(began) != 30*time.Millisecond {
			t.Errorf("%q after %v", got, time.Since(began))
		}
		_ = a.Close()
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v", err)
		}
		if _, err := b.Write([]byte("x")); err == nil {
			t.Error("written to a closed connection")
		}
	})
}

func TestHoldIsOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		a, b := joined(t, n)
		n.Hold("a", "b", true)
		_, _ = a.Write([]byte("late"))
		_, _ = b.Write([]byte("now"))
		if got := read(t, a, 3); got != "now" {
			t.Error(got)
		}
		_ = b.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("held: %v", err)
		}
		_ = b.SetReadDeadline(time.Time{})
		n.Hold("a", "b", false)
		if got := read(t, b, 4); got != "late" {
			t.Error(got)
		}
	})
}

func TestWindowBlocksTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := joined(t, New(1))
		_ = a.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := a.Write(make([]byte, Window+1))
		if n != Window || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
}

func TestResetAndKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		a, b := joined(t, n)
		if n.Conns("a", "b") != 1 {
			t.Error("one connection")
		}
		n.Reset("b", "a")
		for _, c := range []net.Conn{a, b} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, errReset) {
				t.Errorf("reset: %v", err)
			}
		}
		l, err := n.Host("b").Listen("b:7")
		if err != nil {
			t.Fatal(err)
		}
		n.Kill("b")
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept on a killed host: %v", err)
		}
		if _, err := n.Host("a").Dial(context.Background(), "b:7"); !errors.Is(err, errRefused) {
			t.Errorf("dial to a killed host: %v", err)
		}
	})
}

func TestDialWaitsForAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		n.Cut("a", "b", true)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := n.Host("a").Dial(ctx, "b:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
