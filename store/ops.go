package store

// opType is the type byte of an operation. Numbers are never reused. An unknown
// one stops the node.
type opType byte

const (
	opCreateQueue opType = 1  // kind, name, [client, name, topic, selector, noLocal]
	opDeleteQueue opType = 2  // queue
	opPurgeQueue  opType = 3  // queue: all up to the last sequence
	opEnqueue     opType = 4  // targets, producer, sequence, header, body inline or upload
	opRemove      opType = 5  // queue, lane, seq
	opMove        opType = 6  // queue, lane, seq, to, lane, header
	opSetCount    opType = 7  // queue, lane, seq, count
	opPart        opType = 8  // upload, number, bytes
	opStage       opType = 9  // transaction, number, a batch of its own
	opCommit      opType = 10 // transaction, number of pieces
	opDrop        opType = 11 // transaction or upload
	opReign       opType = 12 // term, node, wall time (zigzag)
	opLimits      opType = 13 // producers

	opPause      opType = 14 // queue, flag
	opDeleteIdle opType = 15 // queue, which goes only if nothing is pending in it
	opSchedule   opType = 16 // due, spec, producer, sequence, header, body inline or upload
	opFire       opType = 17 // job, due, next due, spec, targets, header
	opUnschedule opType = 18 // job

	opOnce     opType = 30 // id, then the type and the payload of an enqueue or a schedule, which has no effect if the id is remembered
	opLimitIDs opType = 31 // ids

	// Reserved; a binary that knows them raises batchVersion with the first.
	// 20–27 XA: prepare, commit, rollback, forget, lock
	// 28–29 evictions: by policy, by expiry of a subscription
)

func (t opType) String() string {
	if int(t) < len(opNames) && opNames[t] != "" {
		return opNames[t]
	}
	return "unknown"
}

var opNames = [...]string{
	opCreateQueue: "create-queue", opDeleteQueue: "delete-queue", opPurgeQueue: "purge-queue",
	opEnqueue: "enqueue", opRemove: "remove", opMove: "move", opSetCount: "set-count",
	opPart: "part", opStage: "stage", opCommit: "commit", opDrop: "drop",
	opReign: "reign", opLimits: "limits", opPause: "pause", opDeleteIdle: "delete-idle-queue",
	opSchedule: "schedule", opFire: "fire", opUnschedule: "unschedule",
	opOnce: "once", opLimitIDs: "limit-ids",
}

// since gives the version of the batch that an operation came with.
func (t opType) since() byte {
	if t >= opPause {
		return 2
	}
	return 1
}

const (
	batchMagic   = 0xB7
	batchVersion = 2
)

// Limits of the format. They keep an entry of the log within 1 MiB.
const (
	// PartSize is the longest body, in bytes, that an enqueue carries inline. A
	// longer one goes ahead in parts of this size.
	PartSize = 256 << 10
	// MaxHeader is the longest header of a message in bytes.
	MaxHeader = 256 << 10
	// MaxTargets is how many queues one enqueue may name.
	MaxTargets = 16 << 10
	// MaxName is the longest name of a queue, client, subscription, topic or
	// producer, and the longest selector, in bytes.
	MaxName = 16 << 10
	// MaxSpec is the longest spec of a job in bytes.
	MaxSpec = 4 << 10
	// MaxSentID is the longest id of a message in bytes, by which one that is sent
	// again is found.
	MaxSentID = 1 << 10
	// JobRoom is how much longer than its job's header, in bytes, the header of a
	// message that is fired may always be.
	JobRoom = 1 << 10

	stageSize = 256 << 10 // a batch above this is staged in pieces of about this size
	maxBatch  = 900 << 10 // no batch is longer than this
)

// op is one decoded operation. Its slices point into the batch.
type op struct {
	typ      opType
	kind     Kind // create; for drop: dropUpload or dropStage
	queue    QueueID
	pos      Pos
	to       Target
	name     []byte // create: name; enqueue, schedule: producer
	sub      *Subscription
	targets  []byte // enqueue, fire: encoded targets, checked
	ntargets int
	sequence uint64
	header   []byte
	body     []byte // enqueue or schedule inline, part, stage: nested operations
	at       int    // offset of body[0] in the batch
	upload   bool   // enqueue, schedule: the body is upload id
	id       opaqueID
	n        uint64 // part, stage: number; commit: pieces; set-count: count; reign: node; limits: producers
	size     uint64 // enqueue, schedule: length of the body; reign: term
	wall     int64
	job      JobID  // fire, unschedule
	due      int64  // schedule, fire
	next     int64  // fire
	spec     []byte // schedule, fire
	on       bool   // pause
	once     []byte // enqueue, schedule: the id that it is sent under; empty for none
}

// hasBody reports whether o brings a body.
func (o *op) hasBody() bool { return (o.typ == opEnqueue || o.typ == opSchedule) && o.size > 0 }

const (
	dropUpload Kind = 1
	dropStage  Kind = 2
)
