package zookeeper

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAgain has sessions that fail at once: the pauses grow to their limit and
// the attempts never end. One that held for a while makes them short again.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		broken := errors.New("no server")
		var at []time.Duration
		start, losses := time.Now(), 0
		again(ctx, func(ctx context.Context) error {
			at = append(at, time.Since(start))
			switch len(at) {
			case 40:
				<-time.After(time.Hour)
			case 43:
				cancel()
			}
			return broken
		}, func(err error) {
			losses++
			if !errors.Is(err, broken) {
				t.Errorf("lost with %v", err)
			}
		})
		var pauses []time.Duration
		for i := 1; i < len(at); i++ {
			pauses = append(pauses, at[i]-at[i-1])
		}
		ms := time.Millisecond
		if want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, pauseMax, pauseMax}; !slices.Equal(pauses[:7], want) {
			t.Errorf("the first pauses are %v", pauses[:7])
		}
		if want := []time.Duration{time.Hour + pauseMin, 2 * pauseMin, 4 * pauseMin}; !slices.Equal(pauses[39:], want) {
			t.Errorf("the pauses after a session are %v", pauses[39:])
		}
		if len(at) != 43 || losses != 42 {
			t.Errorf("%d attempts, %d losses", len(at), losses)
		}
	})
}

// TestDialGivesUp dials where nobody listens: an attempt ends in its time, with
// its goroutines.
func TestDialGivesUp(t *testing.T) {
	var alive life
	s, err := dial(t.Context(), []string{"127.0.0.1:1"}, 2*time.Second, "", &alive, slog.New(slog.DiscardHandler), 300*time.Millisecond)
	if s != nil || !errors.Is(err, errAway) {
		t.Errorf("session %v, error %v", s, err)
	}
	if alive.at.Load() != 0 {
		t.Error("nobody gave a sign of life")
	}
}

// TestRejoin keeps two holders of one identity from removing each other in a
// loop.
func TestRejoin(t *testing.T) {
	var r rejoin
	now, pauses := time.Minute, []time.Duration{}
	for range 8 {
		p := r.removed(now)
		pauses = append(pauses, p)
		now += p + 10*time.Millisecond
	}
	s := time.Second
	if want := []time.Duration{0, s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}; !slices.Equal(pauses, want) {
		t.Errorf("pauses %v", pauses)
	}
	if p := r.removed(now + time.Hour); p != 0 {
		t.Errorf("an hour later the pause is %v", p)
	}
}

// TestRecoveryLines are the lines that operators of ActiveMQ know, at the same
// moments.
func TestRecoveryLines(t *testing.T) {
	var b bytes.Buffer
	r := recovery{log: slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key != slog.MessageKey {
			return slog.Attr{}
		}
		return a
	}})), servers: []string{"zk1:2181"}}
	r.try()
	r.reached()
	r.lost(errExpired)
	for range 2 {
		r.try()
		r.lost(errAway)
	}
	r.try()
	r.reached()
	want := `msg="Connected to ZooKeeper at zk1:2181"
msg="Expiration detected: trying to restart..."
msg="Entering recovery mode"
msg="Recovery mode: trying to reconnect to zookeeper [1]"
msg="Recovery mode: trying to reconnect to zookeeper [2]"
msg="Exiting recovery mode."
msg="Connected to ZooKeeper at zk1:2181"
`
	if got := strings.TrimSpace(b.String()) + "\n"; got != want {
		t.Errorf("lines:\n%s\nwant:\n%s", got, want)
	}
}
