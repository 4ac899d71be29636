package replica

import (
	"context"
	"fmt"
	"log/slog"
)

// raftLogger sends what raft has to say where the debugging lines go.
type raftLogger struct{ *slog.Logger }

func (g raftLogger) Debug(v ...any)              { g.Logger.Debug(fmt.Sprint(v...)) }
func (g raftLogger) Debugf(f string, v ...any)   { g.printf(slog.LevelDebug, f, v) }
func (g raftLogger) Info(v ...any)               { g.Logger.Debug(fmt.Sprint(v...)) }
func (g raftLogger) Infof(f string, v ...any)    { g.printf(slog.LevelDebug, f, v) }
func (g raftLogger) Warning(v ...any)            { g.Logger.Warn(fmt.Sprint(v...)) }
func (g raftLogger) Warningf(f string, v ...any) { g.printf(slog.LevelInfo, f, v) }
func (g raftLogger) Error(v ...any)              { g.Logger.Error(fmt.Sprint(v...)) }
func (g raftLogger) Errorf(f string, v ...any)   { g.printf(slog.LevelError, f, v) }
func (g raftLogger) Fatal(v ...any)              { panic(fmt.Sprint(v...)) }
func (g raftLogger) Fatalf(f string, v ...any)   { panic(fmt.Sprintf(f, v...)) }
func (g raftLogger) Panic(v ...any)              { panic(fmt.Sprint(v...)) }
func (g raftLogger) Panicf(f string, v ...any)   { panic(fmt.Sprintf(f, v...)) }

func (g raftLogger) printf(level slog.Level, f string, v []any) {
	if g.Enabled(context.Background(), level) {
		g.Log(context.Background(), level, fmt.Sprintf(f, v...))
	}
}
