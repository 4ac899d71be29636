package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/quorate/quorate/wal"
)

func (m *model) job(at wal.Index, o modelOp) Outcome {
	out := Outcome{Job: o.job, Index: at}
	j := m.jobs[o.job]
	switch {
	case o.typ == opSchedule:
		return m.schedule(at, o)
	case j == nil || o.typ == opFire && j.due != o.due:
		out.Code = NoJob
	case o.typ == opUnschedule:
		delete(m.jobs, o.job)
	default:
		if o.ntargets > 0 {
			out = m.enqueue(at, modelOp{op: o.op, body: j.body})
			out.Code, out.Job = Done, o.job
		}
		if o.next == 0 {
			delete(m.jobs, o.job)
		} else {
			j.due, j.spec = o.next, o.spec
		}
	}
	return out
}

func (m *model) schedule(at wal.Index, o modelOp) Outcome {
	if o.lost {
		return Outcome{Code: NoUpload, Index: at}
	}
	if !m.first(&o.op) {
		return Outcome{Code: Duplicate, Index: at}
	}
	m.lastJob++
	m.jobs[m.lastJob] = &modelJob{o.due, at, o.spec, o.header, o.body}
	return Outcome{Job: m.lastJob, Index: at}
}

func (m *model) jobOrder() []JobPos {
	ps := make([]JobPos, 0, len(m.jobs))
	for id, j := range m.jobs {
		ps = append(ps, JobPos{j.due, id})
	}
	slices.SortFunc(ps, compareJobs)
	return ps
}

// checkJobs compares all jobs, by their order and by their ids.
func (m *model) checkJobs(s *Store) error {
	var bytes uint64
	for _, j := range m.jobs {
		bytes += uint64(len(j.spec) + len(j.header) + len(j.body))
	}
	if u := s.Usage(); u.Jobs != uint64(len(m.jobs)) || u.JobBytes != bytes {
		return fmt.Errorf("%d jobs of %d bytes, %d of %d expected", u.Jobs, u.JobBytes, len(m.jobs), bytes)
	}
	order := m.jobOrder()
	var after JobPos
	for len(order) > 0 {
		got, err := s.Jobs(after, 7, 1<<20)
		if err != nil {
			return err
		}
		if len(got) != min(7, len(order)) {
			return fmt.Errorf("%d jobs behind %s, %d expected", len(got), after, min(7, len(order)))
		}
		for i := range got {
			if err := m.checkJob(s, &got[i], order[i]); err != nil {
				return fmt.Errorf("job %s: %w", order[i], err)
			}
		}
		after = got[len(got)-1].JobPos
		order = order[len(got):]
	}
	if got, err := s.Jobs(after, 7, 1<<20); err != nil || len(got) > 0 {
		return fmt.Errorf("jobs behind the end %s: %v, %v", after, got, err)
	}
	for id := JobID(0); id <= m.lastJob; id++ {
		if _, err := s.Job(id); m.jobs[id] == nil && !errors.Is(err, ErrNoJob) {
			return fmt.Errorf("job %d should not exist: %v", id, err)
		}
	}
	return nil
}

func (m *model) checkJob(s *Store, got *Job, p JobPos) error {
	if got.JobPos != p {
		return fmt.Errorf("%s is there", got.JobPos)
	}
	want := m.jobs[p.ID]
	if got.Index != want.index || !bytes.Equal(got.Spec, want.spec) || !bytes.Equal(got.Header, want.header) || got.BodySize != len(want.body) {
		return fmt.Errorf("%+v, want %+v", got, want)
	}
	if one, err := s.Job(p.ID); err != nil || fmt.Sprint(one) != fmt.Sprint(*got) {
		return fmt.Errorf("by its id %+v, %v", one, err)
	}
	body, err := s.JobBody(got)
	if err != nil {
		return err
	}
	if !bytes.Equal(body, want.body) {
		return fmt.Errorf("body %.40q, want %.40q", body, want.body)
	}
	return nil
}
