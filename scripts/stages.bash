# SPDX-License-Identifier: Apache-2.0
# What scripts/test and scripts/test-full share: stages that are timed, counted and remembered.
# A stage that fails never stops the next one; finish() tells the sum and sets the exit status.

passed=0
failed=0
failures=()
jobs=$(nproc)
started=$SECONDS

launcher=()
if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

# Leaks and undefined behaviour end a test; a report names the line.
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"

begin() { echo "=== $1"; stage_started=$SECONDS; }
end() { echo "--- $1: $2 ($((SECONDS - stage_started)) s)"; }

record_failure() {
    failed=$((failed + $2))
    failures+=("$1")
}

# build PRESET [TARGET...]: configures and builds; a failure counts as one.
build() {
    local preset=$1
    shift
    begin "$preset: build"
    if [[ ! -f build/$preset/build.ninja ]]; then
        rm -f "build/$preset/CMakeCache.txt"
    fi
    if ! cmake --preset "$preset" "${launcher[@]}" >"build/$preset.configure.log" 2>&1; then
        tail -n 30 "build/$preset.configure.log"
        record_failure "$preset: configure" 1
        end "$preset: build" "FAILED to configure"
        return 1
    fi
    local targets=()
    (($# == 0)) || targets=(--target "$@")
    # -k 0: one broken target does not hide the others, and what was built is tested.
    if ! cmake --build "build/$preset" -j "$jobs" "${targets[@]}" -- -k 0 >"build/$preset.build.log" 2>&1; then
        grep -E -A 2 'error:|undefined symbol|undefined reference' "build/$preset.build.log" | head -n 60 || true
        record_failure "$preset: build (build/$preset.build.log)" 1
        end "$preset: build" "FAILED"
        return 1
    fi
    end "$preset: build" ok
}

# run_tests PRESET LABELS: runs the ctests with one of the labels (a|b|c) and adds their counts.
run_tests() {
    local preset=$1 labels=$2 log="build/$1.test.log" summary bad total
    begin "$preset: tests ($labels)"
    ctest --test-dir "build/$preset" -L "^($labels)\$" -j "$jobs" --output-on-failure >"$log" 2>&1 || true
    summary=$(grep -E 'tests passed, [0-9]+ tests failed out of [0-9]+' "$log" || true)
    if [[ -z $summary ]]; then
        tail -n 5 "$log"
        record_failure "$preset: no test ran ($log)" 1
        end "$preset: tests" "FAILED, no test ran"
        return 0
    fi
    bad=$(sed -E 's/.* ([0-9]+) tests failed out of ([0-9]+).*/\1/' <<<"$summary")
    total=$(sed -E 's/.* ([0-9]+) tests failed out of ([0-9]+).*/\2/' <<<"$summary")
    passed=$((passed + total - bad))
    if ((bad > 0)); then
        sed -n '/The following tests FAILED/,$p' "$log"
        grep -E '\[  FAILED  \]|Failure$|ERROR: .*Sanitizer|WARNING: .*Sanitizer|seed=|DRAMA_SEED' "$log" | sort -u | head -n 60 || true
        record_failure "$preset: $bad of $total tests ($log)" "$bad"
    fi
    end "$preset: tests" "$((total - bad)) passed, $bad failed"
}

# run_one NAME LOG COMMAND...: one program whose exit status is one result.
run_one() {
    local name=$1 log=$2
    shift 2
    begin "$name"
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        tail -n 3 "$log"
        end "$name" ok
        return 0
    fi
    tail -n 40 "$log"
    record_failure "$name ($log)" 1
    end "$name" FAILED
    return 1
}

# simulate SECONDS: searches seeds with the release build, if it has the searcher.
simulate() {
    if [[ -x build/release/bin/sim_search ]]; then
        run_one "simulation: seeds for $1 s" build/sim_search.log build/release/bin/sim_search --seconds "$1"
    else
        echo "=== simulation: skipped, build/release/bin/sim_search is not there"
    fi
}

finish() {
    local failure
    for failure in "${failures[@]}"; do
        echo "FAILED $failure"
    done
    echo "all stages: $((SECONDS - started)) s"
    echo "$passed passed, $failed failed"
    ((failed == 0))
}
