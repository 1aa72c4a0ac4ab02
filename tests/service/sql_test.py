# SPDX-License-Identifier: Apache-2.0
"""/sql: a database for each tenant, bodies that count as one, limits, and what a kill leaves."""
import json
import os
import select
import shutil
import signal
import tempfile
import threading
import time
import unittest

import service

ENDLESS = "with recursive c(x) as (select 1 union all select x + 1 from c) "


class Sql(unittest.TestCase):
    IO = "auto"

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="drama_sql_")
        self.addCleanup(shutil.rmtree, self.folder)
        self.start()

    def start(self, *flags):
        self.server = service.Server("--data", self.folder + "/data", "--io", self.IO, *flags)
        self.addCleanup(self.server.__exit__)
        self.connection = self.server.connect()
        self.addCleanup(self.connection.__exit__)

    def restart(self, *flags, how=signal.SIGTERM):
        self.server.stop(how)
        self.start(*flags)

    def run_sql(self, statements, tenant="gold", query=""):
        return self.connection.ask("/sql" + query, "POST", statements.encode(),
                                   Drama_Tenant=tenant, Content_Length=str(len(statements.encode())))

    def rows(self, statements, tenant="gold"):
        answer = self.run_sql(statements, tenant)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["content-type"], "application/json")
        return json.loads(answer.body)

    def tenants(self):
        with self.server.connect(self.server.admin_port) as admin:
            return json.loads(admin.ask("/debug/tenants").body)["tenants"]

    def refuse(self, status, text, statements, query=""):
        answer = self.run_sql(statements, query=query)
        self.assertEqual((answer.status, answer.body.count(b"\n")), (status, 1), answer.body)
        self.assertIn(text, answer.body.decode())

    def test_values_come_back_as_what_they_are(self):
        made = self.rows("create table t(a integer primary key, b); insert into t(b) values "
                         "('x'), ('\u00e4\"\\'), (null), (1.5), (x'00ff'), (9e999), (-7)")
        self.assertEqual(made, {"results": [], "changes": 7})
        read = self.rows("select * from t; -- two results\n select count(*) n, 'z' from t")
        self.assertEqual(read["changes"], 0)
        self.assertEqual(read["results"], [
            {"columns": ["a", "b"], "rows": [[1, "x"], [2, "\u00e4\"\\"], [3, None], [4, 1.5],
                                             [5, {"hex": "00ff"}], [6, None], [7, -7]]},
            {"columns": ["n", "'z'"], "rows": [[7, "z"]]}])
        self.assertEqual(self.rows(""), {"results": [], "changes": 0})
        self.assertEqual(self.rows("select cast(x'ff41' as text)")["results"][0]["rows"],
                         [["\ufffdA"]])

    def test_a_body_counts_whole_or_not_at_all(self):
        self.rows("create table t(a integer primary key); insert into t values (1)")
        for status, text, statements in [
                (400, "UNIQUE", "insert into t values (2); insert into t values (1)"),
                (400, "UNIQUE", "insert into t values (2); insert or rollback into t values (1)"),
                (400, "syntax", "insert into t values (2); nonsense"),
                (400, "incomplete", "insert into t values (2); select ("),
                (400, "FOREIGN KEY", "create table u(a references t deferrable initially "
                                     "deferred); insert into u values (9)"),
                (400, "longer than 1 MiB", "insert into t values (2);" + ENDLESS +
                 "select x from c"),
                (504, "ran longer", "insert into t values (2);" + ENDLESS +
                 "select count(*) from c")]:
            self.refuse(status, text, statements, "?ms=300" if status == 504 else "?ms=60000")
            self.assertEqual(self.rows("select a from t")["results"][0]["rows"], [[1]])
            self.assertEqual(self.rows("select count(*) from sqlite_master")
                             ["results"][0]["rows"], [[1]])

    def test_what_is_the_servers_own_is_refused(self):
        for statements in ["begin", "commit", "rollback", "attach 'x' as y", "detach main",
                           "pragma journal_mode = off", "vacuum", "vacuum into 'x'",
                           "create temp table x(a)", "create temp view x as select 1",
                           "select load_extension('x')", "select readfile('/etc/passwd')"]:
            self.refuse(400, "", statements)
        self.refuse(400, "zero byte", "select 1\0")
        self.refuse(400, "ms:", "select 1", "?ms=0")
        self.refuse(400, "ms:", "select 1", "?ms=60001")
        self.assertEqual(self.connection.ask("/sql").status, 405)
        self.assertEqual(os.listdir(self.folder + "/data/sql"), ["t-gold"])

    def test_tenants_have_databases_of_their_own_however_many(self):
        tenants = ["t%d" % i for i in range(80)]  # more than are open at a time
        for tenant in tenants:
            self.rows("create table t(a); insert into t values ('%s')" % tenant, tenant)
        for tenant in tenants:
            self.assertEqual(self.rows("select a from t", tenant)["results"][0]["rows"],
                             [[tenant]])
        open_files = os.listdir("/proc/%d/fd" % self.server.process.pid)
        paths = [os.path.realpath("/proc/%d/fd/%s" % (self.server.process.pid, each))
                 for each in open_files]
        self.assertLessEqual(len([each for each in paths if each.endswith("main.db")]), 64)

    def test_no_more_are_open_than_may_be(self):
        self.restart("--sql-open", "4")
        busy = [self.server.connect() for _ in range(6)]
        text = (ENDLESS + "select count(*) from c").encode()
        for number, each in enumerate(busy):
            self.addCleanup(each.__exit__)
            each.send(service.request("/sql?ms=6000", "POST", text, Drama_Tenant="b%d" % number))
        # Two of them are told at once; the others hold their databases until their time is over.
        refused = []
        while len(refused) < 2:
            ready, _, _ = select.select([each.socket for each in busy if each not in refused],
                                        [], [], 5)
            self.assertTrue(ready, "nobody is refused")
            refused += [each for each in busy if each.socket in ready]
        answers = [each.read() for each in refused] + [self.run_sql("select 1", "newcomer")]
        for answer in answers:
            self.assertEqual((answer.status, answer.text),
                             (503, "too many databases are in use at once\n"))
        self.assertEqual({each.read().status for each in busy if each not in refused}, {504})
        self.rows("select 1", "another")

    def test_memory_has_a_bound(self):
        many = "with recursive c(x) as (select 1 union all select x + 1 from c limit 4000) "
        self.refuse(503, "memory", many + "select count(*), max(b) from (select randomblob(200000)"
                    " as b, x from c order by b)", "?ms=60000")
        self.rows("create table t(a)")

    def test_a_database_has_a_size(self):
        self.restart("--sql-mib", "1")
        self.rows("create table t(a)")
        self.refuse(507, "full", "insert into t values (zeroblob(600000)), (zeroblob(600000))")
        self.assertEqual(self.rows("insert into t values (zeroblob(600000))")["changes"], 1)
        self.assertLessEqual(os.path.getsize(self.folder + "/data/sql/t-gold/main.db"), 1 << 20)

    def test_statements_at_once_take_turns(self):
        self.rows("create table t(a integer); insert into t values (0)")

        def add():
            with self.server.connect() as connection:
                for _ in range(20):
                    answer = connection.ask("/sql", "POST", b"update t set a = a + 1",
                                            Drama_Tenant="gold", Content_Length="22")
                    self.assertEqual(answer.status, 200, answer.body)
        threads = [threading.Thread(target=add) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(self.rows("select a from t")["results"][0]["rows"], [[160]])

    def test_what_was_answered_survives_a_kill(self):
        self.rows("create table t(a integer primary key, b)")
        answered = 0
        for _ in range(3):
            stop = threading.Timer(0.15, self.server.process.kill)
            try:
                while True:
                    answer = self.run_sql("insert into t values (%d, zeroblob(20000));"
                                          "update t set b = zeroblob(19999)" % answered)
                    if answer.status != 200:
                        break
                    answered += 1
                    if stop.ident is None:
                        stop.start()  # the first answer may take long beside others
            except (OSError, EOFError, ValueError, IndexError):
                pass
            stop.join()
            self.restart(how=signal.SIGKILL)
            kept = self.rows("select count(*), max(a) from t")["results"][0]["rows"][0][0]
            self.assertIn(kept, (answered, answered + 1))
            answered = kept
            torn = self.rows("select count(*) from t where length(b) <> 19999")
            self.assertEqual(torn["results"][0]["rows"], [[0]], "half of a body is there")
        self.assertGreater(answered, 0)

    def test_what_is_no_database_is_an_error(self):
        self.rows("create table t(a)")
        self.server.stop()
        with open(self.folder + "/data/sql/t-gold/main.db", "wb") as broken:
            broken.write(b"this is no database, and long enough to be looked at. " * 100)
        self.start()
        self.refuse(500, "not a database", "select * from t")
        self.rows("create table t(a)", "iron")  # others go on

    def test_files_are_the_tenants_in_the_books(self):
        self.rows("create table t(a)")
        gold = next(each for each in self.tenants() if each["name"] == "gold")
        self.assertGreaterEqual(gold["operations"]["fdatasync"]["count"], 2)
        self.assertGreaterEqual(gold["operations"]["write_at"]["bytes"], 4096)
        self.assertEqual(gold["blocking_calls"], 1)


class SqlByThreads(Sql):
    IO = "epoll"


class NoFolder(unittest.TestCase):
    def test_without_a_folder_there_are_no_databases(self):
        with service.Server() as server, server.connect() as connection:
            self.assertEqual(connection.ask("/sql", "POST", b"select 1",
                                            Content_Length="8").status, 503)


if __name__ == "__main__":
    service.main()
