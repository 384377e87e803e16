# SPDX-License-Identifier: BSD-2-Clause
# The front door. Meson builds everything in build/; these are names for what people do.

BUILD := build
KTSTR := $(BUILD)/src/cli/ktstr
SUBMAKE := @$(MAKE) --no-print-directory

.PHONY: all setup check demo soak install clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

# Names what is missing instead of installing it: that is for `make setup`.
$(BUILD)/build.ninja:
	@scripts/setup --check
	@meson setup $(BUILD)

# The packages, the programs, and a kernel to test with. Does nothing when nothing is missing.
setup:
	@scripts/setup
	@[ ! -e $(BUILD)/build.ninja ] || [ -e $(BUILD)/tools/ktstr-jemalloc-alloc-worker ] || \
		meson setup --reconfigure $(BUILD) >/dev/null
	$(SUBMAKE) all
	@$(KTSTR) kernel fetch --if-missing >/dev/null
	@scripts/scx-schedulers >/dev/null || echo "setup: tests of real schedulers will be skipped" >&2

# Both compilers, the unit tests under the sanitizers, the installed package, the jemalloc probe and
# ctprof on this host, and real guests.
check: setup
	@scripts/check unit install probe ctprof vm

# The large matrices, which take too long for `check`.
soak: setup
	@scripts/check soak

demo: setup
	@KTSTR_SCHEDULER=$(CURDIR)/$(BUILD)/tools/scx-ktstr $(KTSTR) test $(BUILD)/tests/vm/demo

# `make install PREFIX=/opt/ktstr` installs elsewhere than /usr/local; DESTDIR stages.
install: all
	@$(if $(PREFIX),meson configure $(BUILD) -Dprefix=$(PREFIX))
	@meson install -C $(BUILD)

clean:
	rm -rf build build-asan build-clang
