package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// stagger is how long one address is tried before the next one is, too.
const stagger = 200 * time.Millisecond

// connect tries every address, round after round.
func (c *Client) connect(ctx context.Context, rounds int, startup bool) (*link, error) {
	delay := c.target.InitialDelay
	var last error
	for round := 0; rounds < 0 || round < rounds; round++ {
		if round > 0 {
			if err := pause(ctx, delay); err != nil {
				return nil, errors.Join(err, last)
			}
			delay = min(time.Duration(float64(delay)*c.target.Multiplier), c.target.MaxDelay)
		}
		l, err := c.anyAddress(ctx)
		if err == nil {
			return l, nil
		}
		var refused *ServerError
		if startup && errors.As(err, &refused) {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), last)
		}
		last = err
		if c.opt.Failed != nil {
			c.opt.Failed(err)
		}
	}
	if last == nil {
		last = errors.New("the connection is not made again: use failover:(…) for that")
	}
	return nil, last
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// anyAddress connects to the first address that answers. One that refuses lets
// the next begin at once, one that is silent after stagger.
func (c *Client) anyAddress(ctx context.Context) (*link, error) {
	addrs := slices.Clone(c.target.Addresses)
	if c.target.Randomize {
		rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
	}
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		l   *link
		err error
	}
	results := make(chan result)
	running, won := 0, (*link)(nil)
	var errs []error
	take := func(r result) {
		running--
		switch {
		case r.err != nil:
			errs = append(errs, r.err)
		case won == nil:
			won = r.l
			cancel()
		default:
			r.l.conn.Close()
		}
	}
	for _, addr := range addrs {
		running++
		go func() {
			l, err := c.dial(ctx, addr)
			results <- result{l, err}
		}()
		t := time.NewTimer(stagger)
		select {
		case r := <-results:
			take(r)
		case <-t.C:
		}
		t.Stop()
		if won != nil {
			break
		}
	}
	for running > 0 {
		take(<-results)
	}
	cancel()
	if won != nil {
		return won, nil
	}
	return nil, fmt.Errorf("no broker answers: %w", errors.Join(errs...))
}
