package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Dump writes what the store in dir, which must not be open, holds to w, a line
// for each record; of bodies the length alone.
func Dump(fs vfs.FS, dir string, w io.Writer) error {
	ix, err := openReadOnly(fs, dir)
	if err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	err = scan(ix.db, []byte{0}, []byte{0xff}, func(k, v []byte) error {
		_, err := fmt.Fprintln(w, describe(k, v))
		return err
	})
	if err = errors.Join(err, ix.close()); err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	return nil
}

// describe puts a record into words; one that cannot be read is given in hex.
func describe(k, v []byte) string {
	bad := func(err error) string { return fmt.Sprintf("key %x: %d bytes: %v", k, len(v), err) }
	switch {
	case k[0] == keyMeta:
		m, err := decodeMeta(v)
		if err != nil {
			return bad(err)
		}
		return fmt.Sprintf("meta: applied %d, term %d, membership of %d bytes, reign %+v, last queue %d, producers %d, %d jobs of %d, %d bytes, ids %d to %d, at most %d",
			m.applied, m.term, len(m.membership), m.reign, m.lastQueue, m.limit, m.jobs.jobs, m.jobs.lastJob, m.jobs.jobBytes, m.ids.first, m.ids.next, m.ids.limit)
	case k[0] == keyAhead:
		q, err := decodeAhead(v)
		if err != nil {
			return bad(err)
		}
		return fmt.Sprintf("bodies ahead: queues %d", q)
	case k[0] == keyQueue && len(k) == 9:
		q, err := decodeQueue(v)
		if err != nil {
			return bad(err)
		}
		return fmt.Sprintf("queue %d: %s %q %+v, next %d, purged %d, %d messages, %d bytes, heads %d, paused %t",
			binary.BigEndian.Uint64(k[1:]), q.kind, q.name, q.sub, q.next, q.purged, q.depth, q.bytes, q.heads, q.paused)
	case (k[0] == inEntries || k[0] == inBodies) && len(k) == posKeyLen:
		return describeIn(k, v)
	case k[0] == keyChunk && len(k) == 17:
		id := bodyIDOf(k[1:])
		return fmt.Sprintf("shared body %d/%d chunk %d: %d bytes", id.index, id.offset, binary.BigEndian.Uint32(k[13:]), len(v))
	case k[0] == keyRef && len(k) == refKeyLen:
		id, r, _ := refOfKey(k)
		return fmt.Sprintf("shared body %d/%d held by %c %d %d/%d %d", id.index, id.offset, r.kind, r.a, r.lane, r.b, r.n)
	case k[0] == keyJobPos && len(k) == 17, k[0] == keyJob && len(k) == 9:
		return describeJob(k, v)
	case k[0] == keySentID && len(k) == 9:
		id, err := decodeSentID(v)
		if err != nil {
			return bad(err)
		}
		return fmt.Sprintf("message %d with an id: %q", binary.BigEndian.Uint64(k[1:]), id)
	case k[0] == keyWindow:
		wd, err := decodeWindow(string(k[1:]), v)
		if err != nil {
			return bad(err)
		}
		return fmt.Sprintf("producer %q: last %d, use %d", wd.name, wd.last, wd.use)
	}
	return describeOpaque(k, v)
}

func describeJob(k, v []byte) string {
	if k[0] == keyJob {
		due, err := decodeJobDue(v)
		if err != nil {
			return fmt.Sprintf("job %d: %v", binary.BigEndian.Uint64(k[1:]), err)
		}
		return fmt.Sprintf("job %d: due at %d", binary.BigEndian.Uint64(k[1:]), due)
	}
	p, _ := jobPosOfKey(k)
	j, err := decodeJob(p, v)
	if err != nil {
		return fmt.Sprintf("job %s: %v", p, err)
	}
	return fmt.Sprintf("job %s: index %d, spec %d bytes, header %d bytes, body %d bytes at %d/%d",
		p, j.Index, len(j.Spec), len(j.Header), j.BodySize, j.body.index, j.body.offset)
}

func describeIn(k, v []byte) string {
	q, p, _ := posOfKey(k)
	if k[0] == inBodies {
		return fmt.Sprintf("queue %d message %s body: %d bytes", q, p, len(v))
	}
	e, err := decodeEntry(v)
	if err != nil {
		return fmt.Sprintf("queue %d message %s: %v", q, p, err)
	}
	s := fmt.Sprintf("queue %d message %s: index %d, count %d, header %d bytes, body %d bytes", q, p, e.index, e.count, len(e.header), e.size)
	if e.shared {
		s += fmt.Sprintf(", shared %d/%d", e.body.index, e.body.offset)
	}
	return s
}

func describeOpaque(k, v []byte) string {
	if len(k) >= 17 {
		id := opaqueID{binary.BigEndian.Uint64(k[1:]), binary.BigEndian.Uint64(k[9:])}
		switch {
		case k[0] == keyStage && len(k) == 17:
			if pieces, ops, prepared, err := decodeStageHead(v); err == nil {
				return fmt.Sprintf("transaction %s: %d pieces, %d operations, prepared %t", id, pieces, ops, prepared)
			}
		case k[0] == keyStage && len(k) == 21:
			if so, err := decodeStaged(v); err == nil {
				return fmt.Sprintf("transaction %s operation %d: %s", id, binary.BigEndian.Uint32(k[17:]), so.typ)
			}
		case k[0] == keyUpload && len(k) == 17:
			if u, err := decodeUpload(v); err == nil {
				return fmt.Sprintf("upload %s: %d parts, %d bytes", id, u.parts, u.size)
			}
		}
	}
	if k[0] == keyGrave && len(k) == 9 {
		return fmt.Sprintf("grave of queue %d: %x", binary.BigEndian.Uint64(k[1:]), v)
	}
	return fmt.Sprintf("key %x: %d bytes", k, len(v))
}
