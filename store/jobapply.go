package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/quorate/quorate/wal"
)

// job finds the job that o names: in the overlay, or in what prefetch read from
// the index. Store.mu is held.
func (s *Store) job(o *op) *Job {
	if j, known := s.overlayJob(o.job); known {
		return j
	}
	return s.scratch.jobs[JobPos{o.due, o.job}]
}

// overlayJob gives a job if the overlay knows about it; nil if it is gone.
func (s *Store) overlayJob(id JobID) (j *Job, known bool) {
	if j, known = s.mu.active.jobs.find(id); !known && s.mu.closing != nil {
		j, known = s.mu.closing.jobs.find(id)
	}
	return j, known
}

// putJob makes next what there is of a job, nil for nothing; before is the job
// until now, or nil. Store.mu is held.
func (s *Store) putJob(id JobID, before, next *Job) {
	g := s.mu.active
	g.memory += g.jobs.put(id, before, next)
	g.entries++
	if before != nil {
		s.mu.jobs--
		s.mu.jobBytes -= before.bytes()
	}
	if next != nil {
		s.mu.jobs++
		s.mu.jobBytes += next.bytes()
	}
}

func (s *Store) applySchedule(at wal.Index, offset int, o *op) Outcome {
	src := bodySource{id: bodyID{at, uint32(offset + o.at)}, data: o.body}
	if o.upload {
		id, ok := s.upload(o)
		if !ok {
			return Outcome{Code: NoUpload, Index: at}
		}
		src = bodySource{id: id, shared: true}
	}
	out := s.schedule(at, o, src)
	if o.upload {
		s.endUpload(o.id)
	}
	return out
}

// schedule makes a new job.
func (s *Store) schedule(at wal.Index, o *op, src bodySource) Outcome {
	if !s.admit(o) {
		return Outcome{Code: Duplicate, Index: at}
	}
	s.mu.lastJob++
	j := &Job{JobPos: JobPos{o.due, s.mu.lastJob}, Index: at, Spec: bytes.Clone(o.spec), Header: bytes.Clone(o.header), BodySize: int(o.size)}
	if o.size > 0 {
		j.body = src.id
		if !src.shared {
			s.mu.active.addChunk(src.id, 0, src.id, src.data, s.o.GenerationBodies)
		}
		s.mu.active.refer(j.body, jobRef(j.ID))
	}
	s.putJob(j.ID, nil, j)
	return Outcome{Job: j.ID, Index: at}
}

// applyFire enqueues a job's message at the targets that there are, and gives
// the job its next time or ends it. The targets hold the body as the job does.
func (s *Store) applyFire(at wal.Index, o *op) Outcome {
	j := s.job(o)
	if j == nil || j.Due != o.due {
		return Outcome{Code: NoJob, Job: o.job, Index: at}
	}
	out := Outcome{Index: at}
	if o.ntargets > 0 {
		m := *o
		m.size = uint64(j.BodySize)
		if out = s.enqueue(at, &m, bodySource{id: j.body, shared: true}); out.Code == NoQueue {
			out.Code = Done
		}
	}
	out.Job = o.job
	if o.next == 0 {
		s.endJob(j)
		return out
	}
	next := *j
	next.Due, next.Spec = o.next, bytes.Clone(o.spec)
	s.putJob(j.ID, j, &next)
	return out
}

func (s *Store) applyUnschedule(at wal.Index, o *op) Outcome {
	j := s.job(o)
	if j == nil {
		return Outcome{Code: NoJob, Job: o.job, Index: at}
	}
	s.endJob(j)
	return Outcome{Job: o.job, Index: at}
}

func (s *Store) endJob(j *Job) {
	s.mu.active.freed += int64(j.bytes())
	s.putJob(j.ID, j, nil)
	if j.BodySize > 0 {
		s.mu.active.release(j.body, jobRef(j.ID))
	}
}

// prefetchJob reads the job that o names from the index, unless the overlay
// knows about it: by its place, which is near those that are due with it, or by
// its id where o has no due time.
func (s *Store) prefetchJob(o *op) error {
	s.mu.RLock()
	_, known := s.overlayJob(o.job)
	ix := s.mu.ix
	none := o.job > s.mu.lastJob
	s.mu.RUnlock()
	p := JobPos{o.due, o.job}
	if known || none || s.scratch.jobs[p] != nil {
		return nil
	}
	var j *Job
	var err error
	if o.due != 0 {
		j, err = ix.jobAt(p)
	} else {
		j, err = ix.job(o.job)
	}
	if errors.Is(err, pebble.ErrNotFound) && !errors.Is(err, ErrCorrupt) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read job %d: %w", o.job, err)
	}
	if s.scratch.jobs == nil {
		s.scratch.jobs = make(map[JobPos]*Job)
	}
	s.scratch.jobs[p] = j
	return nil
}

// job reads a job; pebble.ErrNotFound if there is none.
func (ix *index) job(id JobID) (*Job, error) {
	v, err := ix.get(appendJobKey(nil, id))
	if err != nil {
		return nil, err
	}
	due, err := decodeJobDue(v)
	if err != nil {
		return nil, err
	}
	p := JobPos{due, id}
	j, err := ix.jobAt(p)
	if errors.Is(err, pebble.ErrNotFound) {
		err = fmt.Errorf("%w: job %s: %w", ErrCorrupt, p, err)
	}
	return j, err
}

// jobAt reads the job at p; pebble.ErrNotFound if it is not there.
func (ix *index) jobAt(p JobPos) (*Job, error) {
	v, err := ix.get(appendJobPosKey(nil, p))
	if err != nil {
		return nil, err
	}
	j, err := decodeJob(p, v)
	return &j, err
}
