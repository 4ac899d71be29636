package wal

import "github.com/cockroachdb/pebble/v2/vfs"

// A Report is what Verify found.
type Report struct {
	Segments int    // that the log needs
	Bytes    int64  // of their files
	First    Index  // first entry, Last+1 when there is none
	Last     Index  // last entry
	Entries  uint64 // that can be read
	State    State
	Clean    bool     // the log was closed before its process ended
	Torn     int64    // bytes behind the last good record, which Open would cut: never confirmed to anybody; 0 where the file is a reused one
	Leftover []string // files that the log does not need, which Open would remove
}

// Verify reads a whole log and changes nothing. Damage is a CorruptError, with
// which the report tells what was read until then. A directory without
// segments is a log of zero segments. The log must not be open.
func Verify(fs vfs.FS, dir string) (Report, error) {
	img, err := load(fs, dir)
	if img == nil || len(img.segments) == 0 {
		return Report{}, err
	}
	r := Report{Segments: len(img.segments), State: img.state, Clean: img.clean, Leftover: img.leftover}
	for _, s := range img.segments {
		r.Bytes += s.size
	}
	if err != nil && img.entries == 0 {
		return r, err
	}
	young := img.segments[len(img.segments)-1]
	r.First, r.Last, r.Entries = img.segments[0].first, img.last, img.entries
	if !young.reused() {
		r.Torn = img.tail.written - young.end
	}
	return r, err
}
