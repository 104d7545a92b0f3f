# `make help` lists the targets. Nothing has to be prepared: a fresh clone and the .NET 10 SDK are enough.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build run test scenario bench cluster clean

ARGS ?=
DEMO ?= 1

help: ## what there is
	@echo 'StreamObserve'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  variables: DEMO=0 (run without the demo shop), ARGS="--http 127.0.0.1:9000 …" (more flags for run),'
	@echo '             REPS=3 EVENTS=1000000 QUERIES_ONLY=0 (bench)'

setup: ## install what is missing and installable, or say what to install
	@make/setup sdk tools

build: ## publish the executable to out/streamobserve
	@make/setup sdk
	@echo 'compiling ahead of time, runtime and all: some two minutes on two cores'
	dotnet publish src/StreamObserve -c Release -o out -v q -nologo

run: build ## build, start everything with the demo shop; Ctrl-C ends it
	@DEMO=$(DEMO) make/run $(ARGS)

cluster: build ## broker, ingest, three processors, two query nodes as processes on loopback; Ctrl-C ends them
	@make/cluster

test: setup ## every test project, scenarios in small; ends with `N passed, N failed, N skipped`
	dotnet build StreamObserve.sln -c Release -v q -nologo
	dotnet publish src/StreamObserve -c Release -o out -v q -nologo
	@tests/run

scenario: setup build ## the scenarios in full size (about an hour)
	dotnet build tests/Scenario -c Release -v q -nologo
	@STREAMOBSERVE_SCENARIO=full tests/run Scenario

bench: build ## CPU of the pipeline and time of its answers beside chDB and DuckDB
	@bench/run

clean: ## remove everything that was built or measured
	rm -rf out bench/work bench/results bench/peers/node_modules
	find src tests bench -type d \( -name bin -o -name obj -o -name TestResults \) -prune -exec rm -rf {} +
