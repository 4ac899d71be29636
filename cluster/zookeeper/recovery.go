package zookeeper

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/quorate/quorate/logline"
)

// pause bounds the time between two attempts to begin a session.
const pauseMin, pauseMax = 100 * time.Millisecond, 2 * time.Second

// again calls one until ctx ends, and lost after each time that it returned. The
// pause between two calls grows while they fail soon; it never ends.
func again(ctx context.Context, one func(context.Context) error, lost func(error)) {
	pause := pauseMin
	for ctx.Err() == nil {
		began := time.Now()
		err := one(ctx)
		if ctx.Err() != nil {
			return
		}
		lost(err)
		if time.Since(began) > 2*attempt {
			pause = pauseMin
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, pauseMax)
		case <-ctx.Done():
		}
	}
}

// recovery tells the operator how ZooKeeper is lost and found, with ActiveMQ's
// lines where it has some.
type recovery struct {
	log     *slog.Logger
	servers []string
	had     bool // there was a session
	away    bool // it is over, and no other stands
	entered bool
	tries   int
	told    string
}

func (r *recovery) try() {
	if r.entered {
		r.tries++
		logline.RecoveryTry.Log(r.log, r.tries)
	}
}

func (r *recovery) reached() {
	if r.entered {
		logline.RecoveryExit.Log(r.log)
	}
	r.log.Info("Connected to ZooKeeper at " + strings.Join(r.servers, ","))
	*r = recovery{log: r.log, servers: r.servers, had: true}
}

// lost notes why an attempt or a session is over.
func (r *recovery) lost(err error) {
	switch {
	case errors.Is(err, errExpired):
		logline.SessionExpired.Log(r.log)
	case r.had && !r.away:
		r.log.Warn("ZooKeeper is lost", "error", err)
	case r.had && !r.entered:
		r.entered = true
		logline.RecoveryEnter.Log(r.log)
	case err.Error() != r.told && !r.entered:
		r.told = err.Error()
		r.log.Warn("ZooKeeper cannot be reached; trying on", "servers", strings.Join(r.servers, ","), "error", err)
	}
	r.away = true
}

// trouble tells of a pass that went wrong, once for each text.
type trouble struct{ told string }

// note reports whether the next pass has to wait.
func (p *trouble) note(log *slog.Logger, err error) bool {
	switch {
	case err == nil:
		if p.told != "" {
			log.Info("ZooKeeper works again")
		}
		p.told = ""
		return false
	case err.Error() != p.told:
		p.told = err.Error()
		log.Warn("ZooKeeper: "+p.told, "access", errors.Is(err, zk.ErrNoAuth) || errors.Is(err, zk.ErrInvalidACL))
	}
	return true
}

// rejoin keeps two nodes with one identity, of which each removes the other's
// member as its own older one, from doing so in a loop.
type rejoin struct {
	at    time.Duration // link.Now() before which this node does not join
	pause time.Duration
}

const rejoinMin, rejoinMax = time.Second, 30 * time.Second

// removed gives the pause before joining again: none at first, then longer ones.
func (r *rejoin) removed(now time.Duration) time.Duration {
	switch {
	case r.at == 0 || now-r.at > 2*rejoinMax:
		r.pause = 0
	default:
		r.pause = min(max(2*r.pause, rejoinMin), rejoinMax)
	}
	r.at = now + r.pause
	return r.pause
}
