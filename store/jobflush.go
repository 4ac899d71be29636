package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// jobs writes the jobs that the generation changed: each from where it stood
// at its beginning to where it stands at its end. Ranges that are deleted come
// before what is written into them.
func (f *flush) jobs() error {
	changed := f.sl.gen.jobs.byID
	var gone []JobPos
	for id, d := range changed {
		if d.was != 0 && (d.now == nil || d.now.Due != d.was) {
			gone = append(gone, JobPos{d.was, id})
		}
	}
	if err := f.jobsGone(gone); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	for id, d := range changed {
		if d.now == nil {
			f.del(appendJobKey(nil, id))
			continue
		}
		f.v = appendJobDue(f.v[:0], d.now.Due)
		f.set(appendJobKey(nil, id), f.v)
		f.v = d.now.append(f.v[:0])
		f.set(appendJobPosKey(nil, d.now.JobPos), f.v)
	}
	return f.err
}

// jobsGone deletes the places that jobs left, neighbours as one range: jobs go
// at the front, and who looks for the next must not walk over those before.
func (f *flush) jobsGone(gone []JobPos) error {
	if len(gone) == 0 {
		return nil
	}
	slices.SortFunc(gone, compareJobs)
	it, err := f.ix.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyJobPos}, UpperBound: []byte{keyJobPos + 1}})
	if err != nil {
		return err
	}
	for i, ok := 0, it.SeekGE(appendJobPosKey(nil, gone[0])); i < len(gone); {
		from := i
		for ok && i < len(gone) && string(it.Key()) == string(appendJobPosKey(f.k[:0], gone[i])) {
			i++
			ok = it.Next()
		}
		if i == from {
			return errors.Join(fmt.Errorf("%w: job %s is missing", ErrCorrupt, gone[i]), it.Error(), it.Close())
		}
		f.deleteJobs(gone[from:i])
		if i < len(gone) {
			ok = it.SeekGE(appendJobPosKey(nil, gone[i]))
		}
	}
	return errors.Join(it.Error(), it.Close())
}

// deleteJobs deletes neighbours.
func (f *flush) deleteJobs(run []JobPos) {
	if len(run) > shortRun {
		last := run[len(run)-1]
		last.ID++
		f.delRange(appendJobPosKey(nil, run[0]), appendJobPosKey(nil, last))
		return
	}
	for _, p := range run {
		f.del(appendJobPosKey(nil, p))
	}
}
