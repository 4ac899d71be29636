// Package seat decides who belongs to a cluster: who founds it and with which
// voters, who takes the place of whom, and who is refused. It decides and
// nothing else: there is no clock, goroutine or socket in it, and randomness is
// passed in. What it needs to know comes in as a value, what should be done
// goes out as one. DESIGN.md gives the reasons.
//
// A cluster has exactly as many seats as it has replicas, at every moment, from
// its founding on; a seat is one voter of the replicated log. The Table says
// who holds them. An Identity is what makes one directory one member.
//
// A table is encoded so, integers big-endian, text as u16 length and bytes:
//
//	magic    "QSEAT"
//	version  u8, 1
//	cluster  16 bytes
//	replicas u16
//	changes  u64, Table.Version
//	seats    replicas times:
//	  name        text, at most 512 bytes
//	  id          u64
//	  vacant      u8, 0 or 1
//	  address     text, at most 512 bytes
//	  incarnation u64
//	  learner     u64
//	CRC-32C  u32 of all before
//
// The file IDENTITY:
//
//	magic       "QIDENT"
//	version     u8, 1
//	cluster     16 bytes
//	id          u64
//	incarnation u64
//	seat        text
//	CRC-32C     u32 of all before
package seat
