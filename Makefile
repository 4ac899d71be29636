# The one door to everything that is done with this repository. Bare `make` prints the targets.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/quorate/quorate/cli.Version=$(VERSION)
FUZZTIME ?= 60s
TORTURE_TIME ?= 10m

.DEFAULT_GOAL := help
.PHONY: help build run test unit e2e lint fmt bench bench-drain bench-growth bench-isolation bench-backlog fuzz soak model deps clean

help: ## print the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/quorate, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/quorate ./cmd/quorate

run: build ## build, then run three nodes on loopback that elect among themselves; Ctrl-C stops them
	./bin/quorate demo

test: deps build lint unit e2e ## install what tests need, then lint and run every test (race detector on)

# The ZooKeeper client library has a race of its own when it sends its watches
# again after a reconnect (conn.go, lastZxid), so that room runs without the detector.
unit: ## the tests of the rooms, race detector on
	$(GO) test -race -timeout 15m $$($(GO) list ./... | grep -v -e /test$$ -e /cluster/zookeeper$$)
	$(GO) test -timeout 5m ./cluster/zookeeper

e2e: build ## whole clusters of real processes with real ZooKeeper and clients of others
	$(GO) test -count=1 -timeout 20m ./test/...

lint: ## gofmt, go vet, staticcheck
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt-ed:"; echo "$$out"; exit 1; }
	$(GO) vet ./... && $(GO) -C bench vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...

fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

bench: build ## measure workloads (a) to (f) beside other brokers, interleaved; see docs/benchmarks.md
	$(GO) -C bench run . -rounds 3

bench-drain: build ## drain a million messages from one queue, beside other brokers
	$(GO) -C bench run . -rounds 1 -workloads d -depth 1000000 -limit 5m

bench-growth: build ## how the figures grow with message size, connections and depth
	$(GO) -C bench run . -mode growth

bench-isolation: build ## what one misbehaving client costs the others
	$(GO) -C bench run . -mode isolation -rounds 5

bench-backlog: build ## ten million small messages, then 5 GB: memory, restart, new traffic on top
	QUORATE_BACKLOG=10000000 QUORATE_BACKLOG_SIZE=100 $(GO) test -count=1 -timeout 40m -run TestBacklog/queues=1$$ -v ./test
	QUORATE_BACKLOG=5000000 $(GO) test -count=1 -timeout 40m -run TestBacklog/queues=100$$ -v ./test

fuzz: ## run every fuzzer for FUZZTIME (60s)
	./scripts/fuzz.sh $(FUZZTIME)

soak: build ## kill the master again and again under load for TORTURE_TIME (10m)
	QUORATE_SOAK=$(TORTURE_TIME) $(GO) test -count=1 -timeout 0 -run TestSoak -v ./test/...

model: ## check the models of founding, elections and the lease, and their mutants, with spin
	./scripts/model.sh

deps: ## install the packages that the tests drive (Debian)
	./scripts/deps.sh

clean: ## remove what was built
	rm -rf bin .cache
