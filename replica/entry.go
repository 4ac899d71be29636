package replica

import (
	"encoding/binary"
	"errors"
)

var errEntry = errors.New("malformed entry")

// eachBatch calls f with each batch of an entry and its offset in data, and
// returns the entry's nonce and first sequence. Nothing is called unless the
// whole entry is well formed.
func eachBatch(data []byte, f func(offset int, batch []byte)) (nonce, first uint64, err error) {
	if len(data) < entryHeader || data[0] != entryFormat {
		return 0, 0, errEntry
	}
	nonce = binary.LittleEndian.Uint64(data[1:])
	first = binary.LittleEndian.Uint64(data[9:])
	if err := walk(data, nil); err != nil {
		return 0, 0, err
	}
	return nonce, first, walk(data, f)
}

func walk(data []byte, f func(offset int, batch []byte)) error {
	for at := entryHeader; at < len(data); {
		size, k := binary.Uvarint(data[at:])
		if k <= 0 || size > uint64(len(data)-at-k) {
			return errEntry
		}
		at += k
		end := at + int(size)
		if f != nil {
			f(at, data[at:end:end])
		}
		at = end
	}
	return nil
}
