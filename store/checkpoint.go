package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/wal"
)

// The file META of a checkpoint says what state it is, so that a receiver need
// not open the index to know:
//
//	byte[4] "QCKP", uint32 version (2), uint64 index, uint64 term,
//	uint32 length of the membership, membership, uint32 CRC-32C of all before
//
// all little-endian.
const (
	metaFile       = "META"
	checkpointTag  = "QCKP"
	checkpointV    = 2 // 1 had other keys of entries and bodies
	checkpointHead = 4 + 4 + 8 + 8 + 4
)

// Checkpoint writes the state at the last applied entry into dir, which must not
// exist: it closes the generation, waits until the index is durable, and links
// its files. Nothing is applied until the generation is handed over; then Apply
// goes on. The files are flat in dir and do not change any more.
func (s *Store) Checkpoint(dir string) (applied wal.Index, term uint64, membership []byte, err error) {
	meta, err := s.atState(func(ix *index, m metaRecord) error {
		if err := ix.db.Checkpoint(dir); err != nil {
			return err
		}
		return writeCheckpointMeta(s.fs, dir, &m)
	})
	if err != nil {
		return 0, 0, nil, fmt.Errorf("checkpoint: %w", err)
	}
	return meta.applied, meta.term, meta.membership, nil
}

// atState closes the generation and calls f on the writer when the index is
// exactly and durably at the state that Apply had reached.
func (s *Store) atState(f func(*index, metaRecord) error) (metaRecord, error) {
	type result struct {
		meta metaRecord
		err  error
	}
	done := make(chan result, 1)
	s.applying.Lock()
	for s.inEntry && s.failed.Load() == nil {
		s.settled.Wait()
	}
	ok := s.closeGeneration(func(ix *index, m metaRecord) { done <- result{m, f(ix, m)} })
	s.applying.Unlock()
	if !ok {
		return metaRecord{}, s.down()
	}
	select {
	case r := <-done:
		return r.meta, r.err
	case <-s.failing:
		return metaRecord{}, s.down()
	case <-s.closing:
		return metaRecord{}, ErrClosed
	}
}

func writeCheckpointMeta(fs vfs.FS, dir string, m *metaRecord) error {
	b := append([]byte(checkpointTag), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[4:], checkpointV)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.applied))
	b = binary.LittleEndian.AppendUint64(b, m.term)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.membership)))
	b = append(b, m.membership...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return replaceFile(fs, dir, metaFile, b)
}

func readCheckpointMeta(fs vfs.FS, dir string) (metaRecord, error) {
	b, err := readFile(fs, fs.PathJoin(dir, metaFile))
	if err != nil {
		return metaRecord{}, err
	}
	return decodeCheckpointMeta(b)
}

func decodeCheckpointMeta(b []byte) (metaRecord, error) {
	bad := func(what string) (metaRecord, error) {
		return metaRecord{}, fmt.Errorf("%w: %s: %s", ErrCorrupt, metaFile, what)
	}
	if len(b) < checkpointHead+4 || string(b[:4]) != checkpointTag {
		return bad("not a checkpoint")
	}
	if v := binary.LittleEndian.Uint32(b[4:]); v != checkpointV {
		return metaRecord{}, fmt.Errorf("%w: checkpoint of version %d, this one knows %d", otherVersion(uint64(v), checkpointV), v, checkpointV)
	}
	body := b[:len(b)-4]
	if binary.LittleEndian.Uint32(b[len(body):]) != crc32.Checksum(body, castagnoli) {
		return bad("checksum")
	}
	m := metaRecord{applied: wal.Index(binary.LittleEndian.Uint64(b[8:])), term: binary.LittleEndian.Uint64(b[16:])}
	if n := binary.LittleEndian.Uint32(b[24:]); int(n) != len(body)-checkpointHead {
		return bad("length of the membership")
	} else if n > 0 {
		m.membership = append([]byte(nil), body[checkpointHead:]...)
	}
	return m, nil
}

var errStateDiffers = errors.New("the index is at another state than its checkpoint says")
