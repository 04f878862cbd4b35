SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help

# The stamp of `bridge version`; release builds pass VERSION.
VERSION  ?= dev
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
IMAGE    ?= kafka-import-bridge:$(VERSION)
# Where the packaged chart finds the image and the project.
IMAGE_REPOSITORY ?= kafka-import-bridge
SOURCE_URL       ?= https://example.com/kafka-import-bridge
ARGS     ?=
DATE     ?= $(shell date -u +%Y-%m-%d)
FUZZTIME ?= 1m
SOAK     ?= 1h
CHART    := charts/kafka-import-bridge
# Programs that test the chart, built on demand from a module of their own.
CHARTTOOL := go tool -modfile=charts/tools/go.mod
# A helm built from source may take itself for that of a very old cluster.
KUBE     := 1.30.0
# The race detector needs a C compiler; without one the tests run without it.
RACE     := $(if $(shell command -v "$$(go env CC)" 2>/dev/null),-race)
TEST     := go test $(RACE) -shuffle=on -count=1 -timeout=20m
# Without the race detector a seed costs a fifth, so this plays thousands.
SIM      := go test -count=1 -timeout=20m -run '^TestSim(_strangeAnswers)?$$' ./test/sim

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/bridge and bin/sandbox
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/bridge ./cmd/sandbox

.PHONY: demo
demo: build ## Run sandbox and bridge with sample traffic, then reconcile (ARGS='-keep -with-prometheus')
	bin/sandbox demo -bridge bin/bridge $(ARGS)

.PHONY: test
test: ## Run every test with the race detector (the real-Kafka suites need java and mvn)
	@for program in java mvn chromium prometheus promtool helm buildah etcd mandoc; do \
	  command -v $$program >/dev/null || echo "note: $$program is not installed, so the tests that need it are skipped"; \
	done
	$(TEST) ./...
	$(SIM)

.PHONY: sim
sim: ## Play the simulation's seeds without the race detector (ARGS='-seeds=10000' or '-seed=7 -v')
	$(SIM) $(ARGS)

.PHONY: unit
unit: ## Run the tests that need no Kafka, browser or other program
	$(TEST) -short ./...

.PHONY: e2e
e2e: ## Run the built binary against a real Kafka (ARGS='-run TestHappyPath -v')
	go test -count=1 -timeout=20m ./test/e2e $(ARGS)

.PHONY: check
check: format modules vet lint repository generated chart unit ## Everything that must hold before a commit

.PHONY: format
format: ## Fail if a file is not gofmt'ed
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$files" ]; then echo "not formatted (run gofmt -w):"; echo "$$files"; exit 1; fi

.PHONY: modules
modules: ## Fail if go.mod and go.sum are not tidy
	go mod tidy -diff

.PHONY: vet
vet: ## Run go vet
	go vet ./...

.PHONY: lint
lint: ## Run golangci-lint with .golangci.yml
	@command -v golangci-lint >/dev/null || { echo "golangci-lint is missing: .ci/run shows the pinned version and how to install it"; exit 1; }
	golangci-lint run ./...

.PHONY: repository
repository: ## Check the workflows with actionlint
	go tool -modfile=tools/go.mod actionlint

.PHONY: vulnerabilities
vulnerabilities: ## Ask the Go vulnerability database about what the bridge calls
	go tool -modfile=tools/go.mod govulncheck ./cmd/bridge

.PHONY: generate
generate: ## Write the generated files anew (docs/settings.md, the README's table, docs/metrics.md, the rooms' imports, the chart's schema)
	go generate ./...
	go test -count=1 -run '^TestMarkdown_isInTheDocuments$$' ./internal/config -update
	go test -count=1 -run '^TestMetrics_documentIsUpToDate$$|^TestExamples_areTheFiles$$|^TestArchitecture_roomsAreThose$$' ./docs -update
	go test -count=1 -run '^TestCompose_hasTheChartsRulesAndDashboard$$' ./charts -update

.PHONY: generated
generated: ## Fail if a generated file is not up to date
	@state() { { git diff; git status --porcelain; } | cksum; }; \
	before=$$(state); $(MAKE) --no-print-directory generate; \
	if [ "$$before" != "$$(state)" ]; then echo "generated files were out of date; look at the difference and commit it:"; git status --short; exit 1; fi

.PHONY: chart
chart: ## Lint the chart, test it with helm-unittest, and check what it renders with kubeconform
	@command -v helm >/dev/null || { echo "helm is missing: .ci/run shows the pinned version and how to install it"; exit 1; }
	go run ./test/kube/schemas bin/schemas
	@shopt -s nullglob; files=($(CHART)/ci/*-values.yaml); \
	if [ $${#files[@]} = 0 ]; then echo "no $(CHART)/ci/*-values.yaml to test the chart with"; exit 1; fi; \
	for values in "$${files[@]}"; do \
	  echo "chart with $$(basename $$values)"; \
	  helm lint --strict --quiet --kube-version $(KUBE) $(CHART) -f $$values; \
	  helm template release $(CHART) --kube-version $(KUBE) -f $$values | \
	    $(CHARTTOOL) kubeconform -strict -summary -schema-location 'bin/schemas/{{.ResourceKind}}{{.KindSuffix}}.json'; \
	done
	$(CHARTTOOL) helm-unittest --strict $(CHART)

.PHONY: kube
kube: ## Install the chart on a real Kubernetes API server (builds it once: many minutes)
	go test -count=1 -timeout=80m -v ./test/kube -build $(ARGS)

.PHONY: image
image: ## Build the image IMAGE around a static binary with buildah, and look at it
	@command -v buildah >/dev/null || { echo "buildah is missing (apt-get install buildah); docker build takes the same Dockerfiles"; exit 1; }
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)' -o bin/image/bridge ./cmd/bridge
	buildah build --isolation chroot -f Dockerfile.binary --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) -t $(IMAGE) --build-arg BINARY=bridge bin/image
	@buildah images $(IMAGE)

.PHONY: release-extras
release-extras: ## Write man pages and completions for archives and packages into bin/extras (DATE=2026-11-29)
	@rm -rf bin/extras && mkdir -p bin/extras/completions
	go build -o bin/extras/program ./cmd/bridge
	@for name in bridge kafka-import-bridge; do \
	  bin/extras/program help -as $$name -man $(firstword $(subst T, ,$(DATE))) > bin/extras/$$name.1; \
	  gzip -9 -n -k bin/extras/$$name.1; \
	  for shell in bash zsh fish; do bin/extras/program help -as $$name -completion $$shell > bin/extras/completions/$$name.$$shell; done; \
	done
	@rm bin/extras/program

.PHONY: release-version
release-version: ## Fail unless changelog and chart are those of VERSION
	@grep -q '^## $(VERSION) ' CHANGELOG.md || { echo "CHANGELOG.md has no section '## $(VERSION) (date)'"; exit 1; }
	@for field in version appVersion; do \
	  grep -Eq "^$$field: \"?$(VERSION)\"?$$" $(CHART)/Chart.yaml || { echo "$(CHART)/Chart.yaml: $$field is not $(VERSION)"; exit 1; }; \
	done

.PHONY: release-notes
release-notes: ## Print the changelog of VERSION
	@awk -v start='## $(VERSION) ' '/^## /{ inside = index($$0, start) == 1; next } inside' CHANGELOG.md

.PHONY: chart-package
chart-package: ## Package the chart into bin/chart (VERSION=1.2.3 IMAGE_REPOSITORY=registry/image SOURCE_URL=https://…)
	@rm -rf bin/chart && mkdir -p bin/chart/stamped
	@cp -r $(CHART) bin/chart/stamped/ && cp LICENSE bin/chart/stamped/kafka-import-bridge/
	@sed -i 's|https://example.com/kafka-import-bridge|$(SOURCE_URL)|; s|image: kafka-import-bridge:.*|image: $(IMAGE_REPOSITORY):$(VERSION)|' bin/chart/stamped/kafka-import-bridge/Chart.yaml
	@sed -i 's|^  repository: kafka-import-bridge$$|  repository: $(IMAGE_REPOSITORY)|' bin/chart/stamped/kafka-import-bridge/values.yaml
	helm package bin/chart/stamped/kafka-import-bridge --version $(VERSION) --app-version $(VERSION) --destination bin/chart

.PHONY: release-snapshot
release-snapshot: ## Build what a release would hold into dist/, publish nothing, and look at it
	@for program in goreleaser cyclonedx-gomod; do \
	  command -v $$program >/dev/null || { echo "$$program is missing: .ci/run shows the pinned version and how to install it"; exit 1; }; \
	done
	goreleaser check --quiet
	goreleaser release --snapshot --clean --skip=docker,sign
	RELEASE_DIST=$(CURDIR)/dist go test -count=1 -run '^TestRelease|^TestImage_ofARelease$$' ./test/release ./test/image

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@for package in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "== $$package $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; \
	  done; \
	done

.PHONY: mutants
mutants: ## Break the code in more than a thousand ways, one at a time, and see the tests notice (ARGS='-run ledger -v'; an hour and a half)
	go run ./test/mutants $(ARGS)

.PHONY: soak
soak: ## Run the simulation over fresh seeds for SOAK (a duration: an hour is some days of virtual time)
	SOAK=$(SOAK) go test -count=1 -timeout=0 -run '^TestSoak$$' -v ./test/sim

.PHONY: fleet
fleet: ## Deploy a simulated fleet of 50 members and 1,000 partitions anew, in virtual time: how long records wait (minutes)
	go test -count=1 -timeout=0 -v -run '^TestFleet' ./test/sim -fleet-members=50 -fleet-partitions=1000 -fleet-rate=500 $(ARGS)

.PHONY: bench
bench: build ## Measure the bridge alone on a real Kafka, a minute or so (ARGS='-scenarios slow-store -namespaces 300')
	go build -o bin/bench ./bench
	bin/bench -scenarios lz4 -size 512MiB $(ARGS)

.PHONY: bench-peers
bench-peers: build ## Measure the bridge beside its peers in all scenarios and write bench/RESULTS.md (ARGS='-runs 3': 20 minutes instead of 30)
	go build -o bin/bench ./bench
	go build -o bin/straightline ./bench/peers/straightline
	cd bench/peers/bento && go build -o ../../../bin/bento .
	bin/bench -straightline bin/straightline -bento bin/bento -runs 5 -write bench $(ARGS)

.PHONY: bench-check
bench-check: ## Compare the micro-benchmarks with the baseline commit; fail at 15 % slower (ARGS=-update moves it to HEAD)
	@mkdir -p bin
	go build -o bin/bench-check ./bench/check
	bin/bench-check $(ARGS)

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist demo-data
