package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/quorate/quorate/message"
)

// tellAgain is how long a limit is not logged again, as ActiveMQ's
// blockedProducerWarningInterval.
const tellAgain = 30 * time.Second

// A reason says why a sender has to wait.
type reason interface {
	fmt.Stringer
	key() string            // what of the log is to be limited in its rate
	usage() (string, int64) // name and usage of the limit
	kept(*reign) string     // who holds what is used, may be empty
}

func (l *limit) key() string            { return l.name }
func (l *limit) usage() (string, int64) { return l.name, l.used }

func (l *limit) kept(r *reign) string {
	s := fmt.Sprintf("%d bytes are used", l.used)
	if h := r.usage.heldBy(l); h != "" {
		s += ", most by " + h
	}
	return s
}

// A blocked sender waits for room.
type blocked struct {
	u     *usage
	c     *Conn
	dest  message.Destination
	why   reason
	since time.Time
	timer *time.Timer // of SendTimeout; nil: it does not wait at all
	told  bool
	over  bool // it got an error, or its connection ended
}

// block begins to wait, and tells so in the log and as events.
func (u *usage) block(c *Conn, dest message.Destination, why reason) *blocked {
	b := &blocked{u: u, c: c, dest: dest, why: why, since: time.Now()}
	if d := u.r.cfg.Limits.SendTimeout; d > 0 {
		b.timer = time.NewTimer(d)
	}
	u.held.Add(1)
	b.told = u.tell(why.key())
	if b.told {
		u.r.cfg.Logger.Warn(b.stopping(), "client", c.info.ClientID, "remote", c.info.Remote)
	}
	u.r.blockedBy(b)
	return b
}

// stopping is what ActiveMQ logs and answers.
func (b *blocked) stopping() string {
	return fmt.Sprintf("%v. Stopping producer (%s) to prevent flooding %v", b.why, b.c.name(), b.dest)
}

// tell reports whether it is time to log something about a limit again.
func (u *usage) tell(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	if last, ok := u.told[key]; ok && now.Sub(last) < tellAgain {
		return false
	}
	if len(u.told) > 1000 {
		clear(u.told)
	}
	u.told[key] = now
	return true
}

// wait waits for one of two channels, and gives the error of a sender that has
// waited for long enough.
func (b *blocked) wait(ctx context.Context, one, other <-chan struct{}) error {
	if b.timer == nil {
		return b.refuse()
	}
	select {
	case <-one:
		return nil
	case <-other:
		return nil
	case <-b.timer.C:
		return b.refuse()
	case <-ctx.Done():
		b.over = true
		return ctx.Err()
	}
}

func (b *blocked) refuse() error {
	b.over = true
	text := b.stopping() + ": " + b.why.kept(b.u.r)
	if b.timer != nil {
		text += fmt.Sprintf("; no room came within %v", b.u.r.cfg.Limits.SendTimeout)
	}
	return &Error{Kind: KindResourceLimit, Op: "send", Detail: text}
}

// stop makes it not wait at all.
func (b *blocked) stop() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
}

// end is the end of waiting.
func (b *blocked) end() {
	b.u.held.Add(-1)
	b.stop()
	if b.told && !b.over {
		b.u.r.cfg.Logger.Info(fmt.Sprintf("Producer (%s) to %v goes on after %v", b.c.name(), b.dest, time.Since(b.since).Round(time.Millisecond)))
	}
}
