# SPDX-License-Identifier: Apache-2.0
# Two commands matter: `make run` shows a node at work, `make test` shows that it does what it says.
# Everything is done by tools/ and meson; this file only gives it short names.

BUILD ?= build
SECONDS_PER_TARGET ?= 60
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: help setup build run test quick bench fuzz check format install clean

help:
	@echo 'make run       build a node, send it a sealed transaction, verify the batch'
	@echo 'make test      every build, check and test (tools/ci); about a quarter of an hour'
	@echo 'make quick     one build, its tests and the checks of the tree'
	@echo 'make check     static checks only'
	@echo 'make bench     measure; one JSON line per measurement'
	@echo 'make fuzz      $(SECONDS_PER_TARGET) s of each fuzz target (SECONDS_PER_TARGET=n)'
	@echo 'make format    lay out all C files'
	@echo 'make install   to $(PREFIX) (PREFIX=, DESTDIR=)'
	@echo 'make clean     delete the build directories; the cached libcrypto stays'

setup:
	@tools/setup build

build: setup
	@tools/configure $(BUILD)
	@ninja -C $(BUILD)

run: build
	@tools/demo $(BUILD)

test:
	@tools/setup test
	@tools/ci

quick:
	@tools/setup test
	@tools/ci --quick

check:
	@tools/setup test
	@tools/ci --static

bench: build
	@tools/bench $(BUILD)

fuzz:
	@tools/setup test
	@tools/fuzz $(SECONDS_PER_TARGET)

format:
	@tools/setup test
	@tools/format

# The prefix is changed in place. ninja then writes what names it anew (the list of files to install, the
# systemd unit, the pkg-config file) and compiles nothing.
install: build
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX))
	@ninja -C $(BUILD)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean:
	rm -rf build build-*
