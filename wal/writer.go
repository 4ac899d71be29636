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
	size   int64  // of the file; from end to here it is zero-filled
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
	zeroChunk  = 128 << 10
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
	n, err := w.file.WriteAt(w.buf, w.end)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write at offset %d: %w", w.end, err)
	}
	w.end += int64(n)
	w.size = max(w.size, w.end)
	w.clean = false
	if w.buf = w.buf[:0]; cap(w.buf) > bufKept {
		w.buf = nil
	}
	return nil
}

// fillAhead writes zeros behind the place of buf when the file has no room for
// it: a flush of bytes inside a file is cheaper than one that makes it grow.
// The zeros are written and flushed like data, so they pay only when many
// flushes share them: before a big write nothing is filled.
func (w *writer) fillAhead(o Options) error {
	behind := w.next()
	if behind <= w.size || int64(len(w.buf)) > o.FillAhead/fillPays {
		return nil
	}
	to := min((behind+o.FillAhead)&^(blockSize-1), o.SegmentSize)
	if w.zeros == nil && to > behind {
		w.zeros = make([]byte, min(zeroChunk, o.FillAhead))
	}
	for at := behind; at < to; {
		clear(w.zeros) // the file system may scribble over them
		n, err := w.file.WriteAt(w.zeros[:min(int64(len(w.zeros)), to-at)], at)
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
