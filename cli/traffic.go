package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/client"
)

// traffic is what producer and consumer have in common.
type traffic struct {
	url         string
	destination string
	count       int
	threads     int
	user        string
	password    string
	quiet       bool

	paint painter
	out   io.Writer
	mu    sync.Mutex // of out
	told  time.Time  // when unanswered said something last
}

func trafficOf(c *cobra.Command) *traffic {
	t := &traffic{}
	f := c.Flags()
	f.StringVar(&t.url, "broker-url", "failover:(stomp://127.0.0.1:61613)", "where to connect: stomp://host:port, or failover:(stomp://h1:61613,stomp://h2:61613)")
	f.StringVar(&t.destination, "destination", "/queue/TEST", "/queue/NAME or /topic/NAME; queue://NAME and topic://NAME are the same")
	f.IntVar(&t.count, "count", 1000, "how many messages, of all threads together; 0 goes on until Ctrl-C")
	f.IntVar(&t.threads, "threads", 1, "how many connections")
	f.StringVar(&t.user, "user", "", "name to log in with")
	f.StringVar(&t.password, "password", "", "password to log in with")
	f.BoolVarP(&t.quiet, "quiet", "q", false, "no progress, only the summary")
	return t
}

// prepare checks the flags and takes the output.
func (t *traffic) prepare(out io.Writer) error {
	for from, to := range map[string]string{"queue://": "/queue/", "topic://": "/topic/"} {
		if name, ok := strings.CutPrefix(t.destination, from); ok {
			t.destination = to + name
		}
	}
	if !strings.HasPrefix(t.destination, "/") {
		t.destination = "/queue/" + t.destination
	}
	if t.threads < 1 || t.threads > 10_000 {
		return fmt.Errorf("--threads %d: want 1 to 10000", t.threads)
	}
	if t.count < 0 {
		return fmt.Errorf("--count %d: want 0 or more", t.count)
	}
	t.out, t.paint = out, paintFor(out)
	return nil
}

// options are those of connection number n.
func (t *traffic) options(n int) client.Options {
	return client.Options{Login: t.user, Passcode: t.password, Failed: t.unanswered, Changed: func(e client.Event) {
		if t.quiet || errors.Is(e.Err, client.ErrClosed) {
			return
		}
		if e.Err != nil {
			t.say(t.paint.in(yellow, fmt.Sprintf("connection %d to %s lost: %v", n, e.Address, e.Err)))
			return
		}
		t.say(t.paint.in(green, fmt.Sprintf("connection %d to %s", n, e.Address)))
	}}
}

// unanswered says, at most every two seconds, why there is no connection.
func (t *traffic) unanswered(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); !t.quiet && now.Sub(t.told) >= 2*time.Second {
		t.told = now
		fmt.Fprintln(t.out, t.paint.in(yellow, "still trying: "+strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
}

// share gives the number of messages of thread n: 0 is without end.
func (t *traffic) share(n int) int {
	share := t.count / t.threads
	if n < t.count%t.threads {
		share++
	}
	return share
}

func (t *traffic) say(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.out, text)
}

// progress calls line each second with the seconds since the last call and
// says what it gives, until ctx ends.
func (t *traffic) progress(ctx context.Context, line func(seconds float64) string) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if text := line(now.Sub(last).Seconds()); !t.quiet {
				t.say(text)
			}
			last = now
		}
	}
}

// A pace holds back so that no more than a rate is done in a second.
type pace struct {
	interval time.Duration // 0: no limit
	next     time.Time
}

func newPace(perSecond float64) *pace {
	if perSecond <= 0 {
		return &pace{}
	}
	return &pace{interval: time.Duration(float64(time.Second) / perSecond), next: time.Now()}
}

// wait waits for the next turn. Turns that were missed are not made up for.
func (p *pace) wait(ctx context.Context) error {
	if p.interval == 0 {
		return ctx.Err()
	}
	now := time.Now()
	if d := p.next.Sub(now); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
	p.next = p.next.Add(p.interval)
	if behind := time.Now().Add(-time.Second); p.next.Before(behind) {
		p.next = behind
	}
	return nil
}

func rate(n uint64, since time.Duration) string {
	if since <= 0 {
		return "0"
	}
	return fmt.Sprintf("%.0f", float64(n)/since.Seconds())
}
