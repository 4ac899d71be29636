package queue

// Limits bound a machine's window and say when a message is dead, when it may
// go out and what may wait.
type Limits struct {
	Messages int // ready messages held in memory, and as many again that only some consumers select
	Bytes    int // bytes of those that are in the store too
	Pending  int // bytes of volatile messages held in memory; more of them spill
	Aside    int // messages that wait in memory for the consumer of their group or for their time; 0: 20,000
	Groups   int // groups whose consumer is remembered while nothing of them is under way; 0: 1,024

	MaxRedeliveries     int     // failed deliveries after which a message is dead is one more; negative: never
	RedeliveryDelay     int64   // milliseconds before what failed is delivered again, the first time
	NextRedeliveryDelay int64   // the other times, without back-off; 0: RedeliveryDelay
	RedeliveryBackOff   float64 // of the delay, from one failed delivery to the next; at most 1: none
	MaxRedeliveryDelay  int64   // milliseconds; 0: no bound
	StrictOrder         bool    // what waits for its time holds up all others; consumers are filled one after the other

	ConsumersBeforeDispatch int   // nothing goes out before so many are there …
	TimeBeforeDispatch      int64 // … or so many milliseconds after the first; 0: the number alone

	// Of a queue of volatile messages with one consumer, a subscription to a topic.
	MaxWaiting int                 // messages that may wait for credit; negative: no bound
	Evict      Eviction            // which of them goes
	Rank       func(value any) int // of EvictLowest: what has the least goes first
	Key        func(value any) any // of EvictUnique, comparable; nil: none

	ExpirePage int // messages behind the window that one step of the search for expired ones looks at; 0: none
}

const (
	standardAside  = 20000
	standardGroups = 1024
)

func (l *Limits) aside() int {
	if l.Aside > 0 {
		return l.Aside
	}
	return standardAside
}

func (l *Limits) groups() int {
	if l.Groups > 0 {
		return l.Groups
	}
	return standardGroups
}

// An Eviction chooses what a subscription with too many waiting messages loses.
type Eviction uint8

// The strategies.
const (
	EvictOldest Eviction = iota
	EvictLowest          // the oldest of the lowest Rank
	EvictUnique          // of each Key all but the newest; if that is nothing, the oldest
)

// An Action is what an Effect asks for.
type Action uint8

// The actions.
const (
	Deliver    Action = iota // give Entry to Consumer
	Load                     // read what Query says, answer with Loaded or LoadFailed
	Spill                    // write the volatile Entry to the spill; the machine forgets it
	DeadLetter               // Entry is Held: move or drop it for Cause, then Settle
	Count                    // record the Count of the stored Entry
	Discard                  // the volatile Entry is lost, the N-th that this machine discards; its Value is the caller's to drop
)

// A Cause says why a message is dead.
type Cause uint8

// The causes.
const (
	Expired   Cause = iota + 1
	Exhausted       // failed once too often
	Rejected        // by its consumer
	Overflow        // the queue was full
)

// String gives the cause in lower case.
func (c Cause) String() string {
	return [...]string{"", "expired", "exhausted", "rejected", "overflow"}[c]
}

// An Effect is one thing to be done, in the order given.
type Effect struct {
	Action   Action
	Cause    Cause
	Entry    *Entry
	Consumer *Consumer
	Query    *Query
	N        int
}
