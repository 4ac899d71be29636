/* Founding: three places, each with a directory that can be lost, found a cluster once.
 *
 *     empty ──Look──▶ plan ──Claim──▶ record, or own disk ──Take──▶ member ──▶ formed (2 of 3)
 *       ▲                                                             │
 *       └──────────── Wipe: another identity ◀───┬────────────────────┤
 *     orphan ◀──── Rot: another identity, the state is kept ◀─────────┘
 *
 * A step is a function of the code. Show and Hide: what others see of a node (zookeeper Driver.attend; replica
 * handler.Up, Down and reports). Look: seat.Found with what the driver hands to it. Claim: zookeeper
 * Driver.claim, or replica Node.FoundAll. Take: loop.found. Drag: the snapshot that a leader sends to who stands
 * in its table. Admit: seat.Decide, learner and swap in one. Renew: zookeeper Driver.begin of a master.
 * ZooKeeper's record decides by default; with -DPEERS a list does.
 *
 * A node that is down, cut off or slow takes no step: any of them may be that at any time. A crash is seen in
 * what it makes a node forget. What others see is as old as it likes. Left out are limits only, so that the
 * model does more than the code: patience, who came first, doubles, replicas that differ; and with ZooKeeper the
 * third of three founders, who can but lose the same race again. FOUNDING and IDENTITY are one step, for the
 * second decides and finishFounding goes on. LOSSES bounds Wipe and Rot together. -DFORGETFUL lets ZooKeeper lose
 * its data, while no disk is lost: both together are more than anybody promises.
 *
 * What must hold: the assertions, and the ends: when all is calm and at most one disk was lost, after every seat
 * was taken, everybody is a member of one cluster. Any other end is reported as an invalid end state.
 */
#ifndef LOSSES
#define LOSSES 1
#endif
#define N 3
#define CLUSTERS 2

#define NOBODY 0
#define EMPTY  1
#define ORPHAN 2
#define MEMBER 3

byte id[N] = { 1, 2, 3 };      /* IDENTITY of the directory */
byte home[N];                  /* the cluster that it is a member of, 0: none */
byte rest[N];                  /* the cluster whose state an orphan keeps */
byte shown[N], shownId[N];     /* as others see it, and with which identity if it has no cluster */
bool planned[N];               /* Look has found a table that is not claimed yet: */
byte plan[9];                  /* by founder and place, the identity in it, 0: vacant */
byte seat[9];                  /* by cluster and place, the holder; row 0 is not used */
bool known[CLUSTERS + 1];      /* somebody held the table on his disk: others may be sent it */
bool formed[CLUSTERS + 1];     /* a majority was there: it may have confirmed something */
byte lost[CLUSTERS + 1];       /* disks of its members, whose seats nobody has taken over yet */
byte record, clusters, losses, ids = N;
bool forgot, calm, whole;      /* whole: every seat was taken before the first loss */
byte k;                        /* of loops, 0 between steps */

#define me            _pid
#define other(n)      ((me + (n)) % N)
#define cell(t, c, p) t[(c) * N + (p)]
#define disks(c)      ((home[0] == c) + (home[1] == c) + (home[2] == c))
#define one           (home[0] && home[0] == home[1] && home[1] == home[2])
#define state(p)      (home[p] -> MEMBER : (rest[p] -> ORPHAN : EMPTY))
#define empty(p)      (!home[p] && !rest[p])
#define name(p)       (home[p] -> 0 : id[p])
#define sees(p)       (shown[p] == EMPTY || shown[p] == ORPHAN && orphanIsEmpty)

#ifdef ORPHAN_IS_EMPTY
#define orphanIsEmpty true
#else
#define orphanIsEmpty false
#endif
#ifdef FOUND_WITH_STORE
#define may(p)        true
#define hinders(p)    false
#define there(p)      (shown[p] != NOBODY)
#else
#define may(p)        empty(p)
#define hinders(p)    (shown[p] != NOBODY && !sees(p))
#define there(p)      sees(p)
#endif
#ifndef PEERS
#define enough        (me < 2 && !record && shown[me] != NOBODY && (there(other(1)) || there(other(2))))
#else
#ifdef LIST_QUORUM
#define enough        (there(other(1)) || there(other(2)))
#else
#define enough        (me == 0 && there(other(1)) && there(other(2)))
#endif
#endif

/* join makes place p a member of c. There are never two clusters that may have confirmed something, unless one
 * has lost a majority of its disks. */
inline join(p, c) {
	assert(!rest[p] || rest[p] == c || !formed[rest[p]]); /* an orphan's state is replaced by its own cluster's only */
	home[p] = c; rest[p] = 0; known[c] = true;
	if
	:: disks(c) > 1 && !formed[c] ->
		formed[c] = true;
		for (k : 1 .. CLUSTERS) { assert(k == c || !formed[k] || lost[k] > 1) }
		k = 0
	:: else
	fi
}

inline found() {
	clusters++;
	for (k : 0 .. N - 1) { cell(seat, clusters, k) = cell(plan, me, k) }
	forget()
}

inline forget() {
	for (k : 0 .. N - 1) { cell(plan, me, k) = 0 }
	k = 0; planned[me] = false
}

/* lose gives the directory of me another identity. */
inline lose() {
	if :: losses == 0 -> whole = one :: else fi;
	losses++; lost[home[me]]++; lost[0] = 0;
	home[me] = 0; ids++; id[me] = ids;
	forget();
#ifdef PEERS
	shown[other(1)] = NOBODY; shown[other(2)] = NOBODY; shownId[other(1)] = 0; shownId[other(2)] = 0
#endif
}

active [N] proctype node() {
	do
	:: d_step { shown[me] != state(me) || shownId[me] != name(me) ->
		printf("%d shows what it is: %d\n", me, state(me));
		shown[me] = state(me); shownId[me] = name(me) }
	:: d_step { !calm && shown[me] != NOBODY -> printf("%d is not seen any more\n", me); shown[me] = NOBODY; shownId[me] = 0 }
	:: d_step { !calm && planned[me] -> printf("%d restarts\n", me); forget();
#ifdef IDENTITY_NOT_FLUSHED
		ids++; id[me] = ids
#endif
	}
	:: d_step { !calm && losses < LOSSES && !forgot -> printf("%d loses its disk\n", me); rest[me] = 0; lose() }
	:: d_step { !calm && losses < LOSSES && !forgot && home[me] -> printf("%d may have forgotten: reborn\n", me);
		rest[me] = home[me]; lose() }
	:: d_step { may(me) && !planned[me] && clusters < CLUSTERS && enough && !hinders(other(1)) && !hinders(other(2)) ->
		printf("%d looks: it may found\n", me);
		planned[me] = true;
		for (k : 0 .. N - 1) { if :: k != me && there(k) -> cell(plan, me, k) = shownId[k] :: else fi }
		k = 0; cell(plan, me, me) = id[me] }
#ifdef PEERS
	:: d_step { planned[me] && may(me) && clusters < CLUSTERS -> found(); printf("%d founds cluster %d\n", me, clusters);
		rest[me] = 0; join(me, clusters) }
	:: d_step { planned[me] && !may(me) -> forget() }
#else
	:: d_step { planned[me] && clusters < CLUSTERS ->
		if
#ifdef FOUND_WITHOUT_RECORD
		:: true -> found(); record = clusters; printf("%d writes the record of cluster %d\n", me, clusters)
#else
		:: !record -> found(); record = clusters; printf("%d writes the record of cluster %d\n", me, clusters);
			/* an empty node founds nothing where there may be a cluster, while ZooKeeper keeps what it was given */
			for (k : 1 .. CLUSTERS) { assert(k == clusters || !formed[k] || forgot) }
			k = 0
		:: else -> forget()
#endif
		fi }
	:: d_step { empty(me) && record && cell(seat, record, me) == id[me] -> printf("%d takes the record\n", me); join(me, record) }
	:: d_step { home[me] && !record && disks(home[me]) > 1 -> printf("%d renews the record\n", me); record = home[me] }
#endif
	/* Take and Drag: a leader does not ask whether a voter of his is empty */
	:: d_step { !home[me] && known[1] && cell(seat, 1, me) == id[me] -> printf("%d is sent cluster 1\n", me); join(me, 1) }
	:: d_step { !home[me] && known[2] && cell(seat, 2, me) == id[me] -> printf("%d is sent cluster 2\n", me); join(me, 2) }
	/* Admit */
	:: d_step { !home[me] && disks(1) > 1 && cell(seat, 1, me) != id[me] -> printf("%d takes its seat in cluster 1\n", me);
		if :: lost[1] -> lost[1]-- :: else fi;
		cell(seat, 1, me) = id[me]; join(me, 1) }
	:: d_step { !home[me] && disks(2) > 1 && cell(seat, 2, me) != id[me] -> printf("%d takes its seat in cluster 2\n", me);
		if :: lost[2] -> lost[2]-- :: else fi;
		cell(seat, 2, me) = id[me]; join(me, 2) }
	:: d_step { me == 0 && !calm -> printf("no more faults\n"); calm = true }
	:: calm && one -> break
	:: calm && forgot && (disks(1) > 1 || disks(2) > 1) -> break   /* who is left over, a person has to look at */
	:: calm && (losses > 1 || losses == 1 && !whole) -> break
	od
}

#ifdef FORGETFUL
active proctype ensemble() {
	if
	:: d_step { !calm && losses == 0 -> printf("ZooKeeper loses its data\n"); forgot = true; record = 0;
		for (k : 0 .. N - 1) { shown[k] = NOBODY; shownId[k] = 0; planned[k] = false }
		for (k : 0 .. N * N - 1) { plan[k] = 0 }           /* who was about to write lost his session */
		k = 0 }
	:: calm
	fi
}
#endif
