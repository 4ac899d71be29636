package broker

import (
	"testing"
	"time"

	"github.com/quorate/quorate/message"
)

func TestStamp(t *testing.T) {
	const now = 1_000_000
	for _, c := range []struct {
		name             string
		stamp            Stamp
		sent, expires    int64
		wantSent, wantEx int64
	}{
		{"a time to live is kept", Stamp{}, 10, 110, now, now + 100},
		{"a message of the future", Stamp{}, 2_000_000, 2_000_100, now, now + 100},
		{"no time to live", Stamp{}, 10, 0, now, 0},
		{"… gets one", Stamp{ZeroTTL: time.Second}, 10, 0, now, now + 1000},
		{"… which is bounded", Stamp{ZeroTTL: time.Minute, MaxTTL: time.Second}, 10, 0, now, now + 1000},
		{"a ceiling", Stamp{MaxTTL: time.Second}, 10, 60_010, now, now + 1000},
		{"below the ceiling", Stamp{MaxTTL: time.Hour}, 10, 60_010, now, now + 60_000},
		{"future only: later", Stamp{FutureOnly: true}, 10, 110, now, now + 100},
		{"future only: not earlier", Stamp{FutureOnly: true}, 2_000_000, 2_000_100, 2_000_000, 2_000_100},
		{"no time at all", Stamp{ZeroTTL: time.Second}, 0, 0, 0, 0},
	} {
		r := &reign{cfg: &Config{Now: func() time.Time { return time.UnixMilli(now) }, Stamp: c.stamp}}
		r.cfg.Stamp.On = true
		m := &message.Message{Timestamp: c.sent, Expiration: c.expires}
		got := r.stamp(m)
		if got.Timestamp != c.wantSent || got.Expiration != c.wantEx {
			t.Errorf("%s: sent %d expires %d, want %d and %d", c.name, got.Timestamp, got.Expiration, c.wantSent, c.wantEx)
		}
		if m.Timestamp != c.sent || m.Expiration != c.expires {
			t.Errorf("%s: the message itself changed", c.name)
		}
	}
}

func TestForcedPersistence(t *testing.T) {
	for force, want := range map[Persistence]int{AsSent: 1, AlwaysPersistent: 2, NeverPersistent: 0} {
		r := newRig(t, func(c *Config) { c.Force = force })
		a := r.connect("")
		a.send(persistent(queueNamed("q"), "1"), nil)
		a.send(volatileMessage(queueNamed("q"), "2"), nil)
		r.failover()
		if n := int(r.depth(queueNamed("q"))); n != want {
			t.Errorf("%d messages survive with %d, want %d", n, force, want)
		}
	}
}
