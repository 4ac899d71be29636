/* Who stands when: there is a master again whenever a majority is alive and linked, and ZooKeeper deposes nobody.
 *
 *                    link breaks, or the leader says that it leads no more
 *     follows ─────────────────────────────────────────────────────▶ leaderless ──gate, votes──▶ leads
 *        ▲                 (ZooKeeper's word is not among the reasons)     │                        │
 *        └────────────────────── hears of a leader ◀───────────────────────┘ ◀── majority of links ─┘
 *
 * A step is a function of the code. Forget: cluster.judge, then loop.forget, and loop.heardReport. Stand:
 * cluster.barred with zookeeper Driver.Gate, then raft's vote; the order in which nodes stand is any, for rank is a
 * preference. Cut, Kill: links break and loop.quorumLost. Member: zookeeper Driver.attend and the ensemble's expiry of
 * a session, late or not. Away: Driver.silent after the session's timeout, and Driver.fewForLong.
 *
 * It begins with a master, 0, whom all follow. Positions are fixed, as all that happens lies between two entries; terms are the order in which leaders come (boss
 * is the latest). Left out: half-open links (they break after a second of silence), the hint of a vanished member (it
 * only shortens that second), unfit nodes, the leniency after ZooKeeper's return (it only opens gates); all these can
 * only bring a master sooner. Time is that every step that can be taken is taken at last.
 *
 * What must hold: while no link breaks and nobody dies, the first master stays, whatever ZooKeeper does; and when all
 * is calm, a majority that is linked has a master. Any other end is reported as an invalid end state.
 */
#define N    3
#ifndef FAULTS
#define FAULTS 3
#endif
#define NONE 3

bool dead[N], broken[3];       /* link of p and q: p + q - 1 */
byte lead[N] = 0;              /* whom a node follows, itself when it leads */
byte boss = 0;                 /* who was elected last */
bool stale[N];                 /* has not heard of that election */
/* whose log is longer than that of one that is not: the master's, and BEHIND is none, one or both of the others */
#ifndef BEHIND
#define BEHIND 1
#endif
#define ahead(p) ((p) < N - BEHIND)
bool cut[N], member[N] = true, away[N];                /* cut off from ZooKeeper; a member there; it was away,
                                                   or the members too few, for a timeout */
bool calm;
byte faults;                   /* links that broke or were mended, nodes that died */

#define me        _pid
#define o1        ((me + 1) % N)
#define o2        ((me + 2) % N)
#define linked(p, q) (!dead[p] && !dead[q] && !broken[(p) + (q) - 1])
#define leads(p)  (p != NONE && !dead[p % N] && lead[p % N] == p)
#define served(p) (leads(p) && (linked(p, (p + 1) % N) && lead[(p + 1) % N] == p || linked(p, (p + 2) % N) && lead[(p + 2) % N] == p))
#define majority  (linked(0, 1) || linked(0, 2) || linked(1, 2))
#define members   (member[0] + member[1] + member[2])
#define free(q)   (linked(me, q) && lead[q] == NONE && ahead(q) <= ahead(me))

#if defined(GATE_NEVER_LAPSES)
#define gate      (!cut[me] && members > 1)
#elif defined(GATE_STAYS_SHUT)
#define gate      (cut[me] -> away[me] : members > 1)
#else
#define gate      (!cut[me] && members > 1 || away[me] && (cut[me] || members < 2))
#endif
#ifdef RANK_IS_A_CONDITION
#define first     (ahead(me) >= ahead(o1) && ahead(me) >= ahead(o2))
#else
#define first     true
#endif
#ifdef HINT_ALONE_FORGETS
#define lost(l)   (!linked(me, l) || !leads(l) || !cut[me] && !member[l])
#else
#define lost(l)   (!linked(me, l) || !leads(l))
#endif

inline win() {
	assert(faults);                              /* the first master was well */
	printf("%d is elected\n", me);
	stale[o1] = true; stale[o2] = true; stale[me] = false;
	boss = me; lead[me] = me;
	if :: linked(me, o1) && lead[o1] == NONE -> lead[o1] = me; stale[o1] = false :: else fi;
	if :: linked(me, o2) && lead[o2] == NONE -> lead[o2] = me; stale[o2] = false :: else fi
}

/* quorumLost makes leader p step down when no other voter is left to it. */
inline quorumLost(p) {
	if :: lead[p] == p && !linked(p, (p + 1) % N) && !linked(p, (p + 2) % N) -> lead[p] = NONE :: else fi
}

inline breaks(q) {
	d_step { !calm && faults < FAULTS && q > me ->
		broken[me + q - 1] = !broken[me + q - 1];
		printf("the link of %d and %d breaks, or is whole again\n", me, q);
		faults++; quorumLost(0); quorumLost(1); quorumLost(2)
	}
}

active [N] proctype node() {
	do
	/* Stand */
	:: d_step { !dead[me] && lead[me] == NONE && gate && first && (free(o1) || free(o2)) -> win() }
	/* an append or a heartbeat */
	:: d_step { !dead[me] && lead[me] == NONE && leads(boss) && linked(me, boss % N) -> printf("%d follows %d\n", me, boss); lead[me] = boss; stale[me] = false }
	:: d_step { !dead[me] && lead[me] == me && stale[me] && (linked(me, o1) && !stale[o1] || linked(me, o2) && !stale[o2]) ->
		printf("%d hears of a later term\n", me); lead[me] = NONE }
#ifndef NOBODY_FORGETS
	:: d_step { !dead[me] && lead[me] != NONE && lead[me] != me && lost(lead[me]) -> printf("%d forgets %d\n", me, lead[me]); lead[me] = NONE }
#endif
#ifdef ZK_ENDS_REIGN
	:: d_step { !dead[me] && lead[me] == me && !cut[me] && members < 2 -> printf("%d counts the members and steps down\n", me); lead[me] = NONE }
#endif
	/* faults */
	:: breaks(o1)
	:: breaks(o2)
	:: d_step { !calm && faults < FAULTS && !dead[o1] && !dead[o2] && !dead[me] -> printf("%d dies\n", me);
		dead[me] = true; faults++; quorumLost(0); quorumLost(1); quorumLost(2) }
	/* ZooKeeper */
	:: d_step { !calm && !cut[me] -> printf("%d is cut off from ZooKeeper\n", me); cut[me] = true; away[me] = false }
	:: d_step { !calm && cut[me] -> printf("%d has ZooKeeper back\n", me); cut[me] = false; away[me] = false }
	:: d_step { !dead[me] && (cut[me] || members < 2) && !away[me] -> away[me] = true }
	:: d_step { !dead[me] && !cut[me] && !member[me] -> printf("%d is a member\n", me); member[me] = true }
	:: d_step { member[me] && (dead[me] || cut[me]) -> printf("the session of %d expires\n", me); member[me] = false }
	:: d_step { me == 0 && !calm -> printf("no more faults\n"); calm = true }
	:: calm && (served(boss) || !majority) -> break
	od
}
