# SPDX-License-Identifier: BSD-2-Clause
# The front door. Everything is built by Meson in build/; the rest are names for what people do.

BUILD := build
MESON := meson
NINJA := ninja -C $(BUILD)

.PHONY: all setup check demo soak install clean
all: $(BUILD)/build.ninja
	@$(NINJA)

$(BUILD)/build.ninja:
	@scripts/setup --check
	@$(MESON) setup $(BUILD)

# Debian packages and a kernel; says what it does, does nothing when nothing is missing.
setup:
	@scripts/setup

