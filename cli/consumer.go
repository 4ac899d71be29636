package cli

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/client"
)

// A consumer receives messages and acknowledges each.
type consumer struct {
	*traffic
	prefetch int
	selector string
	durable  string
	clientID string
	browse   bool
	rate     float64
	timeout  time.Duration
	print    bool

	received    atomic.Uint64
	acked       atomic.Uint64
	redelivered atomic.Uint64
	unconfirmed atomic.Uint64
	bytes       atomic.Uint64

	mu   sync.Mutex
	last time.Time
	gap  time.Duration
}

func consumerCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "consumer",
		Short: "Receive messages, and acknowledge them",
		Long: `Receives messages and acknowledges each when it has been counted. Across a
failover it connects and subscribes again; what may have been delivered before
carries the redelivered mark, and is counted.`,
		Args: cobra.NoArgs,
	}
	r := &consumer{traffic: trafficOf(c)}
	f := c.Flags()
	f.IntVar(&r.prefetch, "prefetch", 0, "messages on their way at a time; 0 is the broker's default")
	f.StringVar(&r.selector, "selector", "", "receive only messages whose headers match, such as \"priority > 4\"")
	f.StringVar(&r.durable, "durable", "", "name of a durable subscription to a topic; needs --client-id")
	f.StringVar(&r.clientID, "client-id", "", "client id of the connection; of several threads, with a number appended")
	f.BoolVar(&r.browse, "browse", false, "look without taking")
	f.Float64Var(&r.rate, "rate", 0, "messages a second, of all threads together; 0 is as fast as they come")
	f.DurationVar(&r.timeout, "timeout", 0, "end when nothing has come for this long; 0 waits")
	f.BoolVar(&r.print, "print", false, "print the body of each message")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := r.prepare(c.OutOrStdout()); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return r.run(ctx)
	}
	return c
}

func (r *consumer) run(ctx context.Context) error {
	if r.durable != "" && r.clientID == "" {
		return errors.New("--durable needs --client-id")
	}
	began := time.Now()
	reporting, done := context.WithCancel(ctx)
	var report, work sync.WaitGroup
	report.Go(func() { r.report(reporting) })
	errs := make([]error, r.threads)
	for n := range r.threads {
		work.Go(func() { errs[n] = r.receive(ctx, n) })
	}
	work.Wait()
	took := time.Since(began)
	done()
	report.Wait()
	r.summary(took)
	return errors.Join(errs...)
}

// receive is one thread.
func (r *consumer) receive(ctx context.Context, n int) error {
	share := r.share(n)
	if share == 0 && r.count > 0 {
		return nil
	}
	o := r.options(n + 1)
	if o.ClientID = r.clientID; r.clientID != "" && r.threads > 1 {
		o.ClientID = fmt.Sprintf("%s-%d", r.clientID, n+1)
	}
	c, err := client.Dial(ctx, r.url, o)
	if err != nil {
		return unlessStopped(ctx, fmt.Errorf("connection %d: %w", n+1, err))
	}
	defer c.Close()
	prefetch := r.prefetch
	if share > 0 && prefetch == 0 && share < 100 {
		prefetch = share // take no more than will be acknowledged
	}
	sub, err := c.Subscribe(ctx, client.Spec{Destination: r.destination, Prefetch: prefetch,
		Selector: r.selector, Durable: r.durable, Browse: r.browse})
	if err != nil {
		return unlessStopped(ctx, fmt.Errorf("subscribe to %s: %w", r.destination, err))
	}
	return r.loop(ctx, sub, share)
}

func (r *consumer) loop(ctx context.Context, sub *client.Subscription, share int) error {
	turn := newPace(r.rate / float64(r.threads))
	var open sync.WaitGroup
	defer open.Wait() // each has its outcome, by the receipt or by the end of its connection
	for i := 0; share == 0 || i < share; i++ {
		if turn.wait(ctx) != nil {
			return nil
		}
		d, err := r.next(ctx, sub)
		switch {
		case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case d.End:
			return nil
		}
		r.count1(d)
		if r.browse {
			continue
		}
		open.Add(1)
		err = d.AckAsync(func(err error) {
			defer open.Done()
			if err != nil {
				r.unconfirmed.Add(1) // it comes again, marked
				return
			}
			r.acked.Add(1)
		})
		if err != nil {
			r.unconfirmed.Add(1)
			open.Done()
		}
	}
	return nil
}

// next waits for a message, as long as --timeout says.
func (r *consumer) next(ctx context.Context, sub *client.Subscription) (*client.Delivery, error) {
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.timeout)
		defer cancel()
	}
	return sub.Receive(ctx)
}

func (r *consumer) count1(d *client.Delivery) {
	r.received.Add(1)
	r.bytes.Add(uint64(len(d.Body)))
	mark := ""
	if d.Redelivered() {
		r.redelivered.Add(1)
		mark = " (redelivered)"
	}
	now := time.Now()
	r.mu.Lock()
	if !r.last.IsZero() {
		r.gap = max(r.gap, now.Sub(r.last))
	}
	r.last = now
	r.mu.Unlock()
	if r.print {
		r.say(string(d.Body) + mark)
	}
}

func (r *consumer) longestGap() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gap.Round(time.Millisecond)
}

func (r *consumer) report(ctx context.Context) {
	var last uint64
	r.progress(ctx, func(seconds float64) string {
		n := r.received.Load()
		text := fmt.Sprintf("%d received, %.0f/s, %d acknowledged, %d redelivered, longest gap %v",
			n, float64(n-last)/seconds, r.acked.Load(), r.redelivered.Load(), r.longestGap())
		last = n
		return text
	})
}

func (r *consumer) summary(took time.Duration) {
	n := r.received.Load()
	r.say(fmt.Sprintf("%d messages received in %v, %s a second, %d acknowledged, %d redelivered, longest gap %v",
		n, took.Round(time.Millisecond), rate(n, took), r.acked.Load(), r.redelivered.Load(), r.longestGap()))
	if n := r.unconfirmed.Load(); n > 0 {
		r.say(fmt.Sprintf("%d acknowledgements were not confirmed: those messages come again", n))
	}
}
