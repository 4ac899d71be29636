package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/quorate/quorate/client"
	"github.com/quorate/quorate/stomp/frame"
)

// A producer sends messages and counts what became of them.
type producer struct {
	*traffic
	size       int
	rate       float64
	persistent bool
	text       string
	headers    []string
	window     int

	confirmed atomic.Uint64
	refused   atomic.Uint64
	firstErr  atomic.Pointer[error]
	mu        sync.Mutex
	clients   []*client.Client
}

func producerCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "producer",
		Short: "Send messages, and count the confirmed ones",
		Long: `Sends messages with receipts and counts the confirmed ones. Across a failover it
connects again and sends again what was not confirmed; the broker recognises what
it has already. The gap is the longest time without a confirmation.`,
		Args: cobra.NoArgs,
	}
	p := &producer{traffic: trafficOf(c)}
	f := c.Flags()
	f.IntVar(&p.size, "size", 1024, "bytes of a message")
	f.Float64Var(&p.rate, "rate", 0, "messages a second, of all threads together; 0 is as fast as it goes")
	f.BoolVar(&p.persistent, "persistent", true, "whether the broker keeps them on disk")
	f.StringVar(&p.text, "message", "", "text to send instead of --size bytes")
	f.StringArrayVar(&p.headers, "header", nil, "`name:value` to add; may be repeated")
	f.IntVar(&p.window, "window", 1000, "how many may be unconfirmed on a connection")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := p.prepare(c.OutOrStdout()); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return p.run(ctx)
	}
	return c
}

func (p *producer) run(ctx context.Context) error {
	if p.size < 0 {
		return fmt.Errorf("--size %d: want 0 or more", p.size)
	}
	m, err := p.message()
	if err != nil {
		return err
	}
	began := time.Now()
	reporting, done := context.WithCancel(ctx)
	var report, work sync.WaitGroup
	report.Go(func() { p.report(reporting) })
	errs := make([]error, p.threads)
	for n := range p.threads {
		work.Go(func() { errs[n] = p.send(ctx, n, m) })
	}
	work.Wait()
	took := time.Since(began)
	done()
	report.Wait()
	return errors.Join(p.summary(took), errors.Join(errs...))
}

func (p *producer) message() (*client.Message, error) {
	m := &client.Message{Destination: p.destination, Persistent: p.persistent, Body: bytes.Repeat([]byte("x"), p.size)}
	if p.text != "" {
		m.Body, m.Text = []byte(p.text), true
	}
	for _, h := range p.headers {
		name, value, ok := bytes.Cut([]byte(h), []byte(":"))
		if !ok || len(name) == 0 {
			return nil, fmt.Errorf("--header %q: want name:value", h)
		}
		m.Headers = append(m.Headers, frame.Header{Name: string(name), Value: string(value)})
	}
	return m, nil
}

// send is one thread. It returns when everything it sent has an outcome.
func (p *producer) send(ctx context.Context, n int, m *client.Message) error {
	share := p.share(n)
	if share == 0 && p.count > 0 {
		return nil
	}
	o := p.options(n + 1)
	o.Window = p.window
	c, err := client.Dial(ctx, p.url, o)
	if err != nil {
		return unlessStopped(ctx, fmt.Errorf("connection %d: %w", n+1, err))
	}
	defer c.Close()
	p.mu.Lock()
	p.clients = append(p.clients, c)
	p.mu.Unlock()
	turn := newPace(p.rate / float64(p.threads))
	var open sync.WaitGroup
	for i := 1; share == 0 || i <= share; i++ {
		if turn.wait(ctx) != nil {
			break
		}
		numbered := *m
		numbered.Headers = append(m.Headers[:len(m.Headers):len(m.Headers)],
			frame.Header{Name: "producer", Value: strconv.Itoa(n + 1)}, frame.Header{Name: "sequence", Value: strconv.Itoa(i)})
		open.Add(1)
		err = c.SendAsync(ctx, &numbered, func(err error) {
			defer open.Done()
			p.count1(err)
		})
		if err != nil {
			open.Done()
			break
		}
	}
	return errors.Join(p.drain(ctx, c, &open), unlessStopped(ctx, err))
}

// drain waits for the outcome of what is open; after Ctrl-C, two seconds.
func (p *producer) drain(ctx context.Context, c *client.Client, open *sync.WaitGroup) error {
	settled := make(chan struct{})
	go func() {
		open.Wait()
		close(settled)
	}()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-settled:
	case <-time.After(2 * time.Second):
		c.Close() // which gives the rest their outcome
		<-settled
	}
	return nil
}

// unlessStopped leaves out what Ctrl-C brought about.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (p *producer) count1(err error) {
	if err == nil {
		p.confirmed.Add(1)
		return
	}
	p.refused.Add(1)
	p.firstErr.CompareAndSwap(nil, &err)
}

// gap is the longest time that a connection waited for a confirmation.
func (p *producer) gap() (longest time.Duration, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		s := c.Stats()
		longest = max(longest, s.LongestGap, s.Gap)
		waiting += s.Waiting
	}
	return longest, waiting
}

func (p *producer) report(ctx context.Context) {
	var last uint64
	p.progress(ctx, func(seconds float64) string {
		n := p.confirmed.Load()
		gap, waiting := p.gap()
		text := fmt.Sprintf("%d confirmed, %.0f/s, %d unconfirmed, longest gap %v", n, float64(n-last)/seconds, waiting, gap.Round(time.Millisecond))
		last = n
		return text
	})
}

func (p *producer) summary(took time.Duration) error {
	gap, waiting := p.gap()
	n, refused := p.confirmed.Load(), p.refused.Load()
	p.say(fmt.Sprintf("%d messages confirmed in %v, %s a second, longest gap %v", n, took.Round(time.Millisecond), rate(n, took), gap.Round(time.Millisecond)))
	if waiting > 0 {
		p.say(fmt.Sprintf("%d without an outcome", waiting))
	}
	if refused > 0 {
		return fmt.Errorf("%d messages were not confirmed: %w", refused, *p.firstErr.Load())
	}
	return nil
}
