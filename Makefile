# nianshen: one flat makefile. `make help` lists what it offers; everything it makes lies under build/.
#
# Naming conventions that it relies on, so that a new file needs no line here:
#   core/*.c                      one archive, libcore.a, together with what is generated from schemas/ and sql/
#   rules/*.c                     another, librules.a, which stands on libcore.a
#   {producer,worker,ops}/*.c     one program each, nianshen-NAME, with its main() in NAME/main.c
#   tests/unit/test_NAME.c        one test program each, linked with libcore.a; test_producer_*, test_worker_* and test_ops_*
#                                 also with their program's objects, except main.o; test_worker2_* with those of worker-next/ but its store
#   tests/bench/bench_NAME.c      one benchmark of a single part each, linked with libcore.a; other NAME.c are tools of the whole bench
#   tests/rules/*.c               the rules' player, linked with librules.a; its shelf.c also goes with test_rules_*
#   tests/orders/NAME.c           one tool of the tests each, linked with libcore.a
#   tests/sim/*.c                 one program, the simulator, linked with libcore.a and the worker's objects, except main.o, loop.o and signals.o
#   tests/sim-next/*.c            the same of the second edition, around worker-next/'s objects; and sim-store, with driver.c instead of crew.c
#   tests/fuzz/fuzz_NAME.c        one fuzz target each, linked with librules.a, libcore.a and the producer's objects

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=

# Which build: SANITIZE= (release, hardened), or one of the sanitizers below; each in a directory of its own. `coverage` counts lines and branches.
SANITIZE ?=
ifeq ($(SANITIZE),)
PROFILE := release
BIN := build/bin
else ifeq ($(SANITIZE),address,undefined)
PROFILE := asan
else ifeq ($(SANITIZE),address)
PROFILE := asan-only
else ifeq ($(SANITIZE),undefined)
PROFILE := ubsan
else ifeq ($(SANITIZE),thread)
PROFILE := tsan
else ifeq ($(SANITIZE),coverage)
PROFILE := coverage
else ifeq ($(SANITIZE),fuzzer,address,undefined)
PROFILE := fuzz
CC := clang
else
$(error SANITIZE=$(SANITIZE) is unknown: leave it empty or use address,undefined | address | undefined | thread | fuzzer,address,undefined | coverage)
endif
OUT := build/$(PROFILE)
BIN ?= $(OUT)/bin
GEN := build/gen

# The compiler's settings. Warnings are errors in CI and with WERROR=yes.
WERROR ?= $(if $(filter true,$(CI)),yes)
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wwrite-strings $(if $(filter yes,$(WERROR)),-Werror)
LIBRARIES := rdkafka jansson libpq libcrypto uuid liblz4
CPPFLAGS += -I. -I$(GEN) -D_GNU_SOURCE -DNIANSHEN_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(LIBRARIES) 2>/dev/null)
CFLAGS += -std=gnu17 -g $(WARNINGS)
LDLIBS += $(shell pkg-config --libs $(LIBRARIES) 2>/dev/null) -lcsv
ifeq ($(SANITIZE),)
CPPFLAGS += -D_FORTIFY_SOURCE=3
CFLAGS += -O2 -fstack-protector-strong -fstack-clash-protection -fPIE
LDFLAGS += -pie -Wl,-z,relro,-z,now
else ifeq ($(SANITIZE),coverage)
CFLAGS += -O0 --coverage -fprofile-update=atomic
LDFLAGS += --coverage
else
CFLAGS += -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE:fuzzer%=fuzzer-no-link%) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SANITIZE)
endif

# All cores, unless the caller says how many.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:

objects = $(patsubst %.c,$(OUT)/%.o,$(wildcard $(1)/*.c))
PROGRAMS := $(foreach p,producer worker worker-next ops,$(if $(wildcard $(p)/main.c),$(p)))
GENERATED_HEADERS := $(GEN)/schema_version.h
GENERATED_SOURCES := $(GEN)/code_table.c $(GEN)/region_table.c $(GEN)/sql_embedded.c
CORE_OBJECTS := $(call objects,core) $(patsubst $(GEN)/%.c,$(OUT)/gen/%.o,$(GENERATED_SOURCES))
STORE_OBJECTS := $(patsubst %.c,$(OUT)/%.o,$(wildcard worker-next/store_*.c) worker-next/outcome_bytes.c)
RULES_OBJECTS := $(call objects,rules)
BENCHMARKS := $(patsubst tests/bench/%.c,$(OUT)/bench/%,$(wildcard tests/bench/bench_*.c))
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,build/fuzz/targets/%,$(wildcard tests/fuzz/fuzz_*.c))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(OUT)/tests/%,$(wildcard tests/unit/test_*.c))

all: $(PROGRAMS:%=$(BIN)/nianshen-%) ## build the three programs into build/bin (the default)

demo: ## the guided tour on a broker and a database of its own; installs what it needs, leaves nothing running
	@ops/dev/install-deps run
	@$(MAKE) all jars
	@ops/dev/demo build/demo

test: ## everything: lint, unit, SQL and system tests; installs what it needs, ends with "N passed, N failed"
	@tests/run

up: all jars ## start broker, database and one worker, and leave them running; writes build/env
	@ops/dev/up build/dev build/env

down: ## stop what `make up` started
	@ops/dev/down build/dev

deps: ## install what building and testing need: Debian packages (root or sudo), the broker's jars, a Python venv
	@ops/dev/install-deps test
	@$(MAKE) --silent jars build/venv/.ready

jars: ## fetch the pinned Kafka broker (Maven artifacts, checked against ops/kafka/jars.sha256)
	@ops/kafka/jars >/dev/null

unit: $(UNIT_TESTS) ## unit tests, under the sanitizers that SANITIZE names
	@tests/run-unit build/results/unit $(UNIT_TESTS)

sql-test: $(BIN)/nianshen-ops ## tests of the SQL rules (pgTAP), on a database of their own
	@tests/run-sql build/results/sql $(BIN)

STORE_SEEDS ?= 1 2 3
store-test: $(BIN)/nianshen-ops $(OUT)/store/test_store ## the worker's store beside the engine's state in memory, on a database of its own (STORE_SEEDS="1 2 3")
	@tests/run-store build/results/store $(CURDIR)/$(BIN) $(CURDIR)/$(OUT)/store/test_store $(STORE_SEEDS)

SIM_FIRST ?= 0
SIM_HISTORIES ?= 100000
PYTEST := NIANSHEN_BIN=$(CURDIR)/$(BIN) PYTHONPYCACHEPREFIX=build/pycache HYPOTHESIS_STORAGE_DIRECTORY=build/hypothesis \
	build/venv/bin/python -m pytest
system-test: all jars build/venv/.ready ## tests of the programs on a real broker and database; ARGS="-k name" selects, SANITIZE works
	@$(PYTEST) tests/system --junitxml=build/results/system-$(PROFILE)/junit.xml $(ARGS)

# Until the switch: the second edition's programs under the names that they will have.
edition-next: $(BIN)/nianshen-worker-next $(BIN)/nianshen-ops-next $(BIN)/nianshen-producer ## the second edition's programs in build/next/bin
	@mkdir -p build/next/bin
	@install $(BIN)/nianshen-worker-next build/next/bin/nianshen-worker
	@install $(BIN)/nianshen-ops-next build/next/bin/nianshen-ops
	@install $(BIN)/nianshen-producer build/next/bin/nianshen-producer

system-next: edition-next jars build/venv/.ready ## the system tests on the second edition; SYSTEM_NEXT="files" or ARGS="-k name" select
	@NIANSHEN_EDITION=next $(PYTEST:$(CURDIR)/$(BIN)=$(CURDIR)/build/next/bin) $(or $(SYSTEM_NEXT),tests/system) \
		--junitxml=build/results/system-next/junit.xml $(ARGS)

verify-next: all edition-next jars build/venv/.ready ## verify and replay of the second edition
	@NIANSHEN_EDITION=next $(PYTEST:$(CURDIR)/$(BIN)=$(CURDIR)/build/next/bin) tests/system_next --junitxml=build/results/verify-next/junit.xml $(ARGS)

histories: all jars build/venv/.ready ## random histories in many orders against a reference model (NIANSHEN_HISTORIES=, NIANSHEN_SEED=)
	@$(PYTEST) $(or $(HISTORIES_TESTS),tests/orders/test_histories.py tests/orders/test_two_workers.py) --junitxml=build/results/histories/junit.xml $(ARGS)

all-orders: all jars build/venv/.ready $(OUT)/orders/apply_records ## every order and every split of small histories against the reference model
	@NIANSHEN_ORDERS_BIN=$(CURDIR)/$(OUT)/orders $(PYTEST) tests/orders/test_all_orders.py --junitxml=build/results/all-orders/junit.xml $(ARGS)

rules-histories: $(OUT)/rules/play build/venv/.ready ## random histories through the engine in memory (NIANSHEN_HISTORIES=, NIANSHEN_SEED=, NIANSHEN_WAYS=)
	@NIANSHEN_RULES_BIN=$(CURDIR)/$(OUT)/rules $(PYTEST) tests/rules/test_histories.py tests/rules/test_outcomes.py tests/rules/test_rule_table.py --junitxml=build/results/rules-histories/junit.xml $(ARGS)

rules-orders: $(OUT)/rules/play build/venv/.ready ## every order and split of small histories through the engine in memory (NIANSHEN_SHAPES="word")
	@NIANSHEN_RULES_BIN=$(CURDIR)/$(OUT)/rules $(PYTEST) tests/rules/test_all_orders.py --junitxml=build/results/rules-orders/junit.xml $(ARGS)

rules-mutants: $(OUT)/rules/play build/venv/.ready ## deliberate bugs of the rules that the two must find (ARGS="words")
	@PYTHONPYCACHEPREFIX=build/pycache build/venv/bin/python tests/rules/mutants/run build/results/rules-mutants $(ARGS)

test-first-edition: ## the guards of the first edition's engine, which no longer changes and is not part of `make test`
	@$(MAKE) histories
	@$(MAKE) all-orders
	@$(MAKE) sim
	@$(MAKE) mutants ARGS="unit sim"

faults: all jars build/venv/.ready ## kills, stopped processes, lost topics under load (NIANSHEN_FAULT_KILLS=40, NIANSHEN_FAULT_SEED=1)
	@$(PYTEST) tests/chaos --junitxml=build/results/faults/junit.xml $(ARGS)

sim: $(OUT)/sim ## the simulator: SEED=N plays and tells one history, else SIM_HISTORIES=100000 of them from SIM_FIRST=0
	@$(if $(SEED),$(OUT)/sim $(SEED),tests/run-sim build/results/sim $(OUT)/sim $(SIM_FIRST) $(SIM_HISTORIES))

sim-next: $(OUT)/sim-next ## the second edition's simulator, with the same settings
	@$(if $(SEED),$(OUT)/sim-next $(SEED),tests/run-sim build/results/sim-next $(OUT)/sim-next $(SIM_FIRST) $(SIM_HISTORIES))

sim-store: $(OUT)/sim-store ## the same without workers: the store's contract and the rules alone
	@$(if $(SEED),$(OUT)/sim-store $(SEED),tests/run-sim build/results/sim-store $(OUT)/sim-store $(SIM_FIRST) $(SIM_HISTORIES))

fuzz: ## the fuzz targets (libFuzzer), FUZZ_SECONDS=20 each
	@$(MAKE) SANITIZE=fuzzer,address,undefined $(FUZZ_TARGETS)
	@tests/run-fuzz build/results/fuzz build/fuzz/corpus $(FUZZ_TARGETS)

mutants: all ## deliberate bugs, one a rule, that the tests must find; ARGS="sql unit" or parts of names choose
	@tests/mutants/run build/results/mutants $(CURDIR)/$(BIN) $(ARGS)

# Counts are added up from run to run: each begins at nothing.
COVERAGE_TESTS ?=
COVERAGE_LINES_MIN := 100
COVERAGE_BRANCHES_MIN := 100
coverage: ## lines and branches of core/, rules/ and worker/ by unit tests and simulator; less than there was fails (COVERAGE_TESTS="words of system tests, too")
	@find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) SANITIZE=coverage unit build/coverage/sim
	@build/coverage/sim 0 3000
	@$(if $(COVERAGE_TESTS),$(MAKE) SANITIZE=coverage system-test ARGS="-q -k '$(COVERAGE_TESTS)'" || echo "some system tests failed: their lines count all the same",true)
	@tests/run-coverage build/results/coverage build/coverage $(COVERAGE_LINES_MIN) $(COVERAGE_BRANCHES_MIN)

sql-coverage: $(BIN)/nianshen-ops ## statements and branches of the PL/pgSQL functions by the pgTAP tests
	@tests/run-sql-coverage build/results/sql-coverage $(BIN)

differential: all ## a million numbers by check-id and by four validators that are not ours; writes docs/differential.md
	@tests/differential/fetch build/differential
	@PYTHONPYCACHEPREFIX=build/pycache build/differential/python/bin/python tests/differential/compare.py 1000000 1 \
		id-validator stdnum npm-id-validator hutool --table docs/differential.md

differential-quick: all ## the same with 20,000 numbers and the two validators of Python
	@tests/differential/fetch build/differential python
	@tests/tap build/results/differential/differential.tap 120 env PYTHONPYCACHEPREFIX=build/pycache \
		build/differential/python/bin/python tests/differential/compare.py 20000 2 id-validator stdnum

BENCH_TOOLS := $(OUT)/bench/load $(OUT)/bench/consume
bench: $(if $(filter next,$(BENCH_EDITION)),edition-next) all jars build/venv/.ready $(BENCHMARKS) $(BENCH_TOOLS) ## the workloads beside their limits and peers; about half an hour (BENCH_SCALE=0.1 BENCH_ROUNDS=2 BENCH_ONLY=w1,w2,w3,w5)
	@tests/bench/peers/fetch build/peers
	@for benchmark in $(BENCHMARKS); do $$benchmark || exit 1; done
	@PYTHONPYCACHEPREFIX=build/pycache build/venv/bin/python tests/bench/run.py

bench-full: export BENCH_UNITS = 20000,2000,250000
bench-full: bench ## the same, and a year of 250,000 units

lint: $(GENERATED_HEADERS) $(GENERATED_SOURCES) ## warnings, layout, clang-tidy, the tree's own rules (errors in CI)
	@tests/lint/run

format: ## lay out the C code by .clang-format
	clang-format -i $(wildcard core/*.[ch] rules/*.[ch] producer/*.[ch] worker/*.[ch] worker-next/*.[ch] ops/*.[ch] ops-next/*.[ch] tests/rules/*.[ch] tests/store/*.[ch] tests/sim-next/*.[ch] tests/unit/*.[ch] tests/fuzz/*.c tests/bench/*.c tests/orders/*.c tests/sim/*.[ch])

install: all ## install programs, systemd unit, schemas and an example configuration (DESTDIR=, PREFIX=)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/share/nianshen
	install -m 755 $(PROGRAMS:%=$(BIN)/nianshen-%) $(DESTDIR)$(PREFIX)/bin
	sed 's|@PREFIX@|$(PREFIX)|g' ops/systemd/nianshen-worker.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/nianshen-worker.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/nianshen-worker.service
	install -m 644 ops/nianshen.conf.example LICENSE $(DESTDIR)$(PREFIX)/share/nianshen
	cd schemas && find . -type f ! -path '*/__pycache__/*' -exec install -D -m 644 {} $(abspath $(DESTDIR)$(PREFIX)/share/nianshen/schemas)/{} \;

clean: ## stop what runs here and remove build/
	@ops/dev/down build/dev --remove
	@ops/dev/down build/demo --remove
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

.PHONY: all demo test verify-next test-first-edition up down deps jars unit fuzz sql-test system-test histories all-orders faults sim mutants coverage sql-coverage differential differential-quick bench bench-full lint format install clean help print-compile-flags print-link-flags rules-histories rules-orders rules-mutants sim-next sim-store store-test edition-next system-next

# Generated, from schemas/ and sql/. The directories are prerequisites so that a file taken away is noticed too.
SQL_MIGRATIONS := $(sort $(wildcard sql/migrations/*.sql))
SQL_OTHERS := $(sort $(wildcard sql/functions/*.sql)) $(GEN)/sql/code_table.sql $(wildcard sql/grants.sql)
SQL_PREREQUISITES := $(SQL_MIGRATIONS) $(SQL_OTHERS) sql/migrations sql/functions

$(GEN)/code_table.c: schemas/codes.tsv core/gen/code_table.awk
	@mkdir -p $(@D)
	@awk -v output=c -f core/gen/code_table.awk $< >$@

$(GEN)/region_table.c: schemas/regions.tsv schemas/countries.tsv core/gen/region_table.awk
	@mkdir -p $(@D)
	@LC_ALL=C awk -f core/gen/region_table.awk schemas/regions.tsv schemas/countries.tsv >$@

$(GEN)/sql/code_table.sql: schemas/codes.tsv core/gen/code_table.awk
	@mkdir -p $(@D)
	@awk -v output=sql -f core/gen/code_table.awk $< >$@

$(GEN)/sql_embedded.c: $(SQL_PREREQUISITES) core/gen/sql_embedded.awk
	@mkdir -p $(@D)
	@awk -f core/gen/sql_embedded.awk $(SQL_MIGRATIONS) $(SQL_OTHERS) >$@

$(GEN)/schema_version.h: $(SQL_PREREQUISITES) core/gen/schema_version.sh
	@mkdir -p $(@D)
	@core/gen/schema_version.sh "$(lastword $(SQL_MIGRATIONS))" $(SQL_MIGRATIONS) $(SQL_OTHERS) >$@

# For the linter, which compiles with the same settings.
print-compile-flags:
	@echo $(compile_flags)

print-link-flags:
	@echo $(LDFLAGS) $(LDLIBS)

# Compiled. Headers are followed by -MMD; the Makefile counts as a source, for the settings in it.
compile_flags = $(CPPFLAGS) $(CFLAGS)
compile = $(CC) $(compile_flags) -MMD -MP -c -o $@ $<

$(OUT)/%.o: %.c Makefile | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	@echo "  cc    $@"
	@$(compile)

$(OUT)/gen/%.o: $(GEN)/%.c Makefile | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	@echo "  cc    $@"
	@$(compile)

$(OUT)/libcore.a: $(CORE_OBJECTS)
	@rm -f $@
	@ar rcs $@ $^

$(OUT)/librules.a: $(RULES_OBJECTS)
	@rm -f $@
	@ar rcs $@ $^

link = @mkdir -p $(@D) && echo "  link  $@" && $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDLIBS)

# What implements worker-next/store.h: tests and simulator have stores of their own.
WORKER_NEXT_STORE := $(OUT)/worker-next/store_% $(OUT)/worker-next/outcome_bytes.o

.SECONDEXPANSION:
$(BIN)/nianshen-%: $$(call objects,$$*) $(OUT)/librules.a $(OUT)/libcore.a
	$(link)

# Until the switch: the second edition's commands, in place of the files of the same name. They read state with the worker's store.
ops_next_objects = $(filter-out $(patsubst ops-next/%.c,$(OUT)/ops/%.o,$(wildcard ops-next/*.c)),$(call objects,ops)) $(call objects,ops-next) $(STORE_OBJECTS)
$(BIN)/nianshen-ops-next: $(ops_next_objects) $(OUT)/librules.a $(OUT)/libcore.a
	$(link)

$(OUT)/tests/test_opsnext_%: $(OUT)/tests/unit/test_opsnext_%.o $(OUT)/tests/unit/failing.o $(filter-out $(OUT)/ops-next/main.o,$(ops_next_objects)) $(OUT)/librules.a $(OUT)/libcore.a
	$(link) -lcmocka $(call wrapped,tests/unit/test_opsnext_$*.c)

# test_worker_loop links worker/'s objects, test_event none: the second word of the name decides.
tested_objects = $(if $(filter rules,$(word 2,$(subst _, ,$(1)))),$(OUT)/tests/rules/shelf.o)$(foreach p,$(filter producer worker ops,$(word 2,$(subst _, ,$(1)))),$(filter-out %/main.o,$(call objects,$(p)))) \
	$(if $(filter worker2,$(word 2,$(subst _, ,$(1)))),$(filter-out %/main.o $(WORKER_NEXT_STORE),$(call objects,worker-next)))
comma := ,
# What failing.c, the test itself or play.h if it includes that defines by FAILING stands between the tested code and the library's function.
wrapped = $(shell sed -nE 's/^FA(ILING|KED).[^,]*, ([A-Za-z0-9_]+),.*/-Wl,--wrap=\2/p' tests/unit/failing.c $(1) $$(grep -oE 'tests/unit/play2?[.]h' $(1))) $(patsubst %,-Wl$(comma)--wrap=%,abort _exit json_loadb)
$(OUT)/tests/test_store_%: $(OUT)/tests/unit/test_store_%.o $(OUT)/tests/unit/failing.o $(STORE_OBJECTS) $(OUT)/librules.a $(OUT)/libcore.a
	$(link) -lcmocka $(call wrapped,tests/unit/test_store_$*.c)
$(OUT)/tests/%: $(OUT)/tests/unit/%.o $(OUT)/tests/unit/failing.o $$(call tested_objects,$$*) $(OUT)/librules.a $(OUT)/libcore.a
	$(link) -lcmocka $(call wrapped,tests/unit/$*.c)

$(OUT)/targets/%: $(OUT)/tests/fuzz/%.o $$(filter-out $$(OUT)/producer/main.o,$$(call objects,producer)) $(OUT)/librules.a $(OUT)/libcore.a
	$(link)

# It has the engine's own store in miniature, and tells states as the simulator does.
$(OUT)/targets/fuzz_review: $(OUT)/tests/rules/shelf.o $(OUT)/tests/sim-next/dump.o

# The store by itself, for tests and benchmarks that have no worker.
$(OUT)/store/%: $(OUT)/tests/store/%.o $(STORE_OBJECTS) $(OUT)/librules.a $(OUT)/libcore.a
	$(link)

$(OUT)/orders/%: $(OUT)/tests/orders/%.o $(OUT)/librules.a $(OUT)/libcore.a
	$(link)

$(OUT)/rules/play: $(OUT)/tests/rules/play.o $(OUT)/tests/rules/shelf.o $(OUT)/librules.a $(OUT)/libcore.a
	$(link)

# crew.c holds the loop and stands in for the signals.
$(OUT)/sim: $(call objects,tests/sim) $(filter-out $(OUT)/worker/main.o $(OUT)/worker/loop.o $(OUT)/worker/signals.o,$(call objects,worker)) \
		$(OUT)/librules.a $(OUT)/libcore.a
	$(link)

# The same around the second edition's worker; and without one, with driver.c in its place.
SIM_NEXT := $(filter-out $(OUT)/tests/sim-next/crew.o $(OUT)/tests/sim-next/driver.o,$(call objects,tests/sim-next))
$(OUT)/sim-next: $(SIM_NEXT) $(OUT)/tests/sim-next/crew.o \
		$(filter-out %/main.o %/loop.o %/signals.o $(WORKER_NEXT_STORE),$(call objects,worker-next)) \
		$(OUT)/librules.a $(OUT)/libcore.a
	$(link)

$(OUT)/sim-store: $(SIM_NEXT) $(OUT)/tests/sim-next/driver.o $(OUT)/librules.a $(OUT)/libcore.a
	$(link)

$(OUT)/bench/%: $(OUT)/tests/bench/%.o $(OUT)/libcore.a
	$(link) -lm

# Python's packages are pinned with hashes; the venv is made again when the list changes.
build/venv/.ready: tests/requirements.txt
	@rm -rf build/venv
	@python3 -m venv build/venv
	@build/venv/bin/pip --quiet --disable-pip-version-check install --require-hashes -r tests/requirements.txt
	@touch $@

-include $(wildcard $(OUT)/*/*.d $(OUT)/*/*/*.d)
