package frame

import "bytes"

// readBody reads a body of the given size, or up to the NUL if size is -1.
func (r *Reader) readBody(f *Frame, size int) (err error) {
	if size < 0 {
		f.Body, err = r.readToNUL(r.bodyLimit(len(r.head)))
		return err
	}
	if f.Body, err = r.readCounted(size); err != nil {
		return err
	}
	if err := r.need(); err != nil {
		return err
	}
	if c := r.buf[r.pos]; c != 0 {
		return malformed("a body of content-length %d is followed by %q instead of NUL", size, c)
	}
	r.pos++
	return nil
}

// readCounted reads n bytes. Beyond a small size memory grows by doubling, as
// the bytes arrive.
func (r *Reader) readCounted(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	body := make([]byte, 0, min(n, bodyChunk))
	for len(body) < n {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(n, 2*cap(body)))
			copy(grown, body)
			body = grown
		}
		if r.pos == r.end && cap(body)-len(body) >= len(r.buf) && len(r.buf) > 0 {
			// Nothing is buffered: a big body need not pass through the buffer.
			k, err := r.src.Read(body[len(body):cap(body)])
			body = body[:len(body)+k]
			if k == 0 && err != nil {
				return nil, err
			}
			continue
		}
		if err := r.need(); err != nil {
			return nil, err
		}
		k := min(cap(body)-len(body), r.end-r.pos)
		body = append(body, r.buf[r.pos:r.pos+k]...)
		r.pos += k
	}
	return body, nil
}

// readToNUL reads a body whose length was not announced.
func (r *Reader) readToNUL(limit int) ([]byte, error) {
	var body []byte
	for {
		if err := r.need(); err != nil {
			return nil, err
		}
		part := r.buf[r.pos:r.end]
		i := bytes.IndexByte(part, 0)
		if i >= 0 {
			part = part[:i]
		}
		if len(body)+len(part) > limit {
			return nil, tooBig("bytes of body", limit)
		}
		body = append(body, part...)
		r.pos += len(part)
		if i >= 0 {
			r.pos++
			return body, nil
		}
	}
}

// readLine reads up to the next LF, which is taken and not returned. The line
// is valid until the next read. NUL is nowhere allowed in a command or header.
func (r *Reader) readLine(limit int, what string) ([]byte, error) {
	r.line = r.line[:0]
	for {
		part := r.buf[r.pos:r.end]
		i := bytes.IndexByte(part, '\n')
		if i >= 0 {
			part = part[:i]
		}
		// What comes first in the stream decides, however it was cut into reads.
		if nul := bytes.IndexByte(part, 0); nul >= 0 && len(r.line)+nul <= limit {
			return nil, malformed("NUL in a %s", what)
		}
		if len(r.line)+len(part) > limit {
			return nil, tooBig("bytes of a "+what, limit)
		}
		r.pos += len(part)
		if i >= 0 {
			r.pos++
			if len(r.line) == 0 {
				return part, nil
			}
			r.line = append(r.line, part...)
			return r.line, nil
		}
		r.line = append(r.line, part...)
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// need makes sure that at least one byte is buffered.
func (r *Reader) need() error {
	if r.pos < r.end {
		return nil
	}
	return r.fill()
}

// fill reads once from the source into the empty buffer. The buffer follows
// the traffic: it doubles when a read fills it and halves after calm reads.
func (r *Reader) fill() error {
	r.pos, r.end = 0, 0
	if len(r.buf) == 0 {
		r.buf = make([]byte, firstBuffer)
	}
	for range 100 {
		n, err := r.src.Read(r.buf)
		if n > 0 {
			r.end = n
			r.adapt(n)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return malformed("the source gives neither bytes nor an error")
}

func (r *Reader) adapt(n int) {
	switch size := len(r.buf); {
	case n == size && size < mostBuffer:
		grown := make([]byte, 2*size)
		copy(grown, r.buf[:n])
		r.buf, r.calm = grown, 0
	case n <= size/4 && size > firstBuffer:
		if r.calm++; r.calm == calmReads {
			r.buf, r.calm = append(make([]byte, 0, size/2), r.buf[:n]...)[:size/2], 0
		}
	default:
		r.calm = 0
	}
}

// shrink gives back what an unusually big head needed.
func (r *Reader) shrink() {
	if cap(r.line) > keptScratch {
		r.line = nil
	}
	if cap(r.head) > keptScratch {
		r.head = nil
	}
	if cap(r.spans) > keptHeaders {
		r.spans = nil
	}
}
