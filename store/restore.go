package store

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Restore makes the checkpoint in dir the state of the store. It is linked (or
// copied) beside the present index, synced, opened and checked; then CURRENT
// switches in one step. Until then the old state stays, also after a crash or
// an error. dir itself is left as it was. Restore is called between two
// entries.
func (s *Store) Restore(dir string) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	if err := s.Failed(); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	s.mu.RLock()
	old := s.mu.ix
	s.mu.RUnlock()
	name, err := nextIndex(old.name)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	path := s.fs.PathJoin(s.dir, name)
	next, st, err := s.prepare(dir, path)
	if err != nil {
		return errors.Join(fmt.Errorf("restore: %w", err), s.fs.RemoveAll(path))
	}
	next.name = name
	s.writer.stop()
	if err := writeCurrent(s.fs, s.dir, name); err != nil {
		// The directory may name either now; only a new start can tell.
		err = errors.Join(fmt.Errorf("restore: %w", err), next.close())
		s.fail(err)
		return err
	}
	s.swap(next, st)
	s.writer.start(s)
	if err := errors.Join(old.close(), s.fs.RemoveAll(s.fs.PathJoin(s.dir, old.name))); err != nil {
		s.log.Warn("restore: the index before is still there", "error", err)
	}
	return nil
}

func nextIndex(name string) (string, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, indexPrefix))
	if err != nil {
		return "", fmt.Errorf("%w: index %q", ErrCorrupt, name)
	}
	return fmt.Sprintf("%s%06d", indexPrefix, n+1), nil
}

// swap makes next the index and st the state; nothing of the overlay stays.
func (s *Store) swap(next *index, st state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.state, s.mu.ix, s.mu.low = st, next, st.applied
	s.mu.active, s.mu.closing = newGeneration(1, &st.sentIDs), nil
	s.mu.epoch++
	s.held.clear()
	s.runs.clear()
	close(s.retired)
	s.retired = make(chan struct{})
}

// prepare brings the checkpoint to path, opens it and checks that it is what
// it says.
func (s *Store) prepare(dir, path string) (*index, state, error) {
	meta, err := readCheckpointMeta(s.fs, dir)
	if err != nil {
		return nil, state{}, err
	}
	if err := s.fs.RemoveAll(path); err != nil {
		return nil, state{}, err
	}
	if err := linkAll(s.fs, dir, path); err != nil {
		return nil, state{}, err
	}
	if err := syncDir(s.fs, s.dir); err != nil {
		return nil, state{}, err
	}
	ix, err := openIndex(s.fs, path, s.o, s.fail)
	if err != nil {
		return nil, state{}, err
	}
	st, err := ix.recover()
	if err == nil && (st.applied != meta.applied || st.term != meta.term || !bytes.Equal(st.membership, meta.membership)) {
		err = fmt.Errorf("%w: %w: %d, %d", ErrCorrupt, errStateDiffers, st.applied, meta.applied)
	}
	if err == nil {
		err = ix.verify()
	}
	if err != nil {
		return nil, state{}, errors.Join(err, ix.close())
	}
	return ix, st, nil
}

// linkAll links the files of a checkpoint into a new directory and makes them
// durable. Those that Pebble changes in place are copied.
func linkAll(fs vfs.FS, from, to string) error {
	names, err := fs.List(from)
	if err != nil {
		return err
	}
	if err := fs.MkdirAll(to, 0o750); err != nil {
		return err
	}
	for _, n := range names {
		if n == metaFile {
			continue
		}
		src, dst := fs.PathJoin(from, n), fs.PathJoin(to, n)
		put := vfs.Copy
		if strings.HasSuffix(n, ".sst") || strings.HasSuffix(n, ".blob") {
			put = vfs.LinkOrCopy
		}
		if err := put(fs, src, dst); err != nil {
			return fmt.Errorf("take %s: %w", n, err)
		}
		if err := syncFile(fs, dst); err != nil {
			return fmt.Errorf("sync %s: %w", n, err)
		}
	}
	return syncDir(fs, to)
}

func syncFile(fs vfs.FS, name string) error {
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
