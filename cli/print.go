package cli

import (
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// The colours, where the output is a terminal.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
	dim    = "2"
)

// A painter colours text, or leaves it alone.
type painter bool

// paintFor gives a painter for an output: colours for a terminal, unless
// NO_COLOR is set.
func paintFor(out io.Writer) painter {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func (p painter) in(colour, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printTable prints rows under headings, the columns as wide as they need to
// be. paint, if not nil, colours a cell.
func printTable(out io.Writer, headings []string, rows [][]string, paint func(row, column int, cell string) string) error {
	width := make([]int, len(headings))
	for _, row := range append([][]string{headings}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line := func(n int, row []string) {
		for i, cell := range row {
			shown := cell
			if paint != nil && n >= 0 {
				shown = paint(n, i, cell)
			}
			b.WriteString(shown)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	line(-1, headings)
	for n, row := range rows {
		line(n, row)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// size writes a number of bytes as ActiveMQ's users write it: 4 kb, 1.5 mb.
func size(n int64) string {
	const units = "kmgt"
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + " b"
	}
	f, u := float64(n)/(1<<10), 0
	for f >= 1<<10 && u < len(units)-1 {
		f, u = f/(1<<10), u+1
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[u:u+1] + "b"
}
