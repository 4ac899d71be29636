package broker

import (
	"sync"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/store"
)

// sending is the part of an op, or one message of a transaction, that is a
// message on its way.
type sending struct {
	msg      *message.Message
	producer Producer
	boxes    []*mailbox // where it is to be kept
	topics   []stop     // whose live subscriptions get it
	stored   int        // it is logged for so many of boxes, the first
	size     int64
	later    *later // it waits for its time; then boxes and topics are empty
}

// logged reports whether the log has to know of the message.
func (s *sending) logged() bool { return s.stored > 0 || s.later != nil }

// A Producer numbers its messages, so that one sent twice across a failover is
// found [M16]. The zero Producer is not checked.
type Producer struct {
	Name     string
	Sequence uint64 // from 1

	// ID is for who does not number its messages: one that was sent to the same
	// destination under the same ID is found, among the last of the whole cluster. At most
	// MaxDuplicateID bytes.
	ID string
}

// MaxDuplicateID bounds Producer.ID, in bytes.
const MaxDuplicateID = 512

// id names a message for the store.
func (p *Producer) id(to message.Destination) (string, error) {
	if p.ID == "" {
		return "", nil
	}
	id := p.ID + "\x00" + to.String()
	if len(p.ID) > MaxDuplicateID || len(id) > store.MaxSentID {
		return "", errorf(KindInvalidArgument, "send", "an id of %d bytes for a message to %.100s, at most %d are allowed, and %d with the destination",
			len(p.ID), to, MaxDuplicateID, store.MaxSentID)
	}
	return id, nil
}

// Send accepts a message. It blocks while too many bytes are in flight and,
// for Limits.SendTimeout at most, while the disk is full; Ready tells so
// beforehand. An error means that the message was refused and done will not be
// called. Otherwise done, which may be nil, is called in the order of the
// connection's requests: without an error the message is held by the majority,
// if it is persistent and goes to something durable. With tx, done only says
// that the transaction has it. The message must not change afterwards.
func (c *Conn) Send(m *message.Message, tx *Tx, done func(error)) error {
	return c.SendFrom(Producer{}, m, tx, done)
}

// SendFrom is Send for a message that its producer numbered. A message whose
// number was seen before is confirmed and otherwise ignored.
func (c *Conn) SendFrom(p Producer, m *message.Message, tx *Tx, done func(error)) error {
	if err := c.usable("send"); err != nil {
		return err
	}
	if max := c.r.cfg.Limits.MessageSize; len(m.Body) > max {
		return errorf(KindResourceLimit, "send", "a body of %d bytes, the limit for one message is %d", len(m.Body), max)
	}
	if c.r.managesJobs(m.Destination) {
		return c.manageJobs(m, done)
	}
	if c.r.stamped {
		m = c.r.stamp(m)
	}
	var err error
	if p.ID, err = p.id(m.Destination); err != nil {
		return err
	}
	s := sending{msg: m, producer: p, size: int64(m.Size())}
	if err := c.r.direct(c.ctx, &s, c); err != nil {
		return err
	}
	c.sendsTo(m.Destination)
	if tx != nil {
		return tx.send(s, done)
	}
	if err := c.admit(&s); err != nil {
		return err
	}
	if err := c.keep("send", &s); err != nil {
		c.r.admission.release(s.size)
		return err
	}
	o := &op{name: "send", done: done, bytes: s.size, send: s}
	c.stats.enqueued.Add(1)
	if !s.logged() {
		o.bytes, o.lent = 0, s.size
		o.local = func() { c.publish(&o.send, nil) }
		c.submit(o)
		return nil
	}
	b := new(store.Batch)
	o.send.log(c.r, b)
	o.applied = sent
	c.propose(o, b)
	return nil
}

// Ready gives nil if a message of n bytes would be accepted at once, else a
// channel that is closed when it is worth asking again. A protocol that asks
// before Send can go on reading a bounded number of frames and handle the
// acknowledgements among them [S4].
func (c *Conn) Ready(n int, persistent bool) <-chan struct{} {
	if c.r.usage.full(persistent) != nil {
		return c.r.usage.wait()
	}
	return c.r.admission.ready(int64(n))
}

func (c *Conn) admit(s *sending) error {
	u := &c.r.usage
	if u.full(s.logged()) != nil {
		if err := u.room(c.ctx, c, s.logged(), s.msg.Destination); err != nil {
			return c.gone(err)
		}
	}
	for _, box := range s.boxes {
		if err := c.roomIn(c.ctx, box, s.size); err != nil {
			return c.gone(err)
		}
	}
	return c.gone(c.r.admission.acquire(c.ctx, s.size))
}

// gone replaces the error of an ended context.
func (c *Conn) gone(err error) error {
	if err == nil || c.ctx.Err() == nil {
		return err
	}
	return &Error{Kind: KindNotMaster, Op: "send", Detail: "the connection has ended"}
}

// log adds what the log has to know of the message to a batch.
func (s *sending) log(r *reign, b *store.Batch) {
	if s.later != nil {
		s.schedule(r, b)
		return
	}
	s.enqueue(b)
}

var headers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// enqueue adds the message to a batch.
func (s *sending) enqueue(b *store.Batch) {
	var few [4]store.Target
	targets := s.targets(few[:0])
	h := headers.Get().(*[]byte)
	*h = s.msg.AppendHeader((*h)[:0])
	b.Enqueue(store.Enqueue{
		Targets: targets, Header: *h, Body: s.msg.Body,
		Producer: s.producer.Name, Sequence: s.producer.Sequence, ID: s.producer.ID,
	})
	headers.Put(h)
}

// targets appends where the store is to put the message.
func (s *sending) targets(to []store.Target) []store.Target {
	for _, box := range s.boxes[:s.stored] {
		to = append(to, store.Target{Queue: box.id, Lane: store.Lane(box.lane(s.msg))})
	}
	return to
}

// sent has the outcome of one logged message.
func sent(o *op, res store.Result) error {
	return o.c.publish(&o.send, &res.Ops[0])
}

// publish gives a message to the mailboxes, at the places that the store gave
// it (out) or as a volatile one (nil), and to the live subscriptions. Its bytes
// are given back to the admission by the last shard that has it, if no operation
// has them.
func (c *Conn) publish(s *sending, out *store.Outcome) error {
	arrived := 0
	if out != nil {
		switch out.Code {
		case store.Done, store.NoQueue:
		case store.Duplicate:
			return nil
		default:
			return errorf(KindInternal, "send", "the message did not enter %s: %v", s.msg.Destination, out.Code)
		}
		if s.later != nil {
			c.r.scheduler.arrived(store.JobPos{Due: s.later.due, ID: out.Job})
			return nil
		}
		arrived = s.arrive(out)
	}
	bytes := s.size
	if out != nil {
		bytes = 0
	}
	for i := len(s.topics) - 1; i >= 0; i-- {
		t := c.r.following(s.topics[i].topic)
		heard := t.publish(s.msg, c, bytes)
		if heard {
			bytes = 0
		}
		if advise := &t.policy.Advise; advise.Delivery || advise.IfNoConsumers {
			c.advise(s, t, heard)
		}
	}
	rest := s.boxes[s.stored:]
	for i, box := range rest {
		ev := event{kind: evVolatile, box: box, msg: s.msg}
		if i == len(rest)-1 {
			ev.bytes, bytes = bytes, 0
		}
		box.stats.enqueued.Add(1)
		box.shard.inbox.post(ev)
	}
	if bytes > 0 {
		c.r.admission.release(bytes)
	}
	if s.missed(out) {
		return errorf(KindInvalidDestination, "send", "a queue that %s goes to was deleted because it was inactive at the same moment: the message has to be sent again", s.msg.Destination)
	}
	if out != nil && arrived == 0 && len(rest) == 0 && len(s.topics) == 0 {
		return errorf(KindInvalidDestination, "send", "%s was deleted", s.msg.Destination)
	}
	return nil
}

// missed reports whether a queue was collected just before the message came.
func (s *sending) missed(out *store.Outcome) bool {
	if out == nil {
		return false
	}
	for i, box := range s.boxes[:s.stored] {
		if i < len(out.Seqs) && out.Seqs[i] == 0 && box.life.ended() {
			return true
		}
	}
	return out.Code == store.NoQueue && s.stored > 0 && s.boxes[0].life.ended()
}

// arrive tells the shards where the store put a message, and says in how many
// mailboxes it is.
func (s *sending) arrive(out *store.Outcome) (n int) {
	for i, box := range s.boxes[:s.stored] {
		if i < len(out.Seqs) && out.Seqs[i] != 0 {
			n++
			box.stats.enqueued.Add(1)
			box.shard.inbox.post(event{kind: evArrive, box: box, msg: s.msg, seq: uint64(out.Seqs[i])})
		}
	}
	return n
}
