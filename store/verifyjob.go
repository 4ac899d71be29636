package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// jobs compares the jobs with their counters and with the way from their ids.
func (v *verifier) jobs() error {
	var c jobCounters
	err := scan(v.db, []byte{keyJobPos}, []byte{keyJobPos + 1}, func(k, val []byte) error {
		p, ok := jobPosOfKey(k)
		j, err := decodeJob(p, val)
		if !ok || err != nil {
			v.report("job %x: %v", k, err)
			return nil
		}
		if j.ID > v.st.lastJob {
			v.report("job %s: ids were given up to %d only", p, v.st.lastJob)
		}
		c.jobs++
		c.jobBytes += j.bytes()
		return errors.Join(v.jobDue(p), v.jobBody(&j))
	})
	if err != nil {
		return err
	}
	if c.jobs != v.st.jobs || c.jobBytes != v.st.jobBytes {
		v.report("%d jobs of %d bytes, %d of %d are counted", c.jobs, c.jobBytes, v.st.jobs, v.st.jobBytes)
	}
	ids := uint64(0)
	err = scan(v.db, []byte{keyJob}, []byte{keyJob + 1}, func(_, _ []byte) error { ids++; return nil })
	if err == nil && ids != c.jobs {
		v.report("%d jobs, %d ids of jobs", c.jobs, ids)
	}
	return err
}

// jobDue checks that the id of a job leads to its place.
func (v *verifier) jobDue(p JobPos) error {
	b, c, err := v.db.Get(appendJobKey(nil, p.ID))
	if errors.Is(err, pebble.ErrNotFound) {
		v.report("job %s: its id is not known", p)
		return nil
	}
	if err != nil {
		return err
	}
	if due, err := decodeJobDue(b); err != nil || due != p.Due {
		v.report("job %s: its id is known at %d: %v", p, due, err)
	}
	return c.Close()
}

func (v *verifier) jobBody(j *Job) error {
	if j.BodySize == 0 {
		return nil
	}
	_, c, err := v.db.Get(appendRefKey(nil, j.body, jobRef(j.ID)))
	if errors.Is(err, pebble.ErrNotFound) {
		v.report("job %s does not hold its body %d/%d", j.JobPos, j.body.index, j.body.offset)
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(c.Close(), v.sharedSize(j.body, uint64(j.BodySize)))
}

// jobRef checks that the job which holds a body is there and has that body.
func (v *verifier) jobRef(id bodyID, r ref) error {
	gone := func() error {
		v.report("body %d/%d is held by job %d, which is gone or has another", id.index, id.offset, r.a)
		return nil
	}
	b, c, err := v.db.Get(binary.BigEndian.AppendUint64([]byte{keyJob}, r.a))
	if errors.Is(err, pebble.ErrNotFound) {
		return gone()
	}
	if err != nil {
		return err
	}
	due, err := decodeJobDue(b)
	if err = errors.Join(err, c.Close()); err != nil {
		return fmt.Errorf("job %d: %w", r.a, err)
	}
	p := JobPos{due, JobID(r.a)}
	if b, c, err = v.db.Get(appendJobPosKey(nil, p)); err != nil {
		return gone()
	}
	if j, err := decodeJob(p, b); err != nil || j.body != id || j.BodySize == 0 {
		return errors.Join(gone(), c.Close())
	}
	return c.Close()
}
