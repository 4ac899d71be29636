package wal

import (
	"errors"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// A spare is the file of a segment that the log needs no more, put aside for the
// next one. Its blocks are there, so a flush into it writes data only: no inode,
// and no zeros ahead. What it holds is void: its records' checksums begin with
// another salt, and its marks name it.
type spare struct {
	size  int64 // of the file, 0: there is none
	ready bool  // it has lost its old name durably, so it may be written over
}

// spareName ends as a segment in the making does: an Open removes it.
const spareName = "spare" + tempExt

// salt draws the salt of a segment that is made next.
func (s spare) salt() uint64 { return newSalt(s.ready) }

// keep puts the file of a doomed segment that nobody reads aside, if it is a
// whole one and none is there yet. It is called by the writer.
func (l *Log) keep(s *segment) (bool, error) {
	if !l.opts.Recycle || l.w.closed || l.w.spare.size > 0 || s.size < l.opts.SegmentSize {
		return false, nil
	}
	switch err := l.fs.Rename(l.path(s.name), l.path(spareName)); {
	case errors.Is(err, os.ErrNotExist): // gone already, as far as we care
		return false, nil
	case err != nil:
		return false, err
	}
	l.w.spare = spare{size: s.size}
	return true, nil
}

// temp gives the name of the file to make a segment in, and how long it is.
func (l *Log) temp(seq uint64) (path string, size int64) {
	if !l.w.spare.ready {
		return l.path(tempName(seq)), 0
	}
	size, l.w.spare = l.w.spare.size, spare{}
	return l.path(spareName), size
}

// forget takes a file that will be written over out of the page cache. Its pages
// are kept in the pieces in which they were written, and a write counts and
// dirties whole pieces.
func forget(f vfs.File) {
	if fd := f.Fd(); fd != vfs.InvalidFd {
		_ = unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED) // advice
	}
}
