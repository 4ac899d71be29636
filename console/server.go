package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/quorate/quorate/message"
)

// Node is the node that is looked at and operated.
type Node interface {
	Status() Status
	// Transfer hands the leadership to the named seat, or to the best slave
	// when to is empty. It returns when the other one leads.
	Transfer(ctx context.Context, to string) error
	// Stop begins a graceful stop and returns at once.
	Stop()
	// Explain tells what holds for a destination.
	Explain(message.Destination) Explanation
}

// Managed is all that the endpoint needs of a node.
type Managed interface {
	Node
	Messaging
}

// Server answers on the local management endpoint.
type Server struct {
	node Managed
	log  *slog.Logger
}

// New gives a server for a node.
func New(node Managed, log *slog.Logger) *Server { return &Server{node: node, log: log} }

// Run serves until ctx ends, then lets requests finish for a second. It closes
// the listener.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		srv.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler gives the endpoint's routes.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.node.Status())
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		st := s.node.Status()
		code := http.StatusOK
		if !st.Ready {
			code = http.StatusServiceUnavailable
		}
		answer(w, code, Health{Ready: st.Ready, Role: st.Role, Reason: st.Reason})
	})
	mux.HandleFunc("GET /explain", s.explain)
	mux.HandleFunc("POST /transfer", s.transfer)
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		s.log.Info("stop was asked for at the local socket")
		s.node.Stop()
		answer(w, http.StatusAccepted, struct{}{})
	})
	s.messagingRoutes(mux)
	profiles(mux)
	return mux
}

// transferRequest is the body of POST /transfer.
type transferRequest struct {
	To string `json:"to"`
}

// problem is the body of an answer that is not a success.
type problem struct {
	Error string `json:"error"`
}

func (s *Server) transfer(w http.ResponseWriter, r *http.Request) {
	var req transferRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&req)
	if err != nil && !errors.Is(err, io.EOF) {
		answer(w, http.StatusBadRequest, problem{"body of /transfer: " + err.Error()})
		return
	}
	s.log.Info("a hand-over was asked for at the local socket", "to", req.To)
	if err := s.node.Transfer(r.Context(), req.To); err != nil {
		answer(w, http.StatusConflict, problem{err.Error()})
		return
	}
	answer(w, http.StatusOK, s.node.Status())
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // the client is gone; nobody is left to tell
}
