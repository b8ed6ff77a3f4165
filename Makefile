# sallyport: two doors in front of an existing LDAP directory.
# "make" or "make help" lists what can be done here.

SHELL    := /bin/sh
GO       ?= go
PREFIX   ?= /usr/local
DESTDIR  ?=
FUZZTIME ?= 10s

MAINS := ./daemon/sallyportd ./contrib/sallyport ./contrib/sallyport-check $(wildcard ./plugins/cmd/*)
BINS  := $(addprefix bin/,$(notdir $(MAINS)))

.DEFAULT_GOAL := help
.PHONY: help run build pam deb test lint bench fuzz proto install install-pam clean setup

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, then start the demo with its state below var/
	bin/sallyportd demo --dir var

build: ## build all binaries, static and stripped, into bin/
	@mkdir -p bin && chmod go-w bin
	umask 022 && CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w' -o bin/ $(MAINS)
	@chmod go-w $(BINS)

pam: ## build the PAM module into bin/ (needs a C compiler and libpam0g-dev)
	@mkdir -p bin && chmod go-w bin
	umask 022 && $(MAKE) -C contrib/pam OUT='$(CURDIR)/bin'

deb: build ## make the Debian package, bin/sallyport_VERSION_ARCH.deb, with its SBOM
	GO='$(GO)' contrib/packaging/build

setup: ## install what the tests need (Debian, as root), or say what is missing
	@.ci/setup

# SQLite is C made into Go, with memory from the system, where the race detector does
# not look; nor does it see what argon2 does in assembly, but follows its 8 MiB. What
# reads templates, expressions, pictures and HTML works on what its caller gave it, byte
# by byte, and starts nothing. So these are compiled without it. What calls them is not;
# and none that has a sync.Map or an atomic may be among them: its copy of those would
# serve the whole program, and what they order would be called a race.
PLAIN := modernc.org/sqlite/lib modernc.org/libc/... modernc.org/memory modernc.org/mathutil golang.org/x/crypto/argon2 \
	text/template/parse regexp/... image/png compress/flate hash/adler32 golang.org/x/net/html

# RACE compiles for the tests and for lint, so that all of it is compiled once, and
# without what only a debugger reads. There is no race detector without a C compiler.
RACE = $$(command -v gcc >/dev/null 2>&1 && echo -race -gcflags=all=-dwarf=false $(PLAIN:%=-gcflags=%=-race=false))

# A program with the race detector waits a second at its end for races of what still
# runs, and there are hundreds of them: a tenth is enough. "go vet" belongs to lint.
test: setup ## all tests; the last line counts them
	@CGO_ENABLED=0 GORACE="$$GORACE atexit_sleep_ms=100" $(GO) run -trimpath -exec 'env -u CGO_ENABLED' ./.ci/gotest \
		-vet=off $(RACE) -timeout 25m ./... ./.ci/gotest

lint: ## gofmt, vet, staticcheck, govulncheck
	@LINT_FLAGS="$(RACE)" .ci/lint

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m $$($(GO) list ./... | grep -v sallyportd/bench)
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 30m ./daemon/sallyportd/bench

fuzz: ## run each fuzz target for FUZZTIME (10s)
	@set -e; grep -rlE '^func Fuzz' --include='*_test.go' daemon plugins enrollweb contrib | while read -r f; do \
		for t in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$$f"); do \
			$(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "./$$(dirname "$$f")"; \
		done; \
	done

proto: ## generate the Go code of the plugin contract again
	$(GO) generate ./plugins/wire/...

install: build ## install binaries, man pages, completions and configs below DESTDIR/PREFIX
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/sallyport/configs' \
		'$(DESTDIR)$(PREFIX)/share/man/man8' '$(DESTDIR)$(PREFIX)/share/bash-completion/completions'
	install -m 0755 $(BINS) '$(DESTDIR)$(PREFIX)/bin/'
	install -m 0644 configs/*.toml '$(DESTDIR)$(PREFIX)/share/sallyport/configs/'
	for b in sallyport sallyport-check sallyportd; do \
		umask 022; bin/$$b man '$(DESTDIR)$(PREFIX)/share/man/man8' && \
		bin/$$b completion bash >'$(DESTDIR)$(PREFIX)/share/bash-completion/completions/'$$b || exit 1; \
	done

install-pam: pam ## install the PAM module where libpam looks, below DESTDIR
	$(MAKE) -C contrib/pam OUT='$(CURDIR)/bin' DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' install

clean: ## remove what was built; the state below var/ stays
	rm -rf bin
