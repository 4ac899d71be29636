package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ErrNotMaster says that a node does not serve clients, and who does.
var ErrNotMaster = errors.New("this node is not the master")

// Messaging is what the master tells of its destinations, and does to them. Its
// errors say what was asked and why it was not done; ErrNotMaster on a slave.
type Messaging interface {
	Destinations() ([]Destination, error)
	Groups(ctx context.Context, queue string) ([]Group, error)
	Jobs(after JobPlace, n int) ([]Job, error)
	// Operate does one thing and tells, in a line, what has become of it.
	Operate(ctx context.Context, o Operation) (string, error)
}

// A Destination is a queue, a topic or a durable subscription.
type Destination struct {
	Name         string `json:"name"` // queue://NAME or topic://NAME
	Subscription string `json:"subscription,omitempty"`
	Client       string `json:"client,omitempty"` // of the subscription
	Pending      uint64 `json:"pending"`
	Bytes        uint64 `json:"bytes"`
	Consumers    int    `json:"consumers"`
	Producers    int    `json:"producers"`
	Enqueued     uint64 `json:"enqueued"` // since this master began
	Dispatched   uint64 `json:"dispatched"`
	Dequeued     uint64 `json:"dequeued"`
	Expired      uint64 `json:"expired"`
	Dead         uint64 `json:"dead"`
	Paused       bool   `json:"paused,omitempty"`
}

// A Group is a message group of a queue and the consumer that has it.
type Group struct {
	Name        string `json:"name"`
	Consumer    string `json:"consumer"`    // its connection
	Outstanding int    `json:"outstanding"` // with it, or acknowledged and not settled
	Waiting     int    `json:"waiting"`     // in memory, until it takes more
}

// A JobPlace is where a list of jobs goes on: behind a due time, in milliseconds
// since 1970, and a number.
type JobPlace struct {
	Due int64  `json:"due"`
	ID  uint64 `json:"id"`
}

// A Job is a message that waits for its time.
type Job struct {
	JobPlace
	Name        string    `json:"name"` // its scheduledJobId
	At          time.Time `json:"at"`
	Destination string    `json:"destination"`
	Bytes       int       `json:"bytes"`
	Period      string    `json:"period,omitempty"`
	Cron        string    `json:"cron,omitempty"`
	Left        int       `json:"left"` // deliveries behind the next one, -1 without end
}

// An Operation is one thing to be done to a queue, or to a job.
type Operation struct {
	Do    string    `json:"do"` // purge, delete, pause, resume, retry, drop-group, remove-job, move-job
	Queue string    `json:"queue,omitempty"`
	Group string    `json:"group,omitempty"` // of drop-group; empty: all
	Job   string    `json:"job,omitempty"`
	At    time.Time `json:"at,omitzero"` // of move-job
}

// jobsPage is how many jobs one answer has at most.
const jobsPage = 1000

func (s *Server) messagingRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /destinations", func(w http.ResponseWriter, _ *http.Request) {
		list, err := s.node.Destinations()
		reply(w, list, err)
	})
	mux.HandleFunc("GET /groups", func(w http.ResponseWriter, r *http.Request) {
		list, err := s.node.Groups(r.Context(), r.FormValue("queue"))
		reply(w, list, err)
	})
	mux.HandleFunc("GET /jobs", func(w http.ResponseWriter, r *http.Request) {
		due, err := number(r, "due")
		id, errID := number(r, "id")
		if err = errors.Join(err, errID); err != nil {
			answer(w, http.StatusBadRequest, problem{err.Error()})
			return
		}
		list, err := s.node.Jobs(JobPlace{due, uint64(id)}, jobsPage)
		reply(w, list, err)
	})
	mux.HandleFunc("POST /operate", s.operate)
}

// number reads a number of a query, 0 if it is not there.
func number(r *http.Request, name string) (int64, error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New(name + " must be a number from 0, it was " + strconv.Quote(text))
	}
	return n, nil
}

func (s *Server) operate(w http.ResponseWriter, r *http.Request) {
	var o Operation
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&o); err != nil {
		answer(w, http.StatusBadRequest, problem{"body of /operate: " + err.Error()})
		return
	}
	s.log.Info("an operation was asked for at the local socket", "do", o.Do, "queue", o.Queue, "group", o.Group, "job", o.Job)
	said, err := s.node.Operate(r.Context(), o)
	reply(w, done{said}, err)
}

// done is the answer to an Operation.
type done struct {
	Done string `json:"done"`
}

func reply(w http.ResponseWriter, body any, err error) {
	if err != nil {
		answer(w, http.StatusConflict, problem{err.Error()})
		return
	}
	answer(w, http.StatusOK, body)
}

// Destinations asks the master for all its destinations.
func (c *Client) Destinations(ctx context.Context) ([]Destination, error) {
	var list []Destination
	_, err := c.call(ctx, http.MethodGet, "/destinations", nil, &list)
	return list, err
}

// Groups asks for the message groups of a queue.
func (c *Client) Groups(ctx context.Context, queue string) ([]Group, error) {
	var list []Group
	_, err := c.call(ctx, http.MethodGet, "/groups?queue="+url.QueryEscape(queue), nil, &list)
	return list, err
}

// Jobs asks for the next jobs behind a place, in the order of their times; an
// empty answer is the end.
func (c *Client) Jobs(ctx context.Context, after JobPlace) ([]Job, error) {
	var list []Job
	_, err := c.call(ctx, http.MethodGet, "/jobs?due="+strconv.FormatInt(after.Due, 10)+"&id="+strconv.FormatUint(after.ID, 10), nil, &list)
	return list, err
}

// Operate has something done and gives, in a line, what has become of it.
func (c *Client) Operate(ctx context.Context, o Operation) (string, error) {
	var d done
	_, err := c.call(ctx, http.MethodPost, "/operate", o, &d)
	return d.Done, err
}
