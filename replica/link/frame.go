package link

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// A frame on a link, integers big-endian:
//
//	u16 size      of the fragment, 0 to 65,535
//	u8  class     0 to 2; or 0xff: a sign of life, without a fragment;
//	              or 0xfe: the sender's hello has changed, the fragment is an
//	              empty text and the hello, as in the handshake
//	u8  flags     bit 0: first fragment of a payload, bit 1: last, bit 2: it
//	              begins with a u32, the length of the payload; only with bit 0
//	              alone
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
	flagLength  = 4
	lengthBytes = 4
	roomAhead   = 1<<20 + 1<<16 // bytes: an entry of the log with what is around it
	signOfLife  = 0xff
	renewal     = 0xfe
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrFrame is returned for bytes that are not a frame.
var ErrFrame = errors.New("malformed frame")

func appendFrame(b []byte, class byte, flags byte, fragment []byte) []byte {
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, uint16(len(fragment)))
	b = append(b, class, flags, 0, 0, 0, 0)
	return seal(append(b, fragment...), at)
}

// appendFirst appends the first of several fragments of a payload, and gives
// how much of the payload is in it.
func appendFirst(b []byte, class byte, payload []byte) ([]byte, int) {
	at, n := len(b), maxFragment-lengthBytes
	b = binary.BigEndian.AppendUint16(b, maxFragment)
	b = append(b, class, flagFirst|flagLength, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return seal(append(b, payload[:n]...), at), n
}

// seal puts the checksum into the frame that begins at a place of b.
func seal(b []byte, at int) []byte {
	sum := crc32.Update(crc32.Checksum(b[at:at+4], castagnoli), castagnoli, b[at+frameHeader:])
	binary.BigEndian.PutUint32(b[at+4:], sum)
	return b
}

// A frameReader puts payloads together again.
type frameReader struct {
	r    *bufio.Reader
	max  int // bytes of a payload
	part [classes][]byte
	open [classes]bool
	want [classes]int // bytes of the whole payload; 0: not told
}

// next reads one frame and gives the payload that it completes, nil if none.
func (f *frameReader) next() (Class, []byte, error) {
	h, err := f.r.Peek(frameHeader)
	if err != nil {
		if len(h) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	size, class, flags := int(binary.BigEndian.Uint16(h)), h[2], h[3]
	sum, want := crc32.Checksum(h[:4], castagnoli), binary.BigEndian.Uint32(h[4:])
	if !valid(class, flags, size) {
		return 0, nil, fmt.Errorf("%w: class %d, flags %#x", ErrFrame, class, flags)
	}
	_, _ = f.r.Discard(frameHeader) // never fails after Peek
	if class == signOfLife {
		if sum != want {
			return 0, nil, errSum
		}
		return 0, nil, nil
	}
	if class == renewal {
		fragment, err := f.fragment(nil, size, sum, want)
		return renewal, fragment, err
	}
	return f.join(Class(class), flags, size, sum, want)
}

func valid(class, flags byte, size int) bool {
	switch class {
	case signOfLife:
		return flags == 0 && size == 0
	case renewal:
		return flags == 0 && size <= maxBlock
	}
	if flags == flagFirst|flagLength {
		return class < byte(classes) && size > lengthBytes
	}
	return class < byte(classes) && flags <= flagFirst|flagLast
}

var errSum = fmt.Errorf("%w: wrong checksum", ErrFrame)

// join reads a fragment behind what is there of its payload.
func (f *frameReader) join(c Class, flags byte, size int, sum, want uint32) (Class, []byte, error) {
	if first := flags&flagFirst != 0; first == f.open[c] {
		return 0, nil, fmt.Errorf("%w: fragments of class %d out of order", ErrFrame, c)
	}
	if len(f.part[c])+size > f.max {
		return 0, nil, f.tooLong()
	}
	if told := f.want[c]; told != 0 && len(f.part[c])+size > told {
		return 0, nil, f.notAsTold(c, len(f.part[c])+size)
	}
	if flags&flagLength != 0 {
		var err error
		if sum, err = f.length(c, sum); err != nil {
			return 0, nil, err
		}
		size -= lengthBytes
	}
	payload, err := f.fragment(f.part[c], size, sum, want)
	if err != nil {
		return 0, nil, err
	}
	if f.open[c] = flags&flagLast == 0; f.open[c] {
		f.part[c] = payload
		return 0, nil, nil
	}
	if told := f.want[c]; told != 0 && told != len(payload) {
		return 0, nil, f.notAsTold(c, len(payload))
	}
	f.part[c], f.want[c] = nil, 0
	return c, payload, nil
}

// length reads how long the payload becomes, so that it is not moved while it
// grows, and adds that to the checksum. Who only says so gets roomAhead at most.
func (f *frameReader) length(c Class, sum uint32) (uint32, error) {
	b, err := f.r.Peek(lengthBytes)
	if err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b)
	sum = crc32.Update(sum, castagnoli, b)
	_, _ = f.r.Discard(lengthBytes) // never fails after Peek
	switch {
	case int64(n) > int64(f.max):
		return 0, f.tooLong()
	case n <= maxFragment:
		return 0, fmt.Errorf("%w: several fragments for a payload of %d bytes", ErrFrame, n)
	}
	f.part[c], f.want[c] = make([]byte, 0, min(int(n), roomAhead)), int(n)
	return sum, nil
}

func (f *frameReader) notAsTold(c Class, n int) error {
	return fmt.Errorf("%w: a payload of %d bytes, %d were told", ErrFrame, n, f.want[c])
}

func (f *frameReader) tooLong() error {
	return fmt.Errorf("%w: a payload longer than %d bytes", ErrFrame, f.max)
}

// fragment reads so many bytes behind those of part, and checks them.
func (f *frameReader) fragment(part []byte, size int, sum, want uint32) ([]byte, error) {
	have := len(part)
	if part == nil {
		part = make([]byte, 0, size)
	}
	part = slices.Grow(part, size)[:have+size]
	if _, err := io.ReadFull(f.r, part[have:]); err != nil {
		return nil, err
	}
	if crc32.Update(sum, castagnoli, part[have:]) != want {
		return nil, errSum
	}
	return part, nil
}
