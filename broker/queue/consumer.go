package queue

// A Consumer takes messages from one machine. The caller fills it in before Add.
type Consumer struct {
	Value     any   // the caller's
	Credit    int   // deliveries it may get now; then the machine's
	Pool      *Pool // instead of Credit, shared with consumers of other machines; may be nil
	Priority  int   // a consumer of a higher one is served first
	Exclusive bool  // while there is one, only the first of them is served
	// Selector names what the consumer selects: consumers with the same text
	// share what is known of it. Match decides on an Entry's Value. Without a
	// Selector a consumer takes everything.
	Selector string
	Match    func(value any) bool

	removed bool
}

// consumers are served in turn: of those with credit and the highest priority
// the one that waits longest.
type consumers struct {
	all       []*Consumer // in order of coming
	turn      int         // where the search begins
	free      int         // those with credit
	exclusive int
	mixed     bool // not all of one priority
}

func (cs *consumers) add(c *Consumer) {
	if len(cs.all) > 0 && cs.all[0].Priority != c.Priority {
		cs.mixed = true
	}
	cs.all = append(cs.all, c)
	if c.Exclusive {
		cs.exclusive++
	}
	if c.Credit > 0 {
		cs.free++
	}
}

func (cs *consumers) remove(c *Consumer) bool {
	for i, o := range cs.all {
		if o != c {
			continue
		}
		cs.all = append(cs.all[:i:i], cs.all[i+1:]...)
		if cs.turn > i {
			cs.turn--
		}
		if c.Exclusive {
			cs.exclusive--
		}
		if c.Credit > 0 {
			cs.free--
		}
		c.removed = true
		return true
	}
	return false
}

func (cs *consumers) grant(c *Consumer, n int) {
	if c == nil || c.removed {
		return
	}
	before := c.Credit > 0
	c.Credit += n
	if now := c.Credit > 0; now && !before {
		cs.free++
	} else if before && !now {
		cs.free--
	}
}

// pick gives the consumer whose turn it is, nil if none has credit. It does
// not move the turn on.
func (cs *consumers) pick() *Consumer {
	if cs.free == 0 {
		return nil
	}
	if cs.exclusive > 0 {
		return cs.owner()
	}
	var best *Consumer
	for i := range cs.all {
		c := cs.all[(cs.turn+i)%len(cs.all)]
		if c.Credit <= 0 {
			continue
		}
		if !cs.mixed {
			cs.turn = (cs.turn + i) % len(cs.all)
			return c
		}
		if best == nil || c.Priority > best.Priority {
			best = c
		}
	}
	return best
}

// owner is the first exclusive consumer of the highest priority, if it has credit.
func (cs *consumers) owner() *Consumer {
	var best *Consumer
	for _, c := range cs.all {
		if c.Exclusive && (best == nil || c.Priority > best.Priority) {
			best = c
		}
	}
	if best.Credit <= 0 {
		return nil
	}
	return best
}

// served takes one credit of c and moves the turn behind it.
func (cs *consumers) served(c *Consumer) {
	cs.grant(c, -1)
	if cs.all[cs.turn%len(cs.all)] == c {
		cs.turn = (cs.turn + 1) % len(cs.all)
		return
	}
	for i, o := range cs.all {
		if o == c {
			cs.turn = (i + 1) % len(cs.all)
			return
		}
	}
}
