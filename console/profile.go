package console

import (
	"net/http"
	"net/http/pprof"
)

// profiles lets the owner of the socket see where a node spends its time and
// memory. Nothing is recorded, and nothing paid, until somebody asks.
func profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}
