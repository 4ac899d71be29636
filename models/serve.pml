/* Serving: what is confirmed is kept by every later master, and is in its state before its first port opens.
 *
 *     stand ──▶ leads ──▶ reign record in the log ──▶ applied ──▶ ports open ──▶ clients' entries ──▶ confirmed
 *
 * A step is a function of the code. Stand: loop.stand and raft's votes; a term and its vote are flushed before they
 * leave. Record: node.record. Open: node.begin, after the record is applied [M8]. Client: a proposal of who serves in
 * that reign (ProposeIn) [M11]. Send: an append arrives. Flush: writer.flush, and only then the answer. Commit: raft's
 * rule; applier.apply, then the confirmation, of what the own disk has. Crash: the power fails, and what was not flushed
 * is gone. Deliver: dispatch under a lease, that is, while nobody was elected in a later term (lease.pml).
 *
 * Left out: a change of voters (seats.pml), when to stand (elect.pml; here anybody at any time), messages on their way
 * (a log is sent whole; what comes late is as if it came earlier or not at all), raft's empty entry before the record.
 * What is in flight counts as one entry. Terms and log are bounded.
 *
 * What must hold: one node confirms in a term; what it confirms, everybody who is elected later has; who delivers has
 * applied all that was ever confirmed, or a message would be delivered whose acknowledgement was confirmed.
 */
#ifndef TERMS
#define TERMS 3
#endif
#define LENGTH 4
#define N 3

#define RECORD 1
#define CLIENT 2

byte log[12];                  /* by node: term * 4 + kind */
byte size[N], flushed[N], done[N];              /* entries in the log, on the disk, applied */
byte term[N];
bool leads[N];
byte held[N];                  /* of a leader: nodes whose disks have its whole log, as bits */
byte open[N];                  /* the term in which the ports were opened, 0: they are not */
byte truth[LENGTH], told;      /* what was ever confirmed */
byte master[TERMS + 1];        /* who led in a term, + 1 */
byte crowned;                  /* the latest of these terms */
byte k, n, t, grants;          /* of one step, 0 between steps */

#define me        _pid
#define o1        ((me + 1) % N)
#define o2        ((me + 2) % N)
#define at(p, i)  log[(p) * LENGTH + (i)]
#define last(p)   (size[p] -> at(p, size[p] - 1) / 4 : 0)
#define later(p)  (crowned > term[p])
#define newer(p, q) (term[p] > term[q] -> term[p] : term[q])
#define newest    (newer(0, 1) > term[2] -> newer(0, 1) : term[2])
#define room      (leads[me] && size[me] < LENGTH && (done[me] == size[me] || last(me) < term[me]))
#define applied   (done[me] && at(me, done[me] - 1) / 4 == term[me])

#ifdef NO_LOG_CHECK
#define current(p, q) true
#else
#define current(p, q) (last(p) > last(q) || last(p) == last(q) && size[p] >= size[q])
#endif
#ifdef OPEN_BEFORE_REIGN_RECORD
#define mayOpen   leads[me]
#else
#define mayOpen   (leads[me] && applied)
#endif
#ifdef OLD_REIGN_SERVES
#define serves    (leads[me] && open[me])
#else
#define serves    (leads[me] && open[me] == term[me])
#endif
#ifdef CONFIRM_BEFORE_MAJORITY
#define enough    true
#else
#define enough    (held[me] > 0)
#endif

inline win(q) {
	d_step { (!leads[me] || term[me] < newest) && current(me, q) && newer(me, q) < TERMS ->
		t = newer(me, q) + 1; term[me] = t; term[q] = t;
		printf("%d is elected in term %d by %d\n", me, t, q);
		assert(!master[t]); master[t] = me + 1;
		if :: t > crowned -> crowned = t :: else fi;
		leads[q] = false; held[q] = 0; leads[me] = true; held[me] = 0;
		for (k : 0 .. told - 1) { assert(size[me] > k && at(me, k) == truth[k]) }
		k = 0; t = 0
	}
}

inline send(q) {
	d_step { leads[me] && term[q] <= term[me] && (term[q] < term[me] || size[q] != size[me] || done[q] < done[me]) ->
		printf("%d sends to %d\n", me, q);
		n = 0;
		for (k : 0 .. LENGTH - 1) {
			if :: n == k && k < size[q] && k < size[me] && at(q, k) == at(me, k) -> n = k + 1 :: else fi;
			at(q, k) = at(me, k)
		}
		if :: flushed[q] > n -> flushed[q] = n :: else fi;
		size[q] = size[me]; term[q] = term[me]; leads[q] = false; held[q] = 0;
		if :: done[me] > done[q] -> done[q] = (done[me] < flushed[q] -> done[me] : flushed[q]) :: else fi;
#ifdef ANSWER_BEFORE_FLUSH
		held[me] = held[me] | (1 << q);
#endif
		k = 0; n = 0
	}
}

/* tell lets the leader in q know what the disk of me holds. */
inline tell(q) {
	if :: leads[q] && term[q] == term[me] && size[q] == size[me] -> held[q] = held[q] | (1 << me) :: else fi
}

active [N] proctype node() {
end:	do
	:: win(o1)
	:: win(o2)
	:: send(o1)
	:: send(o2)
	:: d_step { flushed[me] < size[me] -> printf("%d flushes\n", me); flushed[me] = size[me]; tell(o1); tell(o2) }
	:: d_step { room && last(me) < term[me] -> printf("%d logs its reign record\n", me);
		at(me, size[me]) = term[me] * 4 + RECORD; size[me]++; held[me] = 0 }
	:: d_step { room && serves -> printf("%d takes a client's entry\n", me);
		at(me, size[me]) = term[me] * 4 + CLIENT; size[me]++; held[me] = 0 }
	:: d_step { leads[me] && done[me] < size[me] && flushed[me] == size[me] && last(me) == term[me] && enough ->
		printf("%d confirms up to %d\n", me, size[me]);
		for (k : 0 .. size[me] - 1) {
			if :: k < told -> assert(truth[k] == at(me, k)) :: else -> truth[k] = at(me, k); told = k + 1 fi
		}
		k = 0; done[me] = size[me] }
	:: d_step { mayOpen && !open[me] -> printf("%d opens its ports\n", me); open[me] = term[me] }
	:: d_step { open[me] && (!leads[me] || open[me] != term[me]) -> printf("%d closes its ports\n", me); open[me] = 0 }
	/* Deliver */
	:: d_step { serves && !later(me) && done[me] < told -> printf("%d delivers what is long acknowledged\n", me); assert(false) }
	:: d_step { size[me] > flushed[me] || leads[me] -> printf("%d loses its power\n", me);
		for (k : flushed[me] .. LENGTH - 1) { at(me, k) = 0 }
		k = 0; size[me] = flushed[me]; leads[me] = false; held[me] = 0; open[me] = 0;
#ifdef VOTE_NOT_FLUSHED
		term[me] = last(me)
#endif
	}
	od
}
