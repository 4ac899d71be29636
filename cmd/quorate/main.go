// Command quorate is the message broker and everything that goes with it.
package main

import (
	"context"
	"os"

	"github.com/quorate/quorate/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
