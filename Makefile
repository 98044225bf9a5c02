# make run    installs what is missing, builds, and runs the demonstration
# make test   installs what is missing, builds, and runs every test
# The other targets are for who works on Tidegate; each says what it does.

SWIFT ?= swift
BUILD = .build/release/tidegate
APT_PACKAGES = liburing-dev libssl-dev
# What the end-to-end tests drive the proxy with.
APT_TEST_PACKAGES = nginx-light haproxy socat curl openssl chromium iproute2 python3 python3-venv

.PHONY: run build test unit end-to-end testssl check format lint fuzz bench bench-quick peers many dependencies test-dependencies clean

run: build
	$(BUILD) run

# Swift's libraries become part of the programs: calls into them are cheaper, and they run where no Swift is.
RELEASE = -c release --static-swift-stdlib

build: dependencies
	$(SWIFT) build $(RELEASE) --product tidegate
	$(SWIFT) build $(RELEASE) --product tidegate-storm

# Format, warnings as errors, every test: what a change has to pass.
check: lint test

test: unit end-to-end

unit: dependencies
	$(SWIFT) test
	Tests/Residue/run.sh

end-to-end: build test-dependencies
	Tests/EndToEnd/run.sh

lint:
	$(SWIFT) format lint --strict --recursive --parallel --configuration .swift-format Package.swift Sources Tests

format:
	$(SWIFT) format format --in-place --recursive --parallel --configuration .swift-format Package.swift Sources Tests

# Debian's testssl.sh against the default configuration, on loopback; about two minutes.
testssl: build
	@scripts/install-packages testssl.sh curl openssl python3
	Tests/EndToEnd/testssl.sh

# A minute on each parser; SECONDS=n for longer.
fuzz:
	Fuzz/run.sh $(or $(SECONDS),60)

# Beside HAProxy, nginx, hitch and Envoy; see bench/README.md.
bench: build peers
	python3 bench/run.py

bench-quick: build peers
	python3 bench/run.py --quick

peers:
	bench/peers.sh

# 100,000 live TLS WebSockets on this machine: six minutes and 4 GiB. See bench/README.md.
many: build
	python3 bench/many.py

# Debian's packages, installed only where they are missing.
dependencies:
	@scripts/install-packages $(APT_PACKAGES)

test-dependencies:
	@scripts/install-packages $(APT_TEST_PACKAGES)

clean:
	rm -rf .build
