package store

import (
	"encoding/binary"
	"fmt"
)

// Enqueue is a message that goes to one or several queues.
type Enqueue struct {
	Targets []Target // those that are gone when it is applied are skipped
	Header  []byte   // as message.AppendHeader encodes it, at most MaxHeader
	Body    []byte   // copied, except above PartSize: then it must not change until Propose's done is called

	// Producer and Sequence find a message that was sent before: a sequence that
	// the producer's window holds already gives Duplicate. A zero Sequence is
	// never checked.
	Producer string
	Sequence uint64
	// ID, if it is not empty, does the same for who does not number its messages:
	// one that is remembered gives Duplicate. At most MaxSentID bytes.
	ID string
}

// A Batch collects operations that are applied together or not at all. The zero
// value is empty. A Batch is used by one goroutine and ends with Propose.
type Batch struct {
	buf     []byte
	ends    []int // where each operation ends in buf
	uploads []pendingUpload
	bytes   int  // with the bodies that go ahead
	solo    bool // has an operation that cannot be staged
	version byte // the lowest that knows its operations
	err     error
}

// pendingUpload is a body that goes ahead; its id is written at buf[at:].
type pendingUpload struct {
	at   int
	body []byte
}

// headRoom is kept at the start of buf for magic, version and number of
// operations, which are known at the end.
const headRoom = 2 + binary.MaxVarintLen32

// Len is the number of operations.
func (b *Batch) Len() int { return len(b.ends) }

// Size is the number of bytes that the log will carry for b, about.
func (b *Batch) Size() int { return b.bytes }

// begin starts an operation whose payload has n bytes.
func (b *Batch) begin(t opType, n int) {
	b.solo = b.solo || t == opReign || t == opLimits || t == opLimitIDs
	b.version = max(b.version, t.since())
	if b.buf == nil {
		b.buf = make([]byte, headRoom, headRoom+6+n)
	}
	b.buf = append(b.buf, byte(t))
	b.buf = binary.AppendUvarint(b.buf, uint64(n))
}

// beginOnce is begin for an operation that has an effect but once, if it has an
// id.
func (b *Batch) beginOnce(id string, t opType, n int) {
	if id == "" {
		b.begin(t, n)
		return
	}
	b.begin(opOnce, stringLen(len(id))+1+n)
	b.string(id)
	b.buf = append(b.buf, byte(t))
}

func (b *Batch) checkID(id string) bool {
	if len(id) > MaxSentID {
		b.refuse("an id of %d bytes, at most %d are allowed", len(id), MaxSentID)
	}
	return len(id) <= MaxSentID
}

func (b *Batch) end() {
	from := headRoom
	if n := len(b.ends); n > 0 {
		from = b.ends[n-1]
	}
	b.bytes += len(b.buf) - from
	b.ends = append(b.ends, len(b.buf))
}

func (b *Batch) refuse(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("%w: "+format, append([]any{ErrTooLarge}, args...)...)
	}
}

func (b *Batch) invalid(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
	}
}

func (b *Batch) checkLane(l Lane) bool {
	if l >= Lanes {
		b.invalid("lane %d", l)
	}
	return l < Lanes
}

func (b *Batch) uvarint(v uint64) { b.buf = binary.AppendUvarint(b.buf, v) }

func (b *Batch) string(s string) {
	b.uvarint(uint64(len(s)))
	b.buf = append(b.buf, s...)
}

func (b *Batch) bytesOf(v []byte) {
	b.uvarint(uint64(len(v)))
	b.buf = append(b.buf, v...)
}

// CreateQueue creates a queue or, with sub, a durable subscription. Where one
// of that kind and name exists, the outcome is its id.
func (b *Batch) CreateQueue(kind Kind, name string, sub *Subscription) {
	if kind != KindQueue && kind != KindSubscription {
		b.invalid("a queue of %s", kind)
		return
	}
	n := 1 + stringLen(len(name))
	if kind == KindSubscription {
		if sub == nil {
			sub = &Subscription{}
		}
		for _, s := range []string{sub.Client, sub.Name, sub.Topic, sub.Selector} {
			b.checkName(s)
			n += stringLen(len(s))
		}
		n++
	}
	b.checkName(name)
	b.begin(opCreateQueue, n)
	b.buf = append(b.buf, byte(kind))
	b.string(name)
	if kind == KindSubscription {
		b.buf = appendSubscription(b.buf, sub)
	}
	b.end()
}

func (b *Batch) checkName(s string) {
	if len(s) > MaxName {
		b.refuse("a name of %d bytes, at most %d are allowed", len(s), MaxName)
	}
}

func appendSubscription(b []byte, sub *Subscription) []byte {
	for _, s := range []string{sub.Client, sub.Name, sub.Topic, sub.Selector} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return append(b, bit(sub.NoLocal))
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// DeleteQueue deletes a queue and what is in it, whatever its depth in O(1).
func (b *Batch) DeleteQueue(q QueueID) { b.queueOp(opDeleteQueue, q) }

// DeleteIdle deletes a queue if nothing is pending in it when it is applied, else
// the outcome is NotEmpty.
func (b *Batch) DeleteIdle(q QueueID) { b.queueOp(opDeleteIdle, q) }

// PurgeQueue removes everything that is in the queue when it is applied, in O(1).
func (b *Batch) PurgeQueue(q QueueID) { b.queueOp(opPurgeQueue, q) }

// Pause marks the queue as paused, or not: what is dispatched is the broker's
// affair, the store keeps the mark.
func (b *Batch) Pause(q QueueID, paused bool) {
	b.begin(opPause, uvarintLen(uint64(q))+1)
	b.uvarint(uint64(q))
	b.buf = append(b.buf, bit(paused))
	b.end()
}

func (b *Batch) queueOp(t opType, q QueueID) {
	b.begin(t, uvarintLen(uint64(q)))
	b.uvarint(uint64(q))
	b.end()
}

// Enqueue adds a message to its targets. The outcome's Seqs has one sequence
// for each target, 0 where the queue is gone.
func (b *Batch) Enqueue(e Enqueue) {
	if !b.checkMessage(e.Header, e.Body, e.Producer) || !b.checkTargets(e.Targets) || !b.checkID(e.ID) {
		return
	}
	upload := len(e.Body) > PartSize
	b.beginOnce(e.ID, opEnqueue, 1+targetsLen(e.Targets)+messageLen(e.Producer, e.Sequence, e.Header, e.Body))
	b.buf = append(b.buf, bit(upload))
	b.targets(e.Targets)
	b.message(e.Producer, e.Sequence, e.Header, e.Body)
	b.end()
}

func (b *Batch) checkMessage(header, body []byte, producer string) bool {
	b.checkName(producer)
	switch {
	case len(header) > MaxHeader:
		b.refuse("a header of %d bytes, at most %d are allowed", len(header), MaxHeader)
	case uint64(len(body)) > 1<<32-1:
		b.refuse("a body of %d bytes", len(body))
	default:
		return true
	}
	return false
}

func (b *Batch) checkTargets(targets []Target) bool {
	if len(targets) > MaxTargets {
		b.refuse("%d targets, at most %d are allowed", len(targets), MaxTargets)
		return false
	}
	for _, t := range targets {
		if !b.checkLane(t.Lane) {
			return false
		}
	}
	return true
}

func targetsLen(targets []Target) int {
	n := uvarintLen(uint64(len(targets)))
	for _, t := range targets {
		n += uvarintLen(uint64(t.Queue)) + 1
	}
	return n
}

func (b *Batch) targets(targets []Target) {
	b.uvarint(uint64(len(targets)))
	for _, t := range targets {
		b.uvarint(uint64(t.Queue))
		b.buf = append(b.buf, byte(t.Lane))
	}
}

func messageLen(producer string, sequence uint64, header, body []byte) int {
	n := stringLen(len(producer)) + uvarintLen(sequence) + stringLen(len(header))
	if len(body) > PartSize {
		return n + 2*wideUvarint + uvarintLen(uint64(len(body)))
	}
	return n + stringLen(len(body))
}

// message appends what an enqueue and a schedule end with. A body that goes
// ahead is named by its upload, whose id is set when it is known.
func (b *Batch) message(producer string, sequence uint64, header, body []byte) {
	b.string(producer)
	b.uvarint(sequence)
	b.bytesOf(header)
	if len(body) <= PartSize {
		b.bytesOf(body)
		return
	}
	b.uploads = append(b.uploads, pendingUpload{len(b.buf), body})
	b.buf = appendWide(appendWide(b.buf, 0), 0)
	b.uvarint(uint64(len(body)))
	b.bytes += len(body)
}

// Remove takes a message out of its queue: acknowledged, discarded or expired.
func (b *Batch) Remove(q QueueID, p Pos) {
	if !b.checkLane(p.Lane) {
		return
	}
	b.begin(opRemove, posLen(q, p))
	b.pos(q, p)
	b.end()
}

// Move puts a message into another queue with a new header and the same body,
// as a dead letter for example. The outcome's Seqs[0] is its place there. If
// that queue is gone, nothing happens.
func (b *Batch) Move(q QueueID, p Pos, to QueueID, lane Lane, header []byte) {
	if len(header) > MaxHeader {
		b.refuse("a header of %d bytes, at most %d are allowed", len(header), MaxHeader)
		return
	}
	if !b.checkLane(p.Lane) || !b.checkLane(lane) {
		return
	}
	b.begin(opMove, posLen(q, p)+uvarintLen(uint64(to))+1+stringLen(len(header)))
	b.pos(q, p)
	b.uvarint(uint64(to))
	b.buf = append(b.buf, byte(lane))
	b.bytesOf(header)
	b.end()
}

// SetCount sets how often a message was delivered in vain.
func (b *Batch) SetCount(q QueueID, p Pos, count uint32) {
	if !b.checkLane(p.Lane) {
		return
	}
	b.begin(opSetCount, posLen(q, p)+uvarintLen(uint64(count)))
	b.pos(q, p)
	b.uvarint(uint64(count))
	b.end()
}

// Reign is a new master's first word. It drops what the one before had staged
// and not finished. The wall time is recorded, never compared between nodes.
func (b *Batch) Reign(term, node uint64, wall int64) {
	w := uint64(wall<<1) ^ uint64(wall>>63)
	b.begin(opReign, uvarintLen(term)+uvarintLen(node)+uvarintLen(w))
	b.uvarint(term)
	b.uvarint(node)
	b.uvarint(w)
	b.end()
}

// Limits sets how many producers are remembered, on every node alike.
func (b *Batch) Limits(producers uint64) {
	b.begin(opLimits, uvarintLen(producers))
	b.uvarint(producers)
	b.end()
}

// LimitIDs sets how many ids of sent messages are remembered, on every node alike.
func (b *Batch) LimitIDs(ids uint64) {
	b.begin(opLimitIDs, uvarintLen(ids))
	b.uvarint(ids)
	b.end()
}

func (b *Batch) pos(q QueueID, p Pos) {
	b.uvarint(uint64(q))
	b.buf = append(b.buf, byte(p.Lane))
	b.uvarint(uint64(p.Seq))
}

func posLen(q QueueID, p Pos) int { return uvarintLen(uint64(q)) + 1 + uvarintLen(uint64(p.Seq)) }

func stringLen(n int) int { return uvarintLen(uint64(n)) + n }

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// wideUvarint is the length of a number written by appendWide.
const wideUvarint = binary.MaxVarintLen64

// appendWide writes v as a varint of fixed length, so that it can be set later.
func appendWide(b []byte, v uint64) []byte {
	for range wideUvarint - 1 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// frame writes magic, version and number of operations right before from,
// which is headRoom or lies where an operation before it was, and gives the
// batch that ends at to. A batch says the lowest version that knows its
// operations, so that nodes that were not updated yet follow as long as they can.
func frame(buf []byte, version byte, n int) []byte {
	var head [headRoom]byte
	h := append(head[:0], batchMagic, max(version, 1))
	h = binary.AppendUvarint(h, uint64(n))
	start := headRoom - len(h)
	copy(buf[start:], h)
	return buf[start:]
}
