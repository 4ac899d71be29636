package store

// Schedule is a message that waits in the store until the broker fires it.
type Schedule struct {
	Due    int64  // milliseconds since 1970, above 0
	Spec   []byte // the broker's own, at most MaxSpec
	Header []byte // at most MaxHeader less JobRoom
	Body   []byte // as of an Enqueue

	Producer string // as of an Enqueue
	Sequence uint64
	ID       string
}

// Schedule adds a job. The outcome's Job is its id.
func (b *Batch) Schedule(s Schedule) {
	if !b.checkSpec(s.Spec) || !b.checkDue(s.Due) || !b.checkMessage(s.Header, s.Body, s.Producer) || !b.checkID(s.ID) {
		return
	}
	if len(s.Header) > MaxHeader-JobRoom {
		b.refuse("a header of %d bytes in a job, at most %d are allowed", len(s.Header), MaxHeader-JobRoom)
		return
	}
	upload := len(s.Body) > PartSize
	b.beginOnce(s.ID, opSchedule, 1+uvarintLen(uint64(s.Due))+stringLen(len(s.Spec))+messageLen(s.Producer, s.Sequence, s.Header, s.Body))
	b.buf = append(b.buf, bit(upload))
	b.uvarint(uint64(s.Due))
	b.bytesOf(s.Spec)
	b.message(s.Producer, s.Sequence, s.Header, s.Body)
	b.end()
}

// Fire is one occurrence of a job.
type Fire struct {
	Job     JobID
	Due     int64    // of this occurrence: the job's due time, or nothing happens
	Targets []Target // those that are gone are skipped; none at all are allowed
	Header  []byte   // of the message that the targets get; its body is the job's
	Next    int64    // the job's next due time, 0: the job ends
	Spec    []byte   // the job's from now on, if it goes on
}

// Fire enqueues the message of a job that is due, and in the same step gives
// the job its next time or ends it. The outcome's Seqs are as of an Enqueue, nil
// if none of the targets is there. With no target it only changes the time.
func (b *Batch) Fire(f Fire) {
	if !b.checkSpec(f.Spec) || !b.checkDue(f.Due) || f.Next != 0 && !b.checkDue(f.Next) ||
		!b.checkMessage(f.Header, nil, "") || !b.checkTargets(f.Targets) {
		return
	}
	n := targetsLen(f.Targets) + stringLen(len(f.Spec)) + stringLen(len(f.Header))
	for _, v := range []uint64{uint64(f.Job), uint64(f.Due), uint64(f.Next)} {
		n += uvarintLen(v)
	}
	b.begin(opFire, n)
	b.uvarint(uint64(f.Job))
	b.uvarint(uint64(f.Due))
	b.uvarint(uint64(f.Next))
	b.bytesOf(f.Spec)
	b.targets(f.Targets)
	b.bytesOf(f.Header)
	b.end()
}

// Unschedule removes a job, whatever its due time.
func (b *Batch) Unschedule(id JobID) {
	b.begin(opUnschedule, uvarintLen(uint64(id)))
	b.uvarint(uint64(id))
	b.end()
}

func (b *Batch) checkSpec(spec []byte) bool {
	if len(spec) > MaxSpec {
		b.refuse("a spec of %d bytes, at most %d are allowed", len(spec), MaxSpec)
	}
	return len(spec) <= MaxSpec
}

func (b *Batch) checkDue(due int64) bool {
	if due <= 0 {
		b.invalid("a job due at %d, it must be above 0", due)
	}
	return due > 0
}
