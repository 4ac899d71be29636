package broker

import "github.com/quorate/quorate/message"

// maxTemps is how many temporary destinations one connection may have.
const maxTemps = 10000

func (c *Conn) countTemps() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.mu.temps)
}

// TempDestination makes a temporary queue or topic. It is memory of the master
// only [S17] and ends with the connection. Every connection may send to it,
// only this one may consume. An empty name gets a unique one; a name that this
// connection has already gives the same destination again.
func (c *Conn) TempDestination(kind message.Kind, name string) (message.Destination, error) {
	const op = "create temporary destination"
	if err := c.usable(op); err != nil {
		return message.Destination{}, err
	}
	if !kind.IsTemp() {
		return message.Destination{}, errorf(KindInvalidArgument, op, "%v is not a temporary kind", kind)
	}
	if name == "" {
		name = c.r.name("ID:")
	}
	d := message.Destination{Kind: kind, Name: name}
	if err := checkName(op, d); err != nil {
		return d, err
	}
	dir := &c.r.directory
	dir.mu.Lock()
	defer dir.mu.Unlock()
	if x := dir.temps[d]; x != nil {
		if tempOwner(x) != c {
			return d, errorf(KindInUse, op, "%s belongs to another connection", d)
		}
		return d, nil
	}
	if n := c.countTemps(); n >= maxTemps {
		return d, errorf(KindResourceLimit, op, "%s would be one too many: a connection may have %d temporary destinations, and has %d", d, maxTemps, n)
	}
	if !own(c, &c.mu.temps, d) {
		return d, c.usable(op)
	}
	if kind == message.TempTopic {
		dir.temps[d] = &topic{dest: d, owner: c, policy: c.r.policy(d)}
	} else {
		b := c.r.mailbox(d, 0, nil)
		b.owner = c
		dir.temps[d] = b
	}
	c.r.observe(Event{Kind: DestinationAdded, Destination: d, Conn: c})
	return d, nil
}

func tempOwner(x any) *Conn {
	switch x := x.(type) {
	case *mailbox:
		return x.owner
	case *topic:
		return x.owner
	}
	return nil
}

// DeleteTemp deletes a temporary destination of this connection.
func (c *Conn) DeleteTemp(d message.Destination) error {
	c.mu.Lock()
	_, mine := c.mu.temps[d]
	delete(c.mu.temps, d)
	c.mu.Unlock()
	if !mine {
		return errorf(KindInvalidDestination, "delete temporary destination", "%s is not this connection's", d)
	}
	c.r.deleteTemp(d)
	return nil
}

func (r *reign) deleteTemp(d message.Destination) {
	r.directory.mu.Lock()
	x := r.directory.temps[d]
	delete(r.directory.temps, d)
	r.directory.mu.Unlock()
	if box, ok := x.(*mailbox); ok {
		box.end()
	}
	r.observe(Event{Kind: DestinationRemoved, Destination: d})
}
