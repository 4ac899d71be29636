package seat

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// appendSum appends the checksum of b from an offset on.
func appendSum(b []byte, from int) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], castagnoli))
}

// A reader takes an encoding apart. After a field that is not there it gives
// zeros, and done an error.
type reader struct {
	b   []byte
	bad bool
}

// open checks magic, version and checksum and gives a reader of what is between.
func open(b []byte, magic string, version byte) (reader, error) {
	head := len(magic) + 1
	if len(b) < head+crc32.Size || string(b[:len(magic)]) != magic {
		return reader{}, fmt.Errorf("%w: no magic number", ErrCorrupt)
	}
	body, sum := b[:len(b)-crc32.Size], binary.BigEndian.Uint32(b[len(b)-crc32.Size:])
	switch v := b[len(magic)]; {
	case v > version:
		return reader{}, fmt.Errorf("%w: version %d, known is %d", ErrVersion, v, version)
	case crc32.Checksum(body, castagnoli) != sum:
		return reader{}, fmt.Errorf("%w: wrong checksum", ErrCorrupt)
	case v != version:
		return reader{}, fmt.Errorf("%w: version %d", ErrCorrupt, v)
	}
	return reader{b: body[head:]}, nil
}

// next gives n bytes, zeros when they are not there. n is a constant or a length
// that was checked.
func (r *reader) next(n int) []byte {
	if n > len(r.b) {
		r.bad = true
		r.b = nil
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() byte    { return r.next(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.next(2)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.next(8)) }

func (r *reader) text() string {
	n := int(r.u16())
	if n > MaxText {
		r.bad = true
		return ""
	}
	return string(r.next(n))
}

func (r *reader) done() error {
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("%w: wrong length", ErrCorrupt)
	}
	return nil
}
