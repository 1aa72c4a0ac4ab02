"""Cases planted by check_style --self-test: files, and a part of their one fault (None: clean)."""
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
OPENING = SPDX + "// Says what it is.\n"
MARK = "TO" + "DO"


def header(code, path="drama/io/a.hpp"):
    return {path: OPENING + "#pragma once\n" + code + "\n"}


def source(code, path="drama/io/a.cpp"):
    return {path: OPENING + code + "\n"}


def function(lines, head="int f()"):
    return f"namespace x {{\n{head} {{\n" + "g();\n" * (lines - 2) + "}\n}\n"


def units(count, folder="drama/io/"):
    ends = (".cpp", "_test.cpp", "_bench.cpp")
    return {f"{folder}u{i}{end}": OPENING for i in range(count) for end in ends}


SIX = "int a, b<c, d> e, int f, int g, int h = 1, int i"
FIVE = "int a, b<c, d> e, int (*f)(int, int), int g = max(1, 2), int h"
TEMPLATE = "template <class T>\n  requires y<T>\nauto f(T x) -> int"
TYPES = "template <class T = int, class U, class V, class W, class X, class Y>"
PLANTS = [
    (header("struct a {};"), None),
    ({"drama/io/a.hpp": "// Says what.\n// More.\n#pragma once\n"}, "first line must be"),
    ({"drama/io/a.hpp": SPDX + "#pragma once\n"}, "say in 1-5 lines"),
    ({"drama/io/a.cpp": SPDX + "#include <x>\n"}, "say in 1-5 lines"),
    (header("") | {f"drama/io/a{end}.cpp": SPDX + "int x;\n" for end in ("", "_test")}, None),
    ({"drama/io/a.hpp": OPENING + "int x;\n"}, "#pragma once"),
    (source("// " + "x" * 97), None),
    (source("// " + "x" * 98), "101 columns"),
    (source("\n" * 597), "warning: "),
    (source("\n" * 598), "at most 600"),
    (source("\n" * 797, "drama/io/a_test.cpp"), None),
    (source("\n" * 798, "drama/io/a_test.cpp"), "at most 800"),
    ({"tools/a.py": "\n" * 151}, "at most 150"),
    (source(function(60)), None),
    (source(function(61)), "function of 61 lines"),
    (source(function(61, "a::a(int x) noexcept : x_{x}, y_(2)")), "function of 61"),
    (source(function(58, TEMPLATE)), None),
    (source(function(59, TEMPLATE)), "function of 61 lines"),
    (source(function(61, "TEST(Suite, Name)"), "drama/io/a_test.cpp"), "function of 61 lines"),
    (source(function(90, "class f")), None),
    (source(function(90, "constexpr int f[] =").replace("g();", "1,")), None),
    (source("struct s {\n" + function(61, "bool operator==(const s&) const") + "};"),
     "function of 61 lines"),
    (source(f"int f({FIVE}) {{ return 0; }}"), None),
    (source(f"int f({SIX}) {{ return 0; }}"), "6 parameters"),
    (header(f"class DRAMA_API k {{\n public:\n  explicit(true) k({SIX}) noexcept;\n}};"),
     "6 parameters"),
    (header(f"{TYPES}\nvoid f({FIVE});"), None),
    (header(f"{TYPES}\nvoid f({SIX});"), "6 parameters"),
    (header(f"struct s {{ int operator()({SIX}) const = 0; }};"), "6 parameters"),
    (header("inline const auto x = f(1, 2, 3, 4, 5, 6);"), None),
    (source("void f() { g(1, 2, 3, 4, 5, 6, 7); }"), None),
    (units(12), None),
    (units(13), "13 units"),
    (units(13, "tests/scenarios/"), None),
    (source("auto t = std::chrono::steady_clock::now();"), "clock other"),
    (source("auto t = clock_gettime(CLOCK_REALTIME, &x);"), "clock other"),
    (source("auto t = std::chrono::steady_clock::now();", "drama/base/clock.cpp"), None),
    (source("auto t = clock.now() + world.now();  // not steady_clock::now()"), None),
    (source("std::random_device d;"), "unseeded"),
    (source("auto r = std::rand();"), "unseeded"),
    (source("std::thread t(f);"), "thread starter"),
    (source("std::thread::id t = std::this_thread::get_id();"), None),
    (source("std::thread t(f);", "drama/runtime/thread_starter.cpp"), None),
    (source("std::thread t(f);", "drama/io/a_test.cpp"), None),
    (header("std::thread t(f);", "drama/io/a_harness.hpp"), None),
    (source("auto e = std::getenv(\"X\");"), "environment"),
    (source("auto e = std::getenv(\"DRAMA_SEED\");", "drama/io/a_test.cpp"), None),
    (source("std::this_thread::sleep_for(1ms);", "drama/io/a_test.cpp"), "a sleep"),
    (source("auto r = sleep_for(1ms);", "drama/io/a_test.cpp"), None),
    (source("#define TRY(x) x"), "macro TRY"),
    (source("#if X\n#  define DRAMA_TRY(x) x\n#endif"), None),
    (source(f"// {MARK}: later"), MARK),
    ({"scripts/run": f"# {MARK.lower()} list\n"}, None),
    ({"scripts/run": "# a " + "place" + "holder\n"}, "finish it"),
    (source("", "drama/io/runQueue.cpp"), "not snake_case"),
    (source("", "drama/IO/a.cpp"), "not snake_case"),
    ({"drama/io/CMakeLists.txt": ""}, None),
]
