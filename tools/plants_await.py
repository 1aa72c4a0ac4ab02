"""Cases planted by check_await --self-test: code, and a part of its one fault (None: legal)."""


def body(code):
    return {"drama/io/a.cpp": "task<int> f(int x) {\n" + code + "\n}\n"}


def unit(code):
    return {"drama/io/a.cpp": code}


def page(fence, code):
    return {"docs/a.md": f"Text with co_await.\n\n```{fence}\n{code}\n```\nif (co_await x)\n"}


LEGAL = [
    "co_await g();",
    "co_await g(1, h<int, 3>(2), [](int y) { return y + 1; });",
    "auto r = co_await g();",
    "const auto r = co_await g<int>(std::move(x));",
    "[[maybe_unused]] auto r = co_await g();",
    "std::vector<result<int>> r = co_await g();",
    "auto&& r = co_await g(a + b, c ? d : e, f == 1, q && t);",
    "if (auto r = co_await g(); !r) { co_return 1; }",
    "if (x) { co_await g(); } else { co_await h(); }",
    "if (x) co_return co_await g();",
    "else co_await g();",
    "for (auto r = co_await g(); auto& y : r) { use(y); }",
    "for (const auto& y : co_await g()) { use(y); }",
    "for (;;) { auto r = co_await g(); }",
    "switch (x) { case a::b: co_await g(); break; default: co_return co_await h(); }",
    "DRAMA_CO_TRY(auto r, co_await g(x, y));",
    "co_return co_await g();",
    "auto s = \"if (co_await g())\";  // if (co_await g())",
    "auto t = spawn([](int y) -> task<int> { auto r = co_await g(y); co_return r; }, 3);",
    "auto h = [&](int& y) { return y + x; }; co_await g();",
    "foo f{.a = 1, .b = {1, 2}}; co_await g(std::move(f));",
    "auto r = co_await g(1'000, 'x', \"{\");",
    "struct local { int a; int f() { return a; } }; co_await g();",
    "try { co_await g(); } catch (...) { x = 1; }",
    "auto r = co_await *g; auto s = co_await std::move(h)->get<a<b>>()[1];",
]
ILLEGAL = [
    ("if (co_await g()) { x = 1; }", "condition of if"),
    ("if (auto r = co_await g()) { x = 1; }", "condition of if"),
    ("if (auto r = h(); co_await r) { x = 1; }", "condition of if"),
    ("if (!co_await g()) { x = 1; }", "condition of if"),
    ("while (co_await g()) { x = 1; }", "condition of while"),
    ("while (auto r = co_await g()) { x = 1; }", "condition of while"),
    ("switch (co_await g()) { default: x = 1; }", "condition of switch"),
    ("for (int i = 0; i < co_await g(); ++i) { x = i; }", "expression or argument"),
    ("auto r = x ? co_await g() : 0;", "after"),
    ("auto r = co_await g() ? 1 : 2;", "operator"),
    ("auto r = co_await g() + 1;", "operator"),
    ("auto r = 1 + co_await g();", "after"),
    ("auto r = co_await g() == 1 &&\n    x;", "operator"),
    ("auto r = *co_await g();", "after"),
    ("r = co_await g();", "after"),
    ("a.b = co_await g();", "after"),
    ("auto [a, b] = co_await g();", "after"),
    ("auto r = (co_await g()).value();", "argument"),
    ("use(co_await g());", "argument"),
    ("auto r = co_await g(co_await h());", "argument"),
    ("EXPECT_TRUE(co_await g());", "argument"),
    ("auto r = a[co_await g()];", "initialiser list"),
    ("auto r{co_await g()};", "initialiser list"),
    ("auto r = pair{1, co_await g()};", "initialiser list"),
    ("std::array<int, 1> r = {co_await g()};", "initialiser list"),
    ("co_return T(co_await g());", "argument"),
    ("co_return T{co_await g()};", "initialiser list"),
    ("co_return 1 + co_await g();", "after"),
    ("DRAMA_CO_TRY(auto r, h(co_await g()));", "argument"),
    ("auto r = co_await g(foo{1, s});", "braced temporary"),
    ("auto r = co_await g({.a = 1});", "braced temporary"),
    ("co_await g([x](int y) { return x + y; });", "capturing lambda in"),
    ("co_await g(1,\n    [&] { use(x); });", "capturing lambda in"),
    ("DRAMA_CO_TRY(auto r, co_await g(foo{1}));", "braced temporary"),
    ("auto h = [x]() -> task<int> { co_return x; };", "capturing lambda: captures"),
    ("auto h = [&] { co_return; };", "capturing lambda: captures"),
    ("auto h = [](int& y) -> task<int> { co_return y; };", "'int& y' is a reference"),
]
FUNCTIONS = [
    (unit("task<int> f(const std::string& name) { co_return 1; }"), "is a reference"),
    (unit("auto f(int x) { return [x]() -> task<int> { co_return x; }; }"), "captures die"),
    (unit("auto f(int x) { return a[x]; }\ntask<int> g() { co_return 1; }"), None),
    (unit("template <class T = int, class... A>\ntask<T> f(T x, A&&... a) {\n  co_return x;\n}"),
     "'A&&... a'"),
    (unit("struct s {\n task<int> f(int a,\n   foo& b) const noexcept {\n co_return 1; } };"),
     "'foo& b'"),
    (unit("struct s { task<int> operator()(s& a) { if (x) { co_return 1; } } };"), "'s& a'"),
    (unit("task<int> f(std::function<void(int&)> g, span<a&> s, int m = 1 & 2) { co_return 1; }"),
     None),
    (unit("int f(int& x) { auto g = [](int y) -> task<int> { co_return y; }; return x; }"), None),
    (unit("s::s(int& a) : a_{a}, b_(2), c_{} { run([](int y) -> task<int> { co_return y; }); }"),
     None),
    (unit("task<int> s::f(int* p) requires good<int> { co_return co_await g(p); }"), None),
    (unit("TEST(Suite, Name) { run(f(1)); }\ntask<void> g() { co_await x; }"), None),
    (unit("#define TRY(x) if (co_await (x)) \\\n  use(x)\nint y;"), None),
    (page("cpp", "if (co_await x) {}"), "docs/a.md:4: co_await in the condition"),
    (page("cpp", "auto r = co_await x;"), None),
    (page("cpp wrong", "if (co_await x) {}"), None),
]
PLANTS = [(body(code), None) for code in LEGAL]
PLANTS += [(body(code), part) for code, part in ILLEGAL] + FUNCTIONS
