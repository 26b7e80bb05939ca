# Two commands do all: `make up` and `make test`. Both install what they need and say what they do.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GANTRY := target/release/gantry
DEMO_ROOT := target/demo/rootfs
# One binary, that needs no library which a machine may lack.
STATIC = LIBSECCOMP_LINK_TYPE=static LIBSECCOMP_LIB_PATH="$$(dirname "$$(cc -print-file-name=libseccomp.a)")"

.PHONY: help up down test check guest acceptance bench fmt codegen docs

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up:  ## build Gantry, start it with a demo service, print what to try
	@scripts/prepare up
	@echo '==> building Gantry (release; the first time takes some minutes)'
	@$(STATIC) cargo build --release --package gantry
	@echo '==> building the demo image'
	@tests/demo-image/build.sh $(DEMO_ROOT)
	@echo '==> starting Gantry'
	@$(GANTRY) up --detach
	@$(GANTRY) image import $(DEMO_ROOT) demo:latest --entrypoint /demo --cmd serve
	@$(GANTRY) demo

down:  ## stop Gantry and its tasks (state stays in the data directory)
	@$(GANTRY) down

test: check acceptance guest  ## every test: rules, state, clients, real containers, control groups version 2

check:
	@scripts/prepare test
	@echo '==> style, floor plan, generated files'
	@cargo fmt --all --check
	@cargo xtask tidy
	@echo '==> unit, property and integration tests'
	@cargo test --workspace --quiet

guest:  ## the runtime on control groups version 2, in an emulated machine
	@echo '==> the runtime on control groups version 2, in an emulated machine'
	@.venv/bin/python -m pytest tests/guest

acceptance:
	@echo '==> acceptance tests on real containers, with boto3 and the AWS CLI'
	@cargo build --package gantry
	@tests/demo-image/build.sh $(DEMO_ROOT)
	@.venv/bin/python -m pytest tests/acceptance

bench:  ## measure, beside docker (installs docker.io)
	@scripts/prepare bench
	@$(STATIC) cargo build --release --package gantry --package bench-load --package placement --package ecs-rules --package service-ecs --package log-store --bins --examples
	@tests/demo-image/build.sh $(DEMO_ROOT)
	@.venv/bin/python bench/run.py

fmt:  ## format the code
	@cargo fmt --all

codegen:  ## regenerate crates/api from models/ and operations.toml
	@cargo xtask codegen

docs:  ## regenerate docs/coverage.md
	@cargo xtask coverage
