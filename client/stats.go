package client

import "time"

// Stats tell how a client fared.
type Stats struct {
	Sent      uint64 // handed to Send or SendAsync
	Confirmed uint64 // with their receipt
	Received  uint64 // deliveries
	Connects  uint64 // connections made, the first included
	Address   string // of the present connection, empty if there is none
	Waiting   int    // sends unconfirmed now
	// The longest time without a confirmation while one was waited for, and
	// when it ended.
	LongestGap   time.Duration
	LongestGapAt time.Time
	// Gap is how long a confirmation has been waited for now.
	Gap time.Duration
}

// Stats returns the numbers of now.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.mu.stats
	s.Waiting = len(c.mu.sends)
	if !c.mu.waiting.IsZero() {
		s.Gap = time.Since(c.mu.waiting)
	}
	return s
}

// confirmed counts a confirmation and the gap before it. mu is held.
func (c *Client) confirmed() {
	now := time.Now()
	c.mu.stats.Confirmed++
	if gap := now.Sub(c.mu.waiting); gap > c.mu.stats.LongestGap {
		c.mu.stats.LongestGap, c.mu.stats.LongestGapAt = gap, now
	}
	if c.mu.waiting = now; len(c.mu.sends) == 0 {
		c.mu.waiting = time.Time{}
	}
}
