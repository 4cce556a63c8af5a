# Bodega. `make help` lists what can be done.
# Two build flavours live side by side: build/release, and build/san (ASan and
# UBSan), which every test uses.

MAKEFLAGS += --no-print-directory
Q := $(if $(V),,@)# V=1 shows the commands
FLAVOUR ?= release
ifeq ($(FLAVOUR),san)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
       -fno-sanitize-recover=all
else
OPT := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif

# One version for programs, images and chart.
VERSION := $(shell sed -n 's/^appVersion: *"\{0,1\}\([^"]*\)"\{0,1\}$$/\1/p' \
             charts/bodega/Chart.yaml)
OUT ?= build/$(FLAVOUR)
ifeq ($(FLAVOUR),fuzz)
# libFuzzer is clang's; its warnings are not the house's.
CC := clang-14
OPT := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
       -fno-sanitize-recover=all
endif
WARN := -std=gnu17 -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
        -Wmissing-prototypes -Wvla -Werror -Wformat=2 -Wsign-conversion \
        -Wimplicit-fallthrough -Wtrampolines -Wbidi-chars=any \
        -Werror=format-security -Werror=implicit \
        -Werror=incompatible-pointer-types -Werror=int-conversion
HARDEN := -fstack-clash-protection -fstack-protector-strong \
          -fcf-protection=full -ftrivial-auto-var-init=zero \
          -fno-delete-null-pointer-checks -fno-strict-overflow \
          -fno-strict-aliasing -fexceptions -fPIE
CFLAGS := $(WARN) $(HARDEN) $(OPT) -Icommon -Ifunctions -I/usr/include/cjson \
          -I/usr/include/postgresql -include base/banned.h -MMD -MP \
          -ffunction-sections -fdata-sections \
          -ffile-prefix-map=$(CURDIR)=. -DBODEGA_VERSION='"$(VERSION)"' \
          $(EXTRA_CFLAGS)
ifeq ($(FLAVOUR),fuzz)
CFLAGS := $(filter-out $(WARN) $(HARDEN),$(CFLAGS)) -std=gnu17 -fPIE
endif
LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen,-z,separate-code \
           -Wl,--as-needed -Wl,--no-copy-dt-needed-entries -Wl,--gc-sections
# Linked in: small and needed by every function. libpq, libcurl, libnats and
# librdkafka are opened on first use instead (common/doc/0003).
LDLIBS := -Wl,-Bstatic -luv_a -lhiredis -lsodium -Wl,-Bdynamic -lcjson \
          -lpthread -ldl

FUNCTIONS := $(sort $(basename $(notdir $(foreach d,$(wildcard functions/*),\
               $(wildcard $d/$(notdir $d).c)))))
COMMON_SRC := $(filter-out %_test.c,$(wildcard common/*/*.c))
CLIENT_SRC := $(wildcard functions/*/*_client.c)
C_FILES := $(wildcard common/*/*.c functions/*/*.c tests/*/*.c)
UNIT_SRC := $(wildcard common/*/*_test.c functions/*/*_test.c)

obj = $(patsubst %.c,$(OUT)/obj/%.o,$1)
fn_src = $(filter-out %_test.c %_client.c,$(wildcard functions/$1/*.c))

LIB := $(OUT)/libbodega.a
CLIENTS := $(OUT)/libclients.a
BINS := $(FUNCTIONS:%=$(OUT)/bin/%)
UNITS := $(UNIT_SRC:%.c=$(OUT)/unit/%)

LOCAL := common/local/local.sh
FN_NAME = $(if $(FN),$(FN),$(error say which one: FN=name))
export FLAVOUR OUT
# Where Debian puts servers; not every user looks there.
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: kind-up all build units fuzzers up down status logs test check dev new gen lint fmt \
        bench help clean packages
.DEFAULT_GOAL := help
.SECONDARY: # keep objects, so that a rebuild is quick
all: build
build: $(BINS) ## compile every function
	@:
units: $(UNITS)
	@:

$(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo '  cc    $<'
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(LIB): $(call obj,$(COMMON_SRC))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(CLIENTS): $(call obj,$(CLIENT_SRC))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

define fn_rule
$(OUT)/bin/$1: $(call obj,$(call fn_src,$1)) $(CLIENTS) $(LIB)
	@mkdir -p $$(@D)
	@echo '  link  $$@'
	$(Q)$(CC) $(OPT) $(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(CLIENTS) $(LIB) $(LDLIBS)
endef
$(foreach f,$(FUNCTIONS),$(eval $(call fn_rule,$f)))

# A unit test may include the .c it tests; it links the library for the rest.
# Nothing refers to a test by name, so sections must not be collected here.
$(OUT)/unit/%: $(OUT)/obj/%.o $(CLIENTS) $(LIB)
	@mkdir -p $(@D)
	@echo '  link  $@'
	$(Q)$(CC) $(OPT) $(LDFLAGS) -Wl,--no-gc-sections -o $@ $< $(CLIENTS) $(LIB) \
	  $(LDLIBS) -lcriterion

$(OUT)/fuzz/%: $(OUT)/obj/tests/fuzz/%.o $(CLIENTS) $(LIB)
	@mkdir -p $(@D)
	@echo '  link  $@'
	$(Q)$(CC) $(OPT) -fsanitize=fuzzer $(LDFLAGS) -o $@ $(filter %.o,$^) \
	  $(CLIENTS) $(LIB) $(LDLIBS)
$(OUT)/fuzz/webhook: $(call obj,functions/payment/payment_signature.c)
fuzzers: $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard tests/fuzz/*.c))

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)

# ---- running it ---------------------------------------------------------
packages:
	@common/local/packages.sh run $(filter kafka,$(BUS))

up: packages ## start the whole shop here (BUS=kafka for Kafka instead of NATS)
	@$(MAKE) -j2 build
	@$(LOCAL) up

down: ## stop the shop and leave nothing behind
	@$(LOCAL) down

status: ## function, pid, memory, requests, last error
	@$(LOCAL) status

logs: ## follow a log: make logs FN=order
	@$(LOCAL) logs $(FN_NAME)

dev: ## rebuild and restart one function at every save: make dev FN=cart
	@common/local/dev.sh $(FN_NAME)

# ---- testing it ---------------------------------------------------------
test: ## everything, ends with "N passed, N failed" (ONLY="unit lint" for some)
	@common/local/packages.sh run test kafka
	@python3 tests/run.py $(ONLY)

check: ## one function's unit tests: make check FN=cart
	@python3 tests/run.py --unit $(FN_NAME)

bench: ## measure against the peers, print what goes to loadtest/RESULTS.md
	@loadtest/bench.sh

.PHONY: images
images: ## container images and their sizes (FN=name for one, CHECK=1 twice)
	@k8s/images.sh $(if $(CHECK),check) $(FN)

.PHONY: e2e e2e-local
e2e: ## against the cluster of KUBECONFIG (E2E="--values FILE ..." for more)
	@python3 tests/cluster/e2e.py $(E2E)

e2e-local: ## the same on a Kubernetes of its own, as root; takes all down again
	@E2E="$(E2E)" tests/cluster/local.sh

# ---- writing it ---------------------------------------------------------
kind-up: ## a kind cluster with Knative, KEDA and the shop (needs Docker, kind)
	@k8s/kind-up.sh

new: ## a new function from the template: make new FN=wishlist
	@common/gen/new.sh $(FN_NAME)

gen: build ## write what follows from the functions' tables
	@python3 common/gen/gen.py $(OUT)/bin

lint: ## house rules: layers, budgets, banned calls, format
	@python3 common/gen/lint.py

fmt: ## format the C sources
	clang-format-14 -i $(C_FILES)

clean: ## remove what was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
