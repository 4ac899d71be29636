package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrVersion is returned for data that a later version wrote.
var ErrVersion = errors.New("written by a later version")

// ErrOutdated is returned for a store or a checkpoint of a version that is read no
// more.
var ErrOutdated = errors.New("written by an earlier version, which this one does not read")

func otherVersion(v, known uint64) error {
	if v < known {
		return ErrOutdated
	}
	return ErrVersion
}

// ErrMalformed is returned for bytes that are not what they should be.
var ErrMalformed = errors.New("malformed")

// reader reads from b; after its first error it gives zero values only.
type reader struct {
	b   []byte
	off int // bytes consumed
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
		r.b = nil
	}
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail("%d bytes wanted, %d left", n, len(r.b))
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	r.off += int(n)
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail("a byte wanted, none left")
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	r.off++
	return v
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := uint64(r.b[0])
		r.b = r.b[1:]
		r.off++
		return v
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.b = r.b[n:]
	r.off += n
	return v
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) bytes(max int) []byte {
	n := r.uvarint()
	if n > uint64(max) {
		r.fail("%d bytes, at most %d are allowed", n, max)
		return nil
	}
	return r.take(n)
}

func (r *reader) string(max int) string { return string(r.bytes(max)) }

func (r *reader) opaqueID() opaqueID { return opaqueID{r.uvarint(), r.uvarint()} }

func (r *reader) lane() Lane {
	l := r.byte()
	if l >= Lanes {
		r.fail("lane %d", l)
	}
	return Lane(l)
}

func (r *reader) bool() bool {
	b := r.byte()
	if b > 1 {
		r.fail("flag %d", b)
	}
	return b == 1
}

func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail("%d bytes left over", len(r.b))
	}
	return r.err
}

// decodeBatch appends the operations of batch to ops, whose slices point into
// it. Nothing is appended that was not checked.
func decodeBatch(ops []op, batch []byte) ([]op, error) {
	r := reader{b: batch}
	magic, version := r.byte(), r.byte()
	if r.err == nil && magic != batchMagic {
		return ops, fmt.Errorf("batch: %w: magic %#x", ErrMalformed, magic)
	}
	if r.err == nil && (version == 0 || version > batchVersion) {
		return ops, fmt.Errorf("batch: %w: version %d, this one knows %d", ErrVersion, version, batchVersion)
	}
	n := r.uvarint()
	if n > uint64(len(r.b)/2) {
		r.fail("%d operations announced, %d bytes left", n, len(r.b))
	}
	ops, err := decodeOps(ops, &r, n, false)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return ops, fmt.Errorf("batch: %w", err)
	}
	return ops, nil
}

// decodeOps reads n operations; nested ones are those within a stage.
func decodeOps(ops []op, r *reader, n uint64, nested bool) ([]op, error) {
	for i := uint64(0); i < n && r.err == nil; i++ {
		typ := opType(r.byte())
		payload := r.bytes(maxBatch)
		if r.err != nil {
			break
		}
		ops = append(ops, op{typ: typ})
		p := reader{b: payload, off: r.off - len(payload)}
		if err := ops[len(ops)-1].decode(&p, nested); err != nil {
			return ops, fmt.Errorf("operation %d (%s): %w", i, typ, err)
		}
	}
	return ops, r.err
}

// decode reads the payload of o, whose type is set.
func (o *op) decode(r *reader, nested bool) error {
	switch o.typ {
	case opCreateQueue:
		o.decodeCreate(r)
	case opDeleteQueue, opDeleteIdle, opPurgeQueue:
		o.queue = QueueID(r.uvarint())
	case opEnqueue:
		o.decodeEnqueue(r)
	case opRemove:
		o.decodePos(r)
	case opMove:
		o.decodePos(r)
		o.to = Target{QueueID(r.uvarint()), r.lane()}
		o.header = r.bytes(MaxHeader)
	case opSetCount:
		o.decodePos(r)
		if o.n = r.uvarint(); o.n > 1<<32-1 {
			r.fail("count %d", o.n)
		}
	case opOnce:
		return o.decodeOnce(r, nested)
	case opPause:
		o.queue, o.on = QueueID(r.uvarint()), r.bool()
	case opSchedule, opFire, opUnschedule:
		o.decodeJob(r)
	case opPart, opStage, opCommit, opDrop, opReign, opLimits, opLimitIDs:
		if nested {
			return fmt.Errorf("%w: not allowed within a transaction", ErrMalformed)
		}
		return o.decodeControl(r)
	default:
		return fmt.Errorf("%w: operation type %d", ErrVersion, o.typ)
	}
	return r.end()
}

func (o *op) decodeControl(r *reader) error {
	switch o.typ {
	case opPart:
		o.id, o.n = r.opaqueID(), r.uvarint()
		o.body = r.bytes(PartSize)
		o.at = r.off - len(o.body)
	case opStage:
		o.id, o.n = r.opaqueID(), r.uvarint()
		o.body = r.bytes(maxBatch)
		o.at = r.off - len(o.body)
		if r.err == nil {
			if _, err := decodeNested(nil, o.body); err != nil {
				return err
			}
		}
	case opCommit:
		o.id, o.n = r.opaqueID(), r.uvarint()
	case opDrop:
		if o.kind = Kind(r.byte()); o.kind != dropUpload && o.kind != dropStage {
			r.fail("drop of kind %d", o.kind)
		}
		o.id = r.opaqueID()
	case opReign:
		o.size, o.n, o.wall = r.uvarint(), r.uvarint(), r.varint()
	case opLimits, opLimitIDs:
		o.n = r.uvarint()
	}
	return r.end()
}

// decodeNested reads the operations of a stage, which have neither magic nor
// version nor number: they end where the bytes end.
func decodeNested(ops []op, b []byte) ([]op, error) {
	r := reader{b: b}
	var err error
	for len(r.b) > 0 && r.err == nil && err == nil {
		ops, err = decodeOps(ops, &r, 1, true)
	}
	if err == nil {
		err = r.err
	}
	return ops, err
}

func (o *op) decodePos(r *reader) {
	o.queue = QueueID(r.uvarint())
	o.pos = Pos{r.lane(), Seq(r.uvarint())}
}

func (o *op) decodeCreate(r *reader) {
	o.kind = Kind(r.byte())
	o.name = r.bytes(MaxName)
	switch o.kind {
	case KindQueue:
	case KindSubscription:
		o.sub = decodeSubscription(r)
	default:
		r.fail("queue of kind %d", o.kind)
	}
}

func decodeSubscription(r *reader) *Subscription {
	return &Subscription{
		Client: r.string(MaxName), Name: r.string(MaxName), Topic: r.string(MaxName),
		Selector: r.string(MaxName), NoLocal: r.bool(),
	}
}

func (o *op) decodeEnqueue(r *reader) {
	o.upload = r.bool()
	o.decodeTargets(r)
	o.decodeMessage(r)
}

func (o *op) decodeTargets(r *reader) {
	n := r.uvarint()
	if n > MaxTargets || n > uint64(len(r.b)/2) {
		r.fail("%d targets", n)
		return
	}
	o.ntargets = int(n)
	before := r.b
	for range o.ntargets {
		r.uvarint()
		r.lane()
	}
	if r.err != nil {
		return
	}
	o.targets = before[:len(before)-len(r.b)]
}

// decodeMessage reads what an enqueue and a schedule end with.
func (o *op) decodeMessage(r *reader) {
	o.name, o.sequence = r.bytes(MaxName), r.uvarint()
	o.header = r.bytes(MaxHeader)
	if o.upload {
		o.id, o.size = r.opaqueID(), r.uvarint()
		if o.size > 1<<32-1 {
			r.fail("body of %d bytes", o.size)
		}
		return
	}
	o.body = r.bytes(PartSize)
	o.at = r.off - len(o.body)
	o.size = uint64(len(o.body))
}

func (o *op) decodeJob(r *reader) {
	switch o.typ {
	case opSchedule:
		o.upload, o.due = r.bool(), r.due()
		o.spec = r.bytes(MaxSpec)
		o.decodeMessage(r)
	case opFire:
		o.job, o.due, o.next = JobID(r.uvarint()), r.due(), r.instant()
		o.spec = r.bytes(MaxSpec)
		o.decodeTargets(r)
		o.header = r.bytes(MaxHeader)
	case opUnschedule:
		o.job = JobID(r.uvarint())
	}
}

// decodeOnce reads an operation that has an effect but once.
func (o *op) decodeOnce(r *reader, nested bool) error {
	o.once = r.bytes(MaxSentID)
	o.typ = opType(r.byte())
	if r.err == nil && (len(o.once) == 0 || o.typ != opEnqueue && o.typ != opSchedule) {
		r.fail("once, with an id of %d bytes, for an operation %s", len(o.once), o.typ)
	}
	if r.err != nil {
		return r.err
	}
	return o.decode(r, nested)
}

// instant reads a time in milliseconds since 1970; 0 stands for none.
func (r *reader) instant() int64 {
	v := r.uvarint()
	if v > math.MaxInt64 {
		r.fail("time %d", v)
	}
	return int64(v)
}

func (r *reader) due() int64 {
	v := r.instant()
	if v <= 0 {
		r.fail("due at %d", v)
	}
	return v
}

// target takes the next target off o.targets, which were checked.
func nextTarget(b []byte) (Target, []byte) {
	q, n := binary.Uvarint(b)
	return Target{QueueID(q), Lane(b[n])}, b[n+1:]
}
