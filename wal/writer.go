package wal

import (
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writer is the youngest segment, as the one who appends to it knows it.
type writer struct {
	seg    *segment
	file   vfs.File
	seed   uint32
	end    int64  // behind the last byte written
	size   int64  // of the file; from end to here nothing counts
	synced int64  // everything below is durable
	reach  int64  // what the last mark says is durable
	state  State  // the hard state that the segment ends with
	clean  bool   // closed cleanly before, nothing written since
	buf    []byte // records encoded and not yet written; they go to end
	zeros  []byte
}

const (
	writeChunk = 1 << 20 // buf is written when it is this long
	bufKept    = 4 << 20 // a longer buf is not kept
	blockSize  = 4096
	fillPays   = 8 // writes that must fit into what is filled ahead
)

// next returns where the next record will begin.
func (w *writer) next() int64 { return w.end + int64(len(w.buf)) }

// write puts buf into the file. The file system may scribble over buf.
func (w *writer) write(o Options) error {
	if err := w.fillAhead(o); err != nil {
		return err
	}
	end := w.next()
	// Whole pages need not be read before they are written. The last one, which
	// the next write goes on in, is written by itself: the kernel keeps what was
	// written at once together, and dirties it together.
	if whole := roundUp(end, blockSize); whole <= w.size {
		w.buf = append(w.buf, zeroBlock[:whole-end]...)
	}
	cut := max((end-1)&^(blockSize-1)-w.end, 0)
	if err := w.put(w.buf[:cut], w.end); err != nil {
		return err
	}
	if err := w.put(w.buf[cut:], w.end+cut); err != nil {
		return err
	}
	w.end = end
	w.size = max(w.size, w.end)
	w.clean = false
	if w.buf = w.buf[:0]; cap(w.buf) > bufKept {
		w.buf = nil
	}
	return nil
}

// put writes b at an offset of the file.
func (w *writer) put(b []byte, at int64) error {
	if len(b) == 0 {
		return nil
	}
	n, err := w.file.WriteAt(b, at)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write at offset %d: %w", at, err)
	}
	return nil
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

var zeroBlock [blockSize]byte

// fillAhead writes zeros behind the place of buf when the file has no room for
// it: a flush of bytes inside a file is cheaper than one that makes it grow.
// The zeros are written and flushed like data, so they pay only when many
// flushes share them: before a big write nothing is filled. They go a page at a
// time, for the same reason that the last page of a write goes by itself.
func (w *writer) fillAhead(o Options) error {
	behind := w.next()
	if behind <= w.size || int64(len(w.buf)) > o.FillAhead/fillPays {
		return nil
	}
	to := min((behind+o.FillAhead)&^(blockSize-1), o.SegmentSize)
	if w.zeros == nil && to > behind {
		w.zeros = make([]byte, blockSize)
	}
	for at := behind; at < to; {
		clear(w.zeros) // the file system may scribble over them
		n, err := w.file.WriteAt(w.zeros[:min(roundUp(at+1, blockSize), to)-at], at)
		if err != nil {
			return fmt.Errorf("fill with zeros at offset %d: %w", at, err)
		}
		at += int64(n)
		w.size = at
	}
	return nil
}

// copyFrom copies the bytes of another file below end.
func (w *writer) copyFrom(old io.ReaderAt, end int64) error {
	buf := make([]byte, min(end, writeChunk))
	for w.end < end {
		b := buf[:min(int64(len(buf)), end-w.end)]
		if n, err := old.ReadAt(b, w.end); n < len(b) {
			return fmt.Errorf("read at offset %d: %w", w.end, err)
		}
		if _, err := w.file.WriteAt(b, w.end); err != nil {
			return fmt.Errorf("write at offset %d: %w", w.end, err)
		}
		w.end += int64(len(b))
	}
	w.size = w.end
	return nil
}

func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file = nil
	return err
}
