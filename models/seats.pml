/* Seats: who votes after a disk is lost, a holder stays away, or a surplus node comes. Nothing committed is lost.
 *
 *     place    0      1      2 ─ away ─ long away        3 (surplus, empty)
 *     seat    [0]    [1]    [2] ◀── JOINS: learner, caught up, joint change, leave ──┘
 *              ▲ RETURNS: the same for a wiped place under its new identity, 4
 *
 * A log holds four entries: data, a joint change {new holder, old holder}, and the leaving of it. A step is a
 * function of the code. Stand: raft's election with its log check, in one step, the voters that the candidate's
 * table names being any subset. Send: an append and its answer; to a learner too. Change: loop.decide with
 * seat.Decide (a holder that is gone, the newcomer caught up) and loop.reconfigure; one at a time. Leave: raft's
 * automatic leaving. Commit: raft's rule with both halves, loop.configure at once. Wipe: an empty directory,
 * replica openIdentity or Node.reborn.
 *
 * A node that is down or cut off takes no step, and answers may be counted after their sender lost its disk.
 * Left out: messages on their way (an append is sent whole; what comes late is as if it came earlier or not at
 * all), crashes that keep the disk (what raft needs is flushed first: a restart is a pause), the learner's own
 * entry (a learner has no vote, so it is only a copy), names. Term and log are bounded, disks lost: one.
 *
 * What must hold: a new master has every committed entry; no two commit different ones; every table has three
 * seats, of which the two that stay suffice; a holder that is only restarting keeps its seat.
 */
#ifndef TERMS
#define TERMS 2
#endif
#ifndef LENGTH
#define LENGTH 4
#endif
#define PLACES 4

#define DATA    1
#define LEAVE   2
#define JOINS   3              /* the surplus node, for seat 2 */
#define RETURNS 4              /* who was wiped, for its own seat */
#define NONE    9

byte who[PLACES] = { 0, 1, 2, 3 };
byte log[16];                  /* by place: term * 8 + kind */
byte size[PLACES], term[PLACES], done[PLACES];   /* done: committed and applied, as far as it knows */
bool leads[PLACES];
byte held[PLACES];             /* of a leader: identities that hold its whole log, as bits */
byte in[PLACES] = 7, out[PLACES];               /* its table: identities as bits, both halves */
byte truth[LENGTH], told;      /* what was ever committed */
byte wiped = NONE;             /* the place that lost its disk */
byte away;                     /* holder of seat 2: 1: gone, 2: for longer than a surplus node waits */
byte k, n, t, grants;          /* of one step, 0 between steps */

#define me        _pid
#define at(p, i)  log[(p) * LENGTH + (i)]
#define bit(i)    (1 << (i))
#define has(s, i) (((s) >> (i)) & 1)
#define count(s)  (has(s, 0) + has(s, 1) + has(s, 2) + has(s, 3) + has(s, 4))
#define most(s, of)  (!(of) || count((s) & (of)) * 2 > count(of))
#define last(p)   (size[p] -> at(p, size[p] - 1) / 8 : 0)
#define newer(p, q) (term[p] > term[q] -> term[p] : term[q])
#define newest    (newer(0, 1) > newer(2, 3) -> newer(0, 1) : newer(2, 3))
#define kind(e)   ((e) % 8)
/* what is in flight counts as one entry, and the first of a term commits those before it */
#define room      (leads[me] && here(me) && size[me] < LENGTH && (done[me] == size[me] || last(me) < term[me]))
#define conf(p, i) (kind(at(p, i)) > DATA)
/* a change is in the log and not applied */
#define changing(p) (size[p] > 0 && done[p] < 1 && conf(p, 0) || size[p] > 1 && done[p] < 2 && conf(p, 1) \
	|| size[p] > 2 && done[p] < 3 && conf(p, 2) || size[p] > 3 && done[p] < 4 && conf(p, 3))

#ifdef NO_LOG_CHECK
#define current(p, q) true
#else
#define current(p, q) (last(p) > last(q) || last(p) == last(q) && size[p] >= size[q])
#endif
/* Who is away just takes no step, and may have been so for long. Only the rule about a surplus node's patience needs
 * to know: -DRESTARTS. */
#ifdef RESTARTS
#define here(p)   (p != 2 || !away)
#ifdef SURPLUS_TAKES_SEAT_AT_ONCE
#define longGone  (away > 0)
#else
#define longGone  (away == 2)
#endif
#else
#define here(p)   true
#define longGone  true
#endif

/* grant lets place q vote for me, if it comes to that. */
inline grant(q) {
	if
	:: q != me && here(q) && has(in[me] | out[me], who[q]) && current(me, q) -> if :: grants = grants | bit(q) :: skip fi
	:: else
	fi
}

/* tables makes the table follow what place p has applied. */
inline tables(p) {
	in[p] = 7; out[p] = 0;
	for (k : 0 .. done[p] - 1) {
		n = (kind(at(p, k)) == JOINS -> 3 : 4); t = (n == 3 -> 2 : wiped);
		if
#if defined(JOINT_CHANGE_SKIPPED)
		:: kind(at(p, k)) > LEAVE -> in[p] = (in[p] & ~bit(t)) | bit(n)
#elif defined(ADD_THEN_REMOVE)
		:: kind(at(p, k)) > LEAVE -> in[p] = in[p] | bit(n); out[p] = in[p]
		:: kind(at(p, k)) == LEAVE -> n = (has(in[p], 3) && has(in[p], 2) -> 2 : wiped); in[p] = in[p] & ~bit(n); out[p] = 0
#else
		:: kind(at(p, k)) > LEAVE -> out[p] = in[p]; in[p] = (in[p] & ~bit(t)) | bit(n)
		:: kind(at(p, k)) == LEAVE -> out[p] = 0
#endif
		:: else
		fi
	}
	assert(count(in[p]) == 3 && (!out[p] || count(out[p]) == 3 && count(in[p] & out[p]) == 2));
	k = 0; n = 0; t = 0
}

inline append(e) { at(me, size[me]) = term[me] * 8 + e; size[me]++; held[me] = 0 }

/* send makes q hold what me has. */
inline send(q) {
	d_step { leads[me] && here(me) && q != me && here(q) && term[q] <= term[me] && (has(in[me] | out[me], who[q]) || done[me] == size[me]) &&
		(term[q] < term[me] || size[q] != size[me] || done[q] < done[me] || !has(held[me], who[q])) ->
		printf("%d sends to %d\n", me, q);
		for (k : 0 .. LENGTH - 1) { at(q, k) = at(me, k) }
		k = 0; size[q] = size[me]; term[q] = term[me]; leads[q] = false; held[q] = 0;
		held[me] = held[me] | bit(who[q]);
		if :: done[me] > done[q] -> done[q] = done[me] :: else fi;
		tables(q)
	}
}

active [PLACES] proctype place() {
end:	do
	/* Stand */
	:: atomic { here(me) && has(in[me] | out[me], who[me]) && (!leads[me] || term[me] < newest) && term[me] < TERMS ->
		grant(0); grant(1); grant(2); grant(3);
		d_step {
			t = term[me];
			for (k : 0 .. PLACES - 1) {
				if :: has(grants, k) -> if :: term[k] > t -> t = term[k] :: else fi; n = n | bit(who[k]) :: else fi
			}
			n = n | bit(who[me]); t++;
			if
			:: t <= TERMS && most(n, in[me]) && most(n, out[me]) ->
				printf("%d is elected in term %d\n", me, t);
				for (k : 0 .. PLACES - 1) { if :: has(grants, k) -> term[k] = t; leads[k] = false; held[k] = 0 :: else fi }
				term[me] = t; leads[me] = true; held[me] = 0;
				for (k : 0 .. told - 1) { assert(size[me] > k && at(me, k) == truth[k]) }
				k = 0
			:: else
			fi;
			k = 0; n = 0; t = 0; grants = 0
		} }
	:: send(0)
	:: send(1)
	:: send(2)
	:: send(3)
	:: d_step { room -> printf("%d appends data\n", me); append(DATA) }
	/* Change */
#ifndef NO_SURPLUS
	:: d_step { room && !out[me] && !changing(me) &&
		longGone && has(in[me], 2) && !has(in[me], 3) && has(held[me], 3) ->
		printf("%d gives seat 2 to the surplus node\n", me); append(JOINS);
#ifdef RESTARTS
		assert(away == 2)
#endif
	}
#endif
	:: d_step { room && !out[me] && !changing(me) &&
		wiped != NONE && has(in[me], wiped) && !has(in[me], 4) && has(held[me], 4) ->
		printf("%d gives seat %d to who came back\n", me, wiped); append(RETURNS) }
	:: d_step { room && out[me] && !changing(me) -> printf("%d leaves the joint\n", me); append(LEAVE) }
	/* Commit */
	:: d_step { leads[me] && here(me) && done[me] < size[me] && last(me) == term[me] &&
		most(held[me] | bit(who[me]), in[me]) && most(held[me] | bit(who[me]), out[me]) ->
		printf("%d commits %d entries\n", me, size[me]);
		for (k : 0 .. size[me] - 1) {
			if :: k < told -> assert(truth[k] == at(me, k)) :: else -> truth[k] = at(me, k); told = k + 1 fi
		}
		k = 0; done[me] = size[me]; tables(me) }
#ifndef DISKS_LAST
	:: d_step { (me == 0 || me == 2) && wiped == NONE -> printf("%d loses its disk\n", me);
		wiped = me; term[me] = 0; size[me] = 0; done[me] = 0; leads[me] = false; held[me] = 0; in[me] = 7; out[me] = 0;
		for (k : 0 .. LENGTH - 1) { at(me, k) = 0 }
		k = 0;
#ifndef FORMER_SELF_VOTES
		in[me] = 0; who[me] = 4
#endif
	}
#endif
#ifdef RESTARTS
	:: d_step { me == 2 && away < 2 -> away++; printf("2 is away: %d\n", away) }
	:: d_step { me == 2 && away -> away = 0; printf("2 is here again\n") }
#endif
	od
}
