package wal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// image is a log as it lies on disk, read and judged, nothing changed.
type image struct {
	segments []*segment // oldest first; nil when there is no log yet
	terms    terms
	last     Index
	entries  uint64
	state    State
	front    uint64
	youngest contents
	tail     tail
	clean    bool     // the youngest segment ends with a clean close
	leftover []string // files that are not needed any more
}

// load reads every segment that the log needs, the youngest first: it knows
// which ones that are.
func load(fs vfs.FS, dir string) (*image, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list log: %w", err)
	}
	img := &image{}
	present := map[uint64]bool{}
	var youngest uint64
	for _, name := range names {
		if seq, ok := parseName(name); ok {
			present[seq] = true
			youngest = max(youngest, seq)
		} else if strings.HasSuffix(name, tempExt) {
			img.leftover = append(img.leftover, name)
		}
	}
	if youngest == 0 {
		return img, nil
	}
	if err := img.loadChain(fs, dir, youngest, present); err != nil {
		return img, err
	}
	for seq := range present {
		img.leftover = append(img.leftover, segmentName(seq))
	}
	slices.Sort(img.leftover)
	return img, img.judge()
}

// loadChain reads the youngest segment and those before it, down to the front.
// What is left in present afterwards is not part of the log.
func (img *image) loadChain(fs vfs.FS, dir string, youngest uint64, present map[uint64]bool) error {
	buf := make([]byte, 0, scanChunk)
	var successor *segment
	var parts []contents
	for seq := youngest; ; {
		if !present[seq] {
			return &CorruptError{Segment: segmentName(seq), Reason: fmt.Sprintf("missing; segment %s needs it", successor.name)}
		}
		delete(present, seq)
		s, c, err := img.loadSegment(fs, dir, seq, successor, buf)
		if s != nil {
			img.segments = append(img.segments, s)
		}
		if err != nil {
			return err
		}
		parts = append(parts, c)
		successor = s
		if seq == img.front {
			break
		}
		if seq = s.prevSeq; seq < img.front {
			return s.corrupt(48, fmt.Sprintf("the log begins at segment %d, which is not before it", img.front))
		}
	}
	slices.Reverse(img.segments)
	slices.Reverse(parts)
	img.assemble(parts)
	return nil
}

func (img *image) loadSegment(fs vfs.FS, dir string, seq uint64, successor *segment, buf []byte) (*segment, contents, error) {
	name := segmentName(seq)
	f, err := fs.Open(fs.PathJoin(dir, name), vfs.SequentialReadsOption)
	if err != nil {
		return nil, contents{}, fmt.Errorf("open segment %s: %w", name, err)
	}
	defer f.Close()
	s, err := readHeader(f, name)
	if err != nil {
		return nil, contents{}, err
	}
	if s.seq != seq {
		return s, contents{}, s.corrupt(16, fmt.Sprintf("the header says segment %d", s.seq))
	}
	if successor == nil {
		c, err := img.loadYoungest(f, s, buf)
		return s, c, err
	}
	c, err := s.scan(f, min(s.size, successor.prevEnd), successor.first, buf)
	if err != nil {
		return s, c, err
	}
	if s.end != successor.prevEnd {
		return s, c, s.corrupt(s.end, fmt.Sprintf("%s, but bytes up to %d were durable", c.reason, successor.prevEnd))
	}
	if c.last != successor.first-1 || s.first >= successor.first {
		return s, c, s.corrupt(s.end, fmt.Sprintf("ends with entry %d, but segment %s begins with %d", c.last, successor.name, successor.first))
	}
	if c.runs[len(c.runs)-1].term != successor.prevTerm {
		return s, c, s.corrupt(s.end, fmt.Sprintf("term of entry %d is not what segment %s says", c.last, successor.name))
	}
	return s, c, nil
}

func readHeader(f vfs.File, name string) (*segment, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", name, err)
	}
	b := make([]byte, headerLen)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("segment %s: read header: %w", name, err)
	}
	h, err := decodeHeader(name, b[:n])
	if err != nil {
		return nil, err
	}
	return &segment{header: h, name: name, size: info.Size()}, nil
}

func (img *image) loadYoungest(f vfs.File, s *segment, buf []byte) (contents, error) {
	c, err := s.scan(f, s.size, ^Index(0), buf)
	if err != nil {
		return c, err
	}
	img.youngest, img.state = c, c.state
	img.front = max(s.front, c.mark.front)
	if img.tail, err = readTail(f, s.salt, s.end, s.size); err != nil {
		return c, fmt.Errorf("segment %s: %w", s.name, err)
	}
	if img.tail.reach > s.end {
		return c, s.corrupt(s.end, fmt.Sprintf("%s, but bytes up to %d were durable", c.reason, img.tail.reach))
	}
	img.clean = c.closed && img.tail.written == s.end
	return c, nil
}

func (img *image) assemble(parts []contents) {
	oldest := img.segments[0]
	img.terms.reset(oldest.first-1, oldest.prevTerm)
	img.last = oldest.first - 1
	for _, c := range parts {
		for _, r := range c.runs {
			img.terms.append(r.first, r.term)
		}
		img.last = max(img.last, c.last)
		img.entries += c.entries
	}
}

// judge compares the whole with the hard state.
func (img *image) judge() error {
	s := img.segments[len(img.segments)-1]
	if img.state.Commit > img.last {
		return s.corrupt(s.end, fmt.Sprintf("%s after entry %d, but entry %d is committed", img.youngest.reason, img.last, img.state.Commit))
	}
	return nil
}
