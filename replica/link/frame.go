package link

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A frame on a link, integers big-endian:
//
//	u16 size      of the fragment, 0 to 65,535
//	u8  class     0 to 2, or 0xff: a sign of life without a fragment
//	u8  flags     bit 0: first fragment of a payload, bit 1: last
//	u32 CRC-32C   of the four bytes above and the fragment
//	…   fragment
//
// A payload longer than a fragment is cut; the fragments of one class follow
// each other in order, those of other classes may come between them.
const (
	frameHeader = 8
	maxFragment = 1<<16 - 1 - frameHeader
	flagFirst   = 1
	flagLast    = 2
	signOfLife  = 0xff
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrFrame is returned for bytes that are not a frame.
var ErrFrame = errors.New("malformed frame")

func appendFrame(b []byte, class byte, flags byte, fragment []byte) []byte {
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(fragment)))
	b = append(b, class, flags, 0, 0, 0, 0)
	sum := crc32.Update(crc32.Checksum(b[at:at+4], castagnoli), castagnoli, fragment)
	binary.BigEndian.PutUint32(b[at+4:], sum)
	return append(b, fragment...)
}

// A frameReader puts payloads together again.
type frameReader struct {
	r    *bufio.Reader
	max  int // bytes of a payload
	part [classes][]byte
	open [classes]bool
}

// next reads one frame and gives the payload that it completes, nil if none.
func (f *frameReader) next() (Class, []byte, error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return 0, nil, err
	}
	size, class, flags := int(binary.BigEndian.Uint16(h[:])), h[2], h[3]
	if flags > flagFirst|flagLast || class >= byte(classes) && (class != signOfLife || size != 0 || flags != 0) {
		return 0, nil, fmt.Errorf("%w: class %d, flags %#x", ErrFrame, class, flags)
	}
	fragment := make([]byte, size)
	if _, err := io.ReadFull(f.r, fragment); err != nil {
		return 0, nil, err
	}
	if crc32.Update(crc32.Checksum(h[:4], castagnoli), castagnoli, fragment) != binary.BigEndian.Uint32(h[4:]) {
		return 0, nil, fmt.Errorf("%w: wrong checksum", ErrFrame)
	}
	if class == signOfLife {
		return 0, nil, nil
	}
	return f.join(Class(class), flags, fragment)
}

func (f *frameReader) join(c Class, flags byte, fragment []byte) (Class, []byte, error) {
	if first := flags&flagFirst != 0; first == f.open[c] {
		return 0, nil, fmt.Errorf("%w: fragments of class %d out of order", ErrFrame, c)
	}
	if flags == flagFirst|flagLast {
		return c, fragment, nil
	}
	if len(f.part[c])+len(fragment) > f.max {
		return 0, nil, fmt.Errorf("%w: a payload longer than %d bytes", ErrFrame, f.max)
	}
	f.part[c] = append(f.part[c], fragment...)
	f.open[c] = flags&flagLast == 0
	if f.open[c] {
		return 0, nil, nil
	}
	payload := f.part[c]
	f.part[c] = nil
	return c, payload, nil
}
