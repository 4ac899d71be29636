package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestOtherVersions: a store and a checkpoint whose keys are not ours are
// refused, and stay as they are.
func TestOtherVersions(t *testing.T) {
	for v, want := range map[uint32]error{1: ErrOutdated, 3: ErrVersion} {
		t.Run(fmt.Sprint(v), func(t *testing.T) {
			fs := vfs.NewMem()
			s, _, _ := newRig(t, fs, Options{})
			if _, _, _, err := s.Checkpoint("checkpoint"); err != nil {
				t.Fatal(err)
			}
			meta, err := readFile(fs, "checkpoint/"+metaFile)
			if err != nil {
				t.Fatal(err)
			}
			binary.LittleEndian.PutUint32(meta[4:], v)
			meta = binary.LittleEndian.AppendUint32(meta[:len(meta)-4], crc32.Checksum(meta[:len(meta)-4], castagnoli))
			if err := replaceFile(fs, "checkpoint", metaFile, meta); err != nil {
				t.Fatal(err)
			}
			at, _, _ := s.Applied()
			if err := s.Restore("checkpoint"); !errors.Is(err, want) || errors.Is(err, ErrCorrupt) {
				t.Errorf("a checkpoint: %v", err)
			}
			if now, _, _ := s.Applied(); now != at || s.Failed() != nil {
				t.Errorf("the store is at %d, it was at %d: %v", now, at, s.Failed())
			}

			body := fmt.Sprintf("%s%d\n%s\n", currentMagic, v, firstIndex)
			if err := fs.MkdirAll("other/"+firstIndex, 0o750); err != nil {
				t.Fatal(err)
			}
			if err := replaceFile(fs, "other", currentFile, fmt.Appendf(nil, "%s%08x\n", body, crc32.Checksum([]byte(body), castagnoli))); err != nil {
				t.Fatal(err)
			}
			if _, err := Open("other", Options{FS: fs}); !errors.Is(err, want) || errors.Is(err, ErrCorrupt) {
				t.Errorf("a store: %v", err)
			}
		})
	}
}
