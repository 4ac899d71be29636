package broker

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quorate/quorate/broker/queue"
)

const (
	expiryPeriod = 30 * time.Second // between two scans of the windows for what has expired
	usagePeriod  = time.Second      // between two looks at the usage of the disk
)

// A reign is everything that a broker holds from Start to Stop.
type reign struct {
	cfg        *Config
	ctx        context.Context
	cancel     context.CancelFunc
	wg         sync.WaitGroup
	shards     []*shard
	directory  directory
	admission  admission
	usage      usage
	advisor    advisor
	scheduler  scheduler
	stamped    bool // messages are corrected, see stamp
	composites []composite
	gathered   atomic.Int64  // bytes of open transactions
	ids        atomic.Uint64 // for names that are unique within the reign

	conns struct {
		sync.Mutex
		closed  bool
		all     map[*Conn]struct{}
		clients map[string]*Conn // by client id
	}
}

func newReign(ctx context.Context, cfg *Config) (*reign, error) {
	comps, err := compile(cfg.Virtual.Composites)
	if err != nil {
		return nil, err
	}
	r := &reign{cfg: cfg, composites: comps}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.conns.all, r.conns.clients = map[*Conn]struct{}{}, map[string]*Conn{}
	r.admission.limit = cfg.Limits.InFlight
	r.advisor.init(r)
	r.stamped = cfg.stamps()
	r.usage.init(r)
	r.scheduler.init(r)
	for range cfg.Shards {
		s := newShard(r)
		r.shards = append(r.shards, s)
	}
	r.directory.load(r)
	for _, s := range r.shards {
		r.wg.Go(s.run)
		r.wg.Go(s.loader.run)
	}
	r.wg.Go(r.usage.run(r.ctx))
	r.wg.Go(r.advisor.run)
	r.wg.Go(r.collect)
	r.wg.Go(newSlowWatch(r).run)
	if len(cfg.Destinations) > 0 {
		r.wg.Go(r.makeDestinations)
	}
	if !cfg.NoScheduler {
		r.wg.Go(r.scheduler.run)
	}
	return r, nil
}

func (r *reign) stop(err error) {
	r.conns.Lock()
	r.conns.closed = true
	all := make([]*Conn, 0, len(r.conns.all))
	for c := range r.conns.all {
		all = append(all, c)
	}
	r.conns.Unlock()
	for _, c := range all {
		c.fail(err)
	}
	r.cancel()
	r.wg.Wait()
	r.directory.drop(r)
}

func (r *reign) connect(info ConnInfo, out Outlet) (*Conn, error) {
	if info.ID == "" {
		info.ID = r.name("ID:")
	}
	c := &Conn{r: r, info: info, out: out, since: r.cfg.Now(), id: r.ids.Add(1)}
	c.room = queue.NewRoom(maxUnwritten, c.reopened)
	c.ctx, c.cancel = context.WithCancel(r.ctx)
	r.conns.Lock()
	defer r.conns.Unlock()
	if r.conns.closed {
		return nil, &Error{Kind: KindNotMaster, Op: "connect", Detail: "the broker stops"}
	}
	if id := info.ClientID; id != "" {
		if o := r.conns.clients[id]; o != nil {
			return nil, errorf(KindInvalidClientID, "connect", "broker %s: client %s is connected already from %s", r.cfg.Name, id, o.info.Remote)
		}
		r.conns.clients[id] = c
	}
	r.conns.all[c] = struct{}{}
	return c, nil
}

func (r *reign) disconnect(c *Conn) {
	r.conns.Lock()
	defer r.conns.Unlock()
	delete(r.conns.all, c)
	if r.conns.clients[c.info.ClientID] == c {
		delete(r.conns.clients, c.info.ClientID)
	}
}

// name gives a name that is unique in the cluster for as long as the reign's
// first moment is.
func (r *reign) name(prefix string) string {
	return prefix + r.cfg.Name + "-" + strconv.FormatInt(r.cfg.Now().UnixNano(), 36) + "-" + strconv.FormatUint(r.ids.Add(1), 10)
}

// now gives the wall time in milliseconds since 1970.
func (r *reign) now() int64 { return r.cfg.Now().UnixMilli() }
