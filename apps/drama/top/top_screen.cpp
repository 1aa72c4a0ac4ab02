// SPDX-License-Identifier: Apache-2.0
#include "top/top_screen.hpp"

#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>

#include <curses.h>

namespace drama::cli {
namespace {

SCREEN* screen = nullptr;

void put(int line, const std::string& text, attr_t how = A_NORMAL) {
    ::attrset(static_cast<int>(how));
    ::mvaddnstr(line, 0, text.c_str(), std::max(0, COLS));
    ::attrset(A_NORMAL);
}

}  // namespace

top_screen::top_screen() {
    std::setlocale(LC_ALL, "");
    // Not initscr(): that ends the program where TERM is unknown.
    screen = ::isatty(STDOUT_FILENO) != 0 ? ::newterm(nullptr, stdout, stdin) : nullptr;
    is_open_ = screen != nullptr;
    if (is_open_) {
        ::cbreak();
        ::noecho();
        ::keypad(stdscr, TRUE);
        ::curs_set(0);
    }
}

top_screen::~top_screen() {
    if (is_open_) {
        ::endwin();
        ::delscreen(screen);
        screen = nullptr;
    }
}

void top_screen::draw(const top_view& view, const std::string& note) {
    ::erase();
    int line = 0;
    for (const std::string& each : view.head()) {
        put(line, each, line == 0 ? A_BOLD : A_NORMAL);
        ++line;
    }
    put(line++, view.titles(), A_REVERSE);
    for (const tenant_row& row : view.rows) {
        if (line >= LINES - 1) {
            break;
        }
        put(line++, top_view::line_of(row));
    }
    put(LINES - 1, note, A_REVERSE);
    ::refresh();
}

int top_screen::wait_key(std::chrono::milliseconds longest) {
    ::timeout(static_cast<int>(std::max<std::int64_t>(0, longest.count())));
    const int key = ::getch();
    return key == ERR ? 0 : key;
}

}  // namespace drama::cli
