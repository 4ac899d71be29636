/* The lease: a master delivers and confirms only while nobody else can have been elected.
 *
 *     leader ──probe, with its own time──▶ follower: promises not to forget it for L
 *       ▲                                     │
 *       └── answer, the same time ◀───────────┘      leased until time sent + L, by a majority with itself
 *
 * Time is a clock that all nodes see go on alike, a tick being half of L (250 ms); a message takes as long as it
 * likes. That is the assumption of the lease: over half a second no clock goes faster than another by more than
 * what a message takes. A step is a function of the code. Probe, Answer, Count: loop.probe, loop.probed,
 * lease.answered. Forget: loop.forget unless promised; when, is the election's matter, so at any time here. Resigned:
 * loop.heardReport. Stand: loop.stand; raft, given PreVote and CheckQuorum, has who follows a leader ignore requests,
 * and a follower's clock does not run (M3), so that this ends by forgetting alone. Break: handler.Down on both sides
 * (lease.lost, loop.linkDown, loop.quorumLost). Hand: lease.suspend, then the slave stands, and is voted for in spite
 * of all promises. Step down: loop.stepDown.
 *
 * A node that stands still takes no step, while its clock goes on. Left out: logs (serve.pml), a restart is that all
 * links of a node break. Two ends of a link see it broken in one step; that they may not is the known limit in
 * replica/DESIGN.md, and -DHALF_OPEN shows it.
 *
 * What must hold: while a node is leased, nobody was elected in a later term, its successor at a hand-over neither,
 * for it gave up its lease first.
 */
#ifndef TERMS
#define TERMS 2
#endif
#define L    2
#define N    3
#define NONE 3

#ifdef LEASE_TOO_LONG
#define LONG 1
#else
#define LONG 0
#endif

byte term[N], lead[N] = NONE;  /* whom a node follows, itself when it leads */
bool suspended[N], told[N];    /* lease given up for a hand-over; asked to stand at once */
byte promise[N];               /* ticks for which it will not forget whom it follows */
bool broken[3];                /* link of p and q: p + q - 1 */
byte way[9], age[9];           /* by leader and follower: 1 a probe, 2 its answer is on its way, and for how long */
byte left[9];                  /* by leader and follower: ticks left of the lease */
bool still[N];                 /* stopped, where that matters */
bool bad;
byte crowned;                  /* the latest term in which somebody was elected */
byte k;                        /* of loops, 0 between steps */

#define me        _pid
#define o1        ((me + 1) % N)
#define o2        ((me + 2) % N)
#define leads(p)  (lead[p] == p)
#define link(p, q) (!broken[(p) + (q) - 1])
#define c(p, q)   ((p) * N + (q))
#define leased(p) (leads(p) && !suspended[p] && !still[p] && (left[c(p, (p + 1) % N)] || left[c(p, (p + 2) % N)]))
#define newest    (term[0] > term[1] -> (term[0] > term[2] -> term[0] : term[2]) : (term[1] > term[2] -> term[1] : term[2]))
#define safe(p)   (!leased(p) || crowned <= term[p])

inline one() {
	bad = !safe(0) || !safe(1) || !safe(2);
	assert(!bad)                           /* somebody is leased, and another was elected in a later term */
}

/* clean takes what node p holds as a leader. */
inline clean(p) {
	suspended[p] = false;
	for (k : p * N .. p * N + N - 1) { way[k] = 0; age[k] = 0; left[k] = 0 }
	k = 0
}

inline retire(p) { if :: leads(p) -> clean(p) :: else fi; lead[p] = NONE; promise[p] = 0; told[p] = false }

/* win makes me the leader with the vote of q. */
inline win(q) {
	printf("%d is elected by %d\n", me, q);
	k = (term[me] > term[q] -> term[me] : term[q]) + 1;
	term[me] = k; term[q] = k; crowned = k; k = 0;
	retire(q); retire(me); lead[me] = me;
	one()
}

inline messages(q) {
	/* heartbeat or append */
	if
	:: d_step { !still[me] && leads(me) && link(me, q) && term[q] <= term[me] && lead[q] != me -> printf("%d follows %d\n", q, me); retire(q); term[q] = term[me]; lead[q] = me }
	:: d_step { !still[me] && leads(me) && link(me, q) && !way[c(me, q)] -> printf("%d sends a probe to %d\n", me, q); way[c(me, q)] = 1 }
	:: d_step { !still[me] && way[c(q, me)] == 1 && lead[me] == q && term[me] == term[q] -> printf("%d answers %d\n", me, q); promise[me] = L; way[c(q, me)] = 2
#ifdef NO_PROMISE
		; promise[me] = 0
#endif
	}
	:: d_step { !still[me] && way[c(me, q)] == 2 -> printf("%d counts the answer of %d\n", me, q);
		if :: L + LONG - age[c(me, q)] > left[c(me, q)] -> left[c(me, q)] = L + LONG - age[c(me, q)] :: else fi;
#ifdef LEASE_FROM_ARRIVAL
		left[c(me, q)] = L;
#endif
		way[c(me, q)] = 0; age[c(me, q)] = 0; one() }
	:: d_step { !still[me] && way[c(me, q)] -> way[c(me, q)] = 0; age[c(me, q)] = 0 }      /* lost, or too late */
	:: d_step { !still[me] && lead[me] == q && !leads(q) && link(me, q) -> printf("%d hears that %d leads no more\n", me, q); retire(me) }     /* Resigned */
	:: d_step { !still[me] && !leads(me) && lead[me] == NONE && link(me, q) && lead[q] == NONE && newest < TERMS -> win(q) }
	:: d_step { !still[me] && told[me] && link(me, q) && term[q] <= term[me] && newest < TERMS -> win(q) }         /* Hand: nobody's promise counts */
	:: d_step { !still[me] && leads(me) && link(me, q) && lead[q] == me && !suspended[me] -> printf("%d hands over to %d\n", me, q); told[q] = true
#ifndef HAND_OVER_LEASED
		; suspended[me] = true
#endif
	}
	:: d_step { !still[me] && leads(me) && term[q] > term[me] && link(me, q) -> retire(me); term[me] = term[q] }
	fi
}

/* breaks is a broken link, or one that is whole again. */
inline breaks(p, q) {
	d_step {
		printf("the link of %d and %d breaks, or is whole again\n", p, q);
		broken[p + q - 1] = !broken[p + q - 1];
		if
		:: broken[p + q - 1] -> severed(p, q); severed(q, p)
		:: else
		fi
	}
}

/* severed is what p does when its link to q is broken. */
inline severed(p, q) {
	way[c(p, q)] = 0; age[c(p, q)] = 0;
#ifndef HALF_OPEN
	left[c(p, q)] = 0;
	if :: leads(p) && broken[p + (p + 1) % N - 1] && broken[p + (p + 2) % N - 1] && term[p] < TERMS -> retire(p); term[p]++ :: else fi;
#endif
	if :: lead[p] == q -> promise[p] = 0 :: else fi
}

active [N] proctype node() {
	do
	:: messages(o1)
	:: messages(o2)
	:: d_step { lead[me] != NONE && !leads(me) && !promise[me] && !still[me] -> printf("%d forgets its leader\n", me); retire(me) }   /* Forget */
	:: d_step { leads(me) && newest < TERMS && !still[me] -> printf("%d steps down\n", me); retire(me); term[me]++ }   /* Step down */
#ifdef CLOCK_STOPS
	:: d_step { printf("%d stops, or goes on\n", me); still[me] = !still[me]; one() }
#endif
	od
}

active proctype world() {
	do
	:: d_step { true -> printf("a tick\n");
		for (k : 0 .. N - 1) { if :: promise[k] -> promise[k]-- :: else fi }
		for (k : 0 .. N * N - 1) {
			if :: left[k] && !still[k / N] -> left[k]-- :: else fi;
			if :: way[k] && age[k] <= L -> age[k]++ :: else fi
		}
		k = 0 }
	:: breaks(0, 1)
	:: breaks(0, 2)
	:: breaks(1, 2)
	od
}
