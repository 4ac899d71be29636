package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/quorate/quorate/wal"
)

// ErrNoJob is returned for a job that is not there any more.
var ErrNoJob = errors.New("no such job")

// A JobID names a message that waits for its time. It is never used again; the
// zero value is no job.
type JobID uint64

// A JobPos is the place of a job: jobs are ordered by Due, then ID. The zero
// value is before every job.
type JobPos struct {
	Due int64 // milliseconds since 1970, above 0
	ID  JobID
}

// Less reports whether p comes before o.
func (p JobPos) Less(o JobPos) bool { return p.Due < o.Due || p.Due == o.Due && p.ID < o.ID }

func compareJobs(a, b JobPos) int {
	return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.ID, b.ID))
}

func (p JobPos) String() string { return fmt.Sprintf("%d at %d", p.ID, p.Due) }

// A Job is a message that waits for its time, without its body.
type Job struct {
	JobPos
	Index    wal.Index // of the log's entry that scheduled it
	Spec     []byte    // as Schedule or the last Fire gave it; not to be changed
	Header   []byte    // as Schedule gave it; not to be changed
	BodySize int

	body bodyID // in the shared range, if BodySize is not 0
}

func (j *Job) bytes() uint64 { return uint64(len(j.Spec) + len(j.Header) + j.BodySize) }

const jobOverhead = 160

func (j *Job) memory() int64 { return jobOverhead + int64(len(j.Spec)+len(j.Header)) }

func jobRef(id JobID) ref { return ref{kind: refJob, a: uint64(id)} }

// jobDelta is what a generation changed of a job: only where it stood at the
// beginning and where it stands at the end matter.
type jobDelta struct {
	was int64 // its due time when the generation began, 0: it was not there
	now *Job  // nil: it is gone; never changed
}

const jobDeltaMemory = 64

// jobChanges are the jobs that a generation touched.
type jobChanges struct {
	byID map[JobID]*jobDelta
	live jobList // those that are not gone
}

// find gives the job if these changes know it; known says that they do, also
// that it is gone.
func (c *jobChanges) find(id JobID) (j *Job, known bool) {
	if d := c.byID[id]; d != nil {
		return d.now, true
	}
	return nil, false
}

// put makes next what there is of job id, nil for nothing. before is the job as
// it was until now, or nil. It gives the memory that this took.
func (c *jobChanges) put(id JobID, before, next *Job) (memory int64) {
	d := c.byID[id]
	if d == nil {
		d = &jobDelta{}
		if before != nil {
			d.was = before.Due
		}
		if c.byID == nil {
			c.byID = make(map[JobID]*jobDelta)
		}
		c.byID[id] = d
		memory += jobDeltaMemory
	} else if d.now != nil {
		c.live.remove(d.now.JobPos)
		memory -= d.now.memory()
	}
	d.now = next
	switch {
	case next != nil:
		c.live.insert(next)
		memory += next.memory()
	case d.was == 0: // it came and went
		delete(c.byID, id)
		memory -= jobDeltaMemory
	}
	return memory
}

// append encodes the value of a job:
//
//	version:1 index size [body index, offset if size is not 0] length of spec, spec, header
func (j *Job) append(b []byte) []byte {
	b = append(b, recordVersion)
	b = binary.AppendUvarint(b, uint64(j.Index))
	b = binary.AppendUvarint(b, uint64(j.BodySize))
	if j.BodySize > 0 {
		b = binary.AppendUvarint(b, uint64(j.body.index))
		b = binary.AppendUvarint(b, uint64(j.body.offset))
	}
	b = append(binary.AppendUvarint(b, uint64(len(j.Spec))), j.Spec...)
	return append(b, j.Header...)
}

// decodeJob reads a job; its slices point into b.
func decodeJob(p JobPos, b []byte) (Job, error) {
	r := reader{b: b}
	r.version()
	j := Job{JobPos: p, Index: wal.Index(r.uvarint()), BodySize: int(r.uint32())}
	if j.BodySize > 0 {
		j.body = bodyID{wal.Index(r.uvarint()), r.uint32()}
	}
	j.Spec = r.bytes(MaxSpec)
	j.Header = r.b
	return j, r.err
}

// appendJobDue encodes the value that leads from a job's id to its place.
func appendJobDue(b []byte, due int64) []byte {
	return binary.AppendUvarint(append(b, recordVersion), uint64(due))
}

func decodeJobDue(b []byte) (int64, error) {
	r := reader{b: b}
	r.version()
	due := r.due()
	return due, r.end()
}
