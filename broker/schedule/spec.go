package schedule

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// specVersion is the first byte of an encoded plan.
const specVersion = 1

// ErrSpec is returned for an encoded plan that cannot be read.
var ErrSpec = errors.New("unreadable plan of a scheduled message")

// Append encodes the plan:
//
//	version:1, varints: delay, period, repeat, length of cron, cron, left, next
//	time of cron, number of series, and of each its next time and what is left
//
// Numbers are zigzag varints. It has at most 2 KiB.
func (p *Plan) Append(b []byte) []byte {
	b = append(b, specVersion)
	for _, v := range []int64{p.Delay, p.Period, int64(p.Repeat), int64(len(p.Cron))} {
		b = binary.AppendVarint(b, v)
	}
	b = append(b, p.Cron...)
	for _, v := range []int64{int64(p.left), p.cronNext, int64(len(p.bursts))} {
		b = binary.AppendVarint(b, v)
	}
	for _, s := range p.bursts {
		b = binary.AppendVarint(binary.AppendVarint(b, s.next), int64(s.left))
	}
	return b
}

// Decode reads what Append gives.
func Decode(b []byte) (*Plan, error) {
	d := decoder{b: b}
	if v := d.byte(); v != specVersion {
		return nil, fmt.Errorf("%w: version %d, this one knows %d", ErrSpec, v, specVersion)
	}
	r := Request{Delay: d.number(), Period: d.number(), Repeat: d.int()}
	r.Cron = d.text(d.number())
	left, cronNext, n := d.int(), d.number(), d.number()
	if d.bad || n < 0 || n > maxBursts || cronNext < 0 || left < -1 {
		return nil, fmt.Errorf("%w: %d bytes", ErrSpec, len(b))
	}
	p, err := New(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpec, err)
	}
	p.left, p.cronNext = left, cronNext
	for range n {
		p.bursts = append(p.bursts, burst{d.number(), d.int()})
	}
	if d.bad || len(d.b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrSpec, len(b))
	}
	return p, nil
}

// decoder reads numbers; after the first that is not there it gives zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.bad = true
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) number() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int {
	v := d.number()
	if int64(int32(v)) != v {
		d.bad = true
	}
	return int(int32(v))
}

func (d *decoder) text(n int64) string {
	if n < 0 || n > int64(len(d.b)) || n > MaxCron {
		d.bad, d.b = true, nil
		return ""
	}
	v := string(d.b[:n])
	d.b = d.b[n:]
	return v
}
