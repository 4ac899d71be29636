package wal

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Open opens the log in dir, which is created if need be. The torn tail of an
// append that was never synced is cut; whatever stays is durable when Open
// returns. Damage is a CorruptError and nothing is changed then.
func Open(dir string, o Options) (_ *Log, err error) {
	o = o.withDefaults()
	l := &Log{opts: o, fs: o.FS, dir: dir}
	l.pool.log = l
	l.mu.recent.limit = o.CacheBytes
	if err := makeDir(o.FS, dir); err != nil {
		return nil, err
	}
	if l.w.lock, err = o.FS.Lock(o.FS.PathJoin(dir, lockName)); err != nil {
		return nil, fmt.Errorf("lock log %s (is it open elsewhere?): %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.w.active.close(), l.w.lock.Close())
		}
	}()
	if l.w.dirFD, err = o.FS.OpenDir(dir); err != nil {
		return nil, fmt.Errorf("open log directory: %w", err)
	}
	if err := l.restore(); err != nil {
		l.w.dirFD.Close()
		return nil, err
	}
	return l, nil
}

// makeDir creates dir durably.
func makeDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create log directory: %w", err)
	}
	parent, err := fs.OpenDir(fs.PathDir(dir))
	if err != nil {
		return fmt.Errorf("open parent of log directory: %w", err)
	}
	defer parent.Close()
	if err := parent.Sync(); err != nil {
		return fmt.Errorf("sync parent of log directory: %w", err)
	}
	return nil
}

// restore reads what is there, makes it durable and removes the rest.
func (l *Log) restore() error {
	img, err := load(l.fs, l.dir)
	if err != nil {
		return err
	}
	for _, name := range img.leftover {
		if err := l.fs.Remove(l.path(name)); err != nil {
			return fmt.Errorf("remove leftover %s: %w", name, err)
		}
	}
	switch {
	case img.segments == nil:
		err = l.begin()
	case img.clean:
		err = l.resume(img)
	default:
		err = l.repair(img)
	}
	if err != nil {
		return err
	}
	if err := l.w.dirFD.Sync(); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	return nil
}

// begin makes the first segment of a new log.
func (l *Log) begin() error {
	h := header{seq: 1, salt: newSalt(false), first: 1, front: 1}
	w, err := l.create(h, nil, headerLen)
	if err != nil {
		return err
	}
	l.w.active = w
	l.mu.segments = []*segment{w.seg}
	l.mu.terms.reset(0, 0)
	return nil
}

// resume goes on in a segment that was closed cleanly.
func (l *Log) resume(img *image) error {
	s := img.segments[len(img.segments)-1]
	f, err := l.fs.OpenReadWrite(l.path(s.name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("open segment %s: %w", s.name, err)
	}
	l.w.active = writer{seg: s, file: f, seed: seed(s.salt), end: s.end, size: s.size,
		synced: s.end, reach: s.end, state: img.state, clean: true}
	l.adopt(img)
	return nil
}

// repair copies the good part of the youngest segment. To sync the file that is
// there would not do: after a flush that failed in another process, the page
// cache may hold as clean what the disk lacks.
func (l *Log) repair(img *image) error {
	s := img.segments[len(img.segments)-1]
	old, err := l.fs.Open(l.path(s.name), vfs.SequentialReadsOption)
	if err != nil {
		return fmt.Errorf("open segment %s: %w", s.name, err)
	}
	defer old.Close()
	h := s.header
	h.front = img.front
	w, err := l.create(h, old, s.end)
	if err != nil {
		return err
	}
	w.state = img.state
	w.seg.sparse = s.sparse
	img.segments[len(img.segments)-1] = w.seg
	l.w.active = w
	l.adopt(img)
	return nil
}

func (l *Log) adopt(img *image) {
	l.mu.segments = img.segments
	l.mu.terms = img.terms
	l.mu.last = img.last
	l.mu.state = img.state
}

// create makes the segment that h describes, durably: its header, or the bytes
// of old below end with a mark that says so.
func (l *Log) create(h header, old io.ReaderAt, end int64) (w writer, err error) {
	s := &segment{header: h, name: segmentName(h.seq), end: end}
	temp, size := l.temp(h.seq)
	w = writer{seg: s, seed: seed(h.salt), state: h.state, reach: headerLen, size: size}
	w.file, err = l.fs.OpenReadWrite(temp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return writer{}, fmt.Errorf("create segment %s: %w", s.name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("create segment %s: %w", s.name, err), w.close())
			w = writer{}
		}
	}()
	if size > 0 {
		forget(w.file)
	}
	if old == nil {
		w.buf = append(w.buf, h.encode()...)
	} else {
		if err = w.copyFrom(old, end); err != nil {
			return w, err
		}
		m := mark{salt: h.salt, offset: end, reach: end, front: h.front}
		w.buf, w.reach = appendMark(w.buf, w.seed, m), end
	}
	if err = w.write(l.opts); err != nil {
		return w, err
	}
	if err = w.file.Sync(); err != nil {
		return w, err
	}
	w.synced = w.end
	s.end, s.size = w.end, w.size
	if err = l.fs.Rename(temp, l.path(s.name)); err != nil {
		return w, err
	}
	return w, l.w.dirFD.Sync()
}

func (l *Log) path(name string) string { return l.fs.PathJoin(l.dir, name) }
