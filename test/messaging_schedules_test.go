package test

import (
	"slices"
	"strconv"
	"time"

	"github.com/quorate/quorate/internal/testkit/wire"
)

var scheduleRules = []rule{
	{name: "delayed messages come in the order of their times", before: delayedMessages},
	{name: "a repeated message comes as often as it should", before: repeatedMessage},
	{name: "scheduled messages are browsed and removed", before: managedJobs},
	{name: "each of many delayed messages comes once and not early", before: manyDelayed},
	{name: "a calendar entry is listed, and one that cannot be read is refused", before: calendar},
}

// later gives the headers of a message that comes after d.
func later(d time.Duration, headers ...string) []string {
	return append([]string{"AMQ_SCHEDULED_DELAY", strconv.FormatInt(d.Milliseconds(), 10)}, headers...)
}

// delayedMessages has some due before the master dies, and some after.
func delayedMessages(s *stage) func(*stage) {
	const queue = "/queue/later.once"
	c := s.connect()
	sub := c.subscribe(queue)
	c.send(queue, "fourth", later(1500*time.Millisecond, "colour", "red")...)
	c.send(queue, "third", later(1200*time.Millisecond)...)
	c.send(queue, "second", later(50*time.Millisecond)...)
	c.send(queue, "first")
	s.same("before", sub.take(2), []string{"first", "second"})
	c.begin("tx")
	c.send(queue, "fifth", later(1600*time.Millisecond, "transaction", "tx")...)
	c.commit("tx")
	c.begin("not")
	c.send(queue, "never", later(10*time.Millisecond, "transaction", "not")...)
	c.abort("not")
	sub.unsubscribe()
	return func(s *stage) {
		sub := s.connect().subscribe(queue)
		got := sub.peek(3)
		s.same("afterwards", bodies(got), []string{"third", "fourth", "fifth"})
		h := got[1].Headers
		if h["scheduledJobId"] == "" || h["AMQ_SCHEDULED_DELAY"] != "" || h["colour"] != "red" {
			s.Errorf("headers %v", h)
		}
	}
}

// repeatedMessage counts the deliveries before and after the master dies.
func repeatedMessage(s *stage) func(*stage) {
	const queue, period = "/queue/later.again", "150"
	c := s.connect()
	first := c.subscribe(queue)
	c.send(queue, "tick", "AMQ_SCHEDULED_PERIOD", period, "AMQ_SCHEDULED_REPEAT", "5")
	ids := map[string]bool{}
	count := func(from *sub, n int) {
		for len(ids) < n {
			f := from.next()
			ids[f.Headers["message-id"]] = true
			from.ack(f)
		}
	}
	count(first, 2)
	return func(s *stage) {
		c := s.connect()
		sub := c.subscribe(queue)
		count(sub, 6)
		c.send(queue, "last", later(300*time.Millisecond)...)
		s.same("behind the repetitions", sub.take(1), []string{"last"})
	}
}

// managedJobs keeps to jobs that are due in a week, since others' are there too.
func managedJobs(s *stage) func(*stage) {
	const queue, week = "/queue/later.much", 7 * 24 * time.Hour
	at := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).UnixMilli(), 10) }
	about := []string{"destination", "/topic/ActiveMQ.Scheduler.Management", "ACTION_START_TIME", at(week - time.Hour), "ACTION_END_TIME", at(week + time.Hour)}
	manage := func(c *client, headers ...string) {
		c.do("SEND", "", append(slices.Clone(about), headers...)...)
	}
	browse := func(c *client, n int) []*wire.Frame {
		replies := c.subscribe("/temp-queue/jobs", "ack", "auto")
		manage(c, "AMQ_SCHEDULER_ACTION", "BROWSE", "reply-to", "/temp-queue/jobs")
		return replies.peek(n)
	}
	c := s.connect()
	for i, body := range []string{"a", "b", "c"} {
		c.send(queue, body, later(week+time.Duration(i)*time.Minute)...)
	}
	s.same("jobs", bodies(browse(c, 3)), []string{"a", "b", "c"})
	return func(s *stage) {
		c := s.connect()
		jobs := browse(c, 3)
		s.same("jobs", bodies(jobs), []string{"a", "b", "c"})
		manage(c, "AMQ_SCHEDULER_ACTION", "REMOVE", "scheduledJobId", jobs[1].Headers["scheduledJobId"])
		c = s.connect()
		s.same("with one removed", bodies(browse(c, 2)), []string{"a", "c"})
		manage(c, "AMQ_SCHEDULER_ACTION", "REMOVEALL")
		c = s.connect()
		replies := c.subscribe("/temp-queue/jobs")
		manage(c, "AMQ_SCHEDULER_ACTION", "BROWSE", "reply-to", "/temp-queue/jobs")
		c.send("/temp-queue/jobs", "none")
		s.same("with all removed", replies.take(1), []string{"none"})
	}
}

// manyDelayed has messages that are due before, while and after the master dies.
func manyDelayed(s *stage) func(*stage) {
	const queue, n = "/queue/later.many", 40
	c := s.connect()
	due := map[string]time.Time{}
	for i, b := range numbered("d", 0, n) {
		d := time.Duration(n-i) * 100 * time.Millisecond // the last one is due first
		due[b] = time.Now().Add(d)
		c.send(queue, b, later(d)...)
	}
	return func(s *stage) {
		c := s.connect()
		sub := c.subscribe(queue)
		for range n {
			f := sub.next()
			b := string(f.Body)
			at, ok := due[b]
			if early := time.Until(at); !ok || early > 0 {
				s.Errorf("%s came again, or %v too early", b, early)
			}
			delete(due, b)
			sub.ack(f)
		}
		s.same("left", c.browse(queue), nil)
	}
}

func calendar(s *stage) func(*stage) {
	const queue = "/queue/later.cron"
	c := s.connect()
	c.send(queue, "new year", "AMQ_SCHEDULED_CRON", "0 0 1 1 *")
	s.connect().refused([]string{"AMQ_SCHEDULED_", "61 * * * *", "0 to 59"}, "SEND", "bad", "destination", queue, "AMQ_SCHEDULED_CRON", "61 * * * *")
	return func(s *stage) {
		c := s.connect()
		replies := c.subscribe("/temp-queue/jobs", "ack", "auto")
		c.do("SEND", "", "destination", "/topic/ActiveMQ.Scheduler.Management", "AMQ_SCHEDULER_ACTION", "BROWSE", "reply-to", "/temp-queue/jobs")
		for {
			f, err := c.Next(s.wait(), replies.id) // jobs of other rules, too
			s.must(err)
			if string(f.Body) == "new year" {
				s.same("entry", []string{f.Headers["AMQ_SCHEDULED_CRON"]}, []string{"0 0 1 1 *"})
				return
			}
		}
	}
}
