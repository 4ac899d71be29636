package wal

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pool counts the readers of each segment and keeps a few files open for them.
// A file stays readable while somebody holds its segment.
type pool struct {
	log  *Log
	mu   sync.Mutex
	idle []*segment // open and not being read, the longest idle first
}

const idleFiles = 8

// acquire holds s. It is called under Log.mu, so that s is not yet swept.
func (p *pool) acquire(s *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.refs++
	if k := slices.Index(p.idle, s); k >= 0 {
		p.idle = slices.Delete(p.idle, k, k+1)
	}
}

// open returns the file of a segment that is held.
func (p *pool) open(s *segment) (vfs.File, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.file == nil {
		f, err := p.log.fs.Open(p.log.path(s.name))
		if err != nil {
			return nil, fmt.Errorf("open segment %s: %w", s.name, err)
		}
		s.file = f
	}
	return s.file, nil
}

// release ends a hold.
func (p *pool) release(s *segment) {
	var idle vfs.File
	p.mu.Lock()
	s.refs--
	last := s.refs == 0
	if last && s.file != nil {
		p.idle = append(p.idle, s)
		if len(p.idle) > idleFiles {
			idle = p.idle[0].detach()
			p.idle = slices.Delete(p.idle, 0, 1)
		}
	}
	p.mu.Unlock()
	if idle != nil {
		idle.Close()
	}
	if last && p.log.isDoomed(s) {
		p.log.removeDoomed(nil)
	}
}

// detach takes the file of a segment that nobody holds.
func (s *segment) detach() vfs.File {
	f := s.file
	s.file = nil
	return f
}

// take returns true when nobody reads s, and closes its file.
func (p *pool) take(s *segment) bool {
	p.mu.Lock()
	if s.refs > 0 {
		p.mu.Unlock()
		return false
	}
	if k := slices.Index(p.idle, s); k >= 0 {
		p.idle = slices.Delete(p.idle, k, k+1)
	}
	f := s.detach()
	p.mu.Unlock()
	if f != nil {
		f.Close()
	}
	return true
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.idle {
		s.detach().Close()
	}
	p.idle = nil
}

func (l *Log) isDoomed(s *segment) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Contains(l.mu.doomed, s)
}

// sweep removes the doomed segments that nobody reads, or puts one aside, and
// syncs the directory.
func (l *Log) sweep() error {
	removed, err := l.removeDoomed(l.keep)
	if removed {
		if err := l.w.dirFD.Sync(); err != nil {
			return l.fail("sync log directory", err)
		}
		l.w.spare.ready = l.w.spare.size > 0
	}
	return err
}

// removeDoomed is called by the writer and by the last reader of a segment. A
// crash may bring the file back: the next Open sees that it is not needed. The
// writer's keep may take a file instead.
func (l *Log) removeDoomed(keep func(*segment) (bool, error)) (removed bool, err error) {
	l.mu.Lock()
	doomed := l.mu.doomed
	l.mu.doomed = nil
	l.mu.Unlock()
	var stay []*segment
	for _, s := range doomed {
		if !l.pool.take(s) {
			stay = append(stay, s)
			continue
		}
		if rerr := l.dispose(s, keep); rerr != nil {
			err = errors.Join(err, fmt.Errorf("remove segment %s: %w", s.name, rerr))
			stay = append(stay, s)
			continue
		}
		removed = true
	}
	if len(stay) > 0 {
		l.mu.Lock()
		l.mu.doomed = append(l.mu.doomed, stay...)
		l.mu.Unlock()
	}
	return removed, err
}

func (l *Log) dispose(s *segment, keep func(*segment) (bool, error)) error {
	if keep != nil {
		if kept, err := keep(s); kept || err != nil {
			return err
		}
	}
	if err := l.fs.Remove(l.path(s.name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
