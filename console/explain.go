package console

import (
	"context"
	"net/http"
	"net/url"

	"github.com/quorate/quorate/message"
)

// An Explanation tells what holds for a destination, and which lines of the
// configuration say so. Where From is empty, the value is the default.
type Explanation struct {
	Destination string             `json:"destination"`
	File        string             `json:"file,omitempty"` // that was read
	Policy      ExplainedEntry     `json:"policy"`
	Others      []ExplainedEntry   `json:"otherPolicies,omitempty"` // that match as well and do not hold
	Redelivery  ExplainedEntry     `json:"redeliveryPolicy"`
	Settings    []ExplainedSetting `json:"settings"`
	Routing     []ExplainedWay     `json:"routing,omitempty"`
	Limits      []ExplainedSetting `json:"limits"` // that all destinations share
}

// An ExplainedEntry is one of a policy map. The zero value is none.
type ExplainedEntry struct {
	Pattern string `json:"pattern,omitempty"` // empty in the default entry
	From    string `json:"from,omitempty"`
}

// An ExplainedSetting is a value.
type ExplainedSetting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
	From    string `json:"from,omitempty"`
}

// An ExplainedWay is a way that messages go to or from another destination.
type ExplainedWay struct {
	Verb  string `json:"verb"`
	Other string `json:"other"`
	When  string `json:"when,omitempty"` // empty: always
	From  string `json:"from,omitempty"`
}

// Explain asks what holds for a destination.
func (c *Client) Explain(ctx context.Context, d message.Destination) (Explanation, error) {
	var x Explanation
	_, err := c.call(ctx, http.MethodGet, "/explain?destination="+url.QueryEscape(d.String()), nil, &x)
	return x, err
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	d, err := message.ParseDestination(r.URL.Query().Get("destination"))
	if err != nil {
		answer(w, http.StatusBadRequest, problem{err.Error()})
		return
	}
	answer(w, http.StatusOK, s.node.Explain(d))
}
