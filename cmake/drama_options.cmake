# Compiler flags of drama's own targets: warnings, sanitizers and what the two compilers need.
add_library(drama_options INTERFACE)
target_compile_features(drama_options INTERFACE cxx_std_23)
target_compile_options(drama_options INTERFACE -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-fcoroutines> $<$<CXX_COMPILER_ID:GNU>:-foptimize-sibling-calls>)

# Every source is built for coverage then, so that a fuzz target can steer into all that it calls.
option(DRAMA_FUZZ "Build the libFuzzer targets, x_fuzz.cpp (Clang only)" OFF)
if(DRAMA_FUZZ)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "DRAMA_FUZZ needs Clang")
    endif()
    target_compile_options(drama_options INTERFACE -fsanitize=fuzzer-no-link)
    add_custom_target(fuzz_targets)
endif()
if(DRAMA_SANITIZE)
    target_compile_options(drama_options INTERFACE -fsanitize=${DRAMA_SANITIZE} -fno-sanitize-recover=all)
    # It opens a pipe to see whether memory may be read, and takes a process that is at its limit of
    # descriptors for one with broken objects.
    target_compile_options(drama_options INTERFACE -fno-sanitize=vptr)
    target_link_options(drama_options INTERFACE -fsanitize=${DRAMA_SANITIZE})
endif()

# For tests that simulate: the code of a target that links this can be interrupted between any two
# of its accesses to memory (drama/sim/points), not only where it awaits.
add_library(drama_interleaved INTERFACE)
if(NOT DRAMA_SANITIZE)
    target_compile_options(drama_interleaved INTERFACE -fsanitize=thread
        $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan> $<$<CXX_COMPILER_ID:GNU>:--param=tsan-instrument-func-entry-exit=0>
        "$<$<CXX_COMPILER_ID:Clang>:SHELL:-mllvm -tsan-instrument-func-entry-exit=0>")
endif()

add_library(drama_warnings INTERFACE)
target_compile_options(drama_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # tools/check_await.py sees to it; users are told by drama/coro/task.hpp.
    target_compile_definitions(drama_warnings INTERFACE DRAMA_AWAIT_GRAMMAR)
endif()
if(DRAMA_WERROR)
    target_compile_options(drama_warnings INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_link_options(-fuse-ld=lld-19)
endif()

# The libraries' objects hold both machine code, which any linker takes, and what a link with
# -flto=thin -Wl,--fat-lto-objects optimizes across files: for the programs whose speed counts.
option(DRAMA_LTO "Optimize drama's own programs when they are linked (Clang only)" OFF)
add_library(drama_lto INTERFACE)
set(DRAMA_LTO_OBJECTS "")
if(DRAMA_LTO)
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "DRAMA_LTO needs Clang")
    endif()
    set(DRAMA_LTO_OBJECTS -flto=thin -ffat-lto-objects)
    target_compile_options(drama_lto INTERFACE -flto=thin)
    target_link_options(drama_lto INTERFACE -flto=thin -Wl,--fat-lto-objects
        -Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/lto-cache)
endif()
