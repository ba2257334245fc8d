"""What belongs to tables is carried over, or the plan says that it is not."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg
import pytest

from migrations.plans import Plan
from tests.mariadb import MariaDatabase
from tests.migrating import Case, sqlite_file

MakeCase = Callable[[str], Case]


def test_schema_of_sqlite(make_case: MakeCase) -> None:
    """Keys, defaults, indexes and foreign keys of SQLite; and what it has that others have not."""
    case = make_case('')
    case.source = sqlite_file(
        case.folder,
        """
        CREATE TABLE a (id integer PRIMARY KEY AUTOINCREMENT, name varchar(9) DEFAULT 'x''y',
          b boolean DEFAULT 1, n int DEFAULT (abs(-3)), q text DEFAULT "word",
          at datetime DEFAULT CURRENT_TIMESTAMP, g int GENERATED ALWAYS AS (n * 2) STORED,
          UNIQUE (name, b), CHECK (n > 0));
        INSERT INTO a (id, name) VALUES (1, 'one'), (7, 'seven');
        DELETE FROM a WHERE id = 7;
        CREATE TABLE b (x text NOT NULL, y int, a_id int REFERENCES a ON DELETE CASCADE,
          gone int REFERENCES missing (id), PRIMARY KEY (x, y));
        INSERT INTO b VALUES ('k', NULL, 1, 5), ('k', NULL, 1, 6);
        CREATE TABLE c (a_id int REFERENCES a (id));
        INSERT INTO c VALUES (99);
        CREATE INDEX i ON b (y DESC, x);
        CREATE INDEX part ON b (y) WHERE y > 0;
        CREATE INDEX expression ON b (lower(x));
        CREATE UNIQUE INDEX folded ON b (x COLLATE NOCASE, a_id, gone);
        CREATE VIEW v AS SELECT 1;
        CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; END;
        """,
    )
    plan = case.plan()
    case.run(plan)
    case.execute("INSERT INTO a (q) VALUES ('new')")
    assert case.rows("SELECT id, name, b, n FROM a WHERE q = 'new'") == [(8, "x'y", True, None)]
    assert _constraints(case) == [
        ('a', 'a_name_b_key', 'UNIQUE (name, b)'),
        ('a', 'a_pkey', 'PRIMARY KEY (id)'),
        ('b', 'b_a_id_fkey', 'FOREIGN KEY (a_id) REFERENCES a(id) ON DELETE CASCADE'),
        ('b', 'b_x_y_key', 'UNIQUE (x, y)'),
        ('c', 'c_a_id_fkey', 'FOREIGN KEY (a_id) REFERENCES a(id) NOT VALID'),
    ]
    assert _indexes(case, 'b') == ['b_x_y_key', 'folded', 'i']
    assert _told(plan) >= {
        "view 'v' is not carried over",
        'its default abs(-3), which PostgreSQL has not alike',
        'its default "word", which PostgreSQL has not alike',
        'its expression: it becomes a plain column with its values',
        'its CHECK constraints, which are in the words of SQLite',
        'a column of its primary key has NULL: it becomes UNIQUE',
        "foreign key (gone): table 'missing' is not carried over",
        "1 rows refer to none in 'a': the key becomes NOT VALID",
        "index 'part': it is partial or of an expression",
        "index 'expression': it is partial or of an expression",
        "unique index 'folded' no longer ignores case",
        "trigger 't'",
    }


SCHEMA_OF_POSTGRES = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    """CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 10),
        s bigserial, m mood DEFAULT 'ok', t text COLLATE "C" NOT NULL DEFAULT 'x',
        g text GENERATED ALWAYS AS (t || '!') STORED, v int GENERATED ALWAYS AS (1 + 1) VIRTUAL,
        during int4range, PRIMARY KEY (id) INCLUDE (t), CHECK (t <> ''),
        EXCLUDE USING gist (during WITH &&), UNIQUE NULLS NOT DISTINCT (t))""",
    "INSERT INTO a (t) VALUES ('one'), ('two')",
    """CREATE TABLE b (id int PRIMARY KEY, c int)""",
    """CREATE TABLE c (id int PRIMARY KEY, b int REFERENCES b DEFERRABLE INITIALLY DEFERRED)""",
    'INSERT INTO b VALUES (1, 2)',
    'ALTER TABLE b ADD FOREIGN KEY (c) REFERENCES c NOT VALID',
    'CREATE INDEX expression ON a (lower(t) text_pattern_ops) INCLUDE (s) WHERE s > 0',
    'CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
    'CREATE TRIGGER shout BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION f()',
    'CREATE FUNCTION seven() RETURNS int LANGUAGE sql AS $$ SELECT 7 $$',
    'CREATE TABLE d (i int DEFAULT seven())',
    'CREATE VIEW v AS SELECT 1',
    "COMMENT ON TABLE d IS 'd'",
    'CREATE POLICY p ON d',
)


def test_schema_of_postgres(make_case: MakeCase, source_database: str) -> None:
    """All that PostgreSQL has around a table, in its own words."""
    with psycopg.connect(source_database) as source:
        for each in SCHEMA_OF_POSTGRES:
            source.execute(each.encode())
    case = make_case(source_database)
    plan = case.plan()
    case.run(plan)
    case.execute("INSERT INTO a (t) VALUES ('three')")
    assert case.rows("SELECT id, s, m::text, g, v FROM a WHERE t = 'three'") == [
        (25, 3, 'ok', 'three!', 2)
    ]
    assert [each[1:] for each in _constraints(case) if each[0] in ('a', 'b', 'c')] == [
        ('a_during_excl', 'EXCLUDE USING gist (during WITH &&)'),
        ('a_pkey', 'PRIMARY KEY (id) INCLUDE (t)'),
        ('a_t_check', "CHECK ((t <> ''::text))"),
        ('a_t_key', 'UNIQUE NULLS NOT DISTINCT (t)'),
        ('b_c_fkey', 'FOREIGN KEY (c) REFERENCES c(id) NOT VALID'),
        ('b_pkey', 'PRIMARY KEY (id)'),
        ('c_b_fkey', 'FOREIGN KEY (b) REFERENCES b(id) DEFERRABLE INITIALLY DEFERRED'),
        ('c_pkey', 'PRIMARY KEY (id)'),
    ]
    ((index,),) = case.rows("SELECT indexdef FROM pg_indexes WHERE indexname = 'expression'")
    assert index.endswith('(lower(t) text_pattern_ops) INCLUDE (s) WHERE (s > 0)')
    assert _told(plan) >= {
        'its collation: it is compared as the target does',
        'trigger shout',
        'view v',
        'its comment',
        'row security policy p',
        'its default seven(): function seven() does not exist',
    }


def test_schema_of_mariadb(make_case: MakeCase, maria: MariaDatabase) -> None:
    """Keys, defaults, indexes and foreign keys of MariaDB; and what it has that others have not."""
    maria.execute(
        *('DROP DATABASE source', 'CREATE DATABASE source CHARACTER SET utf8mb4', 'USE source'),
        """CREATE TABLE a (id bigint unsigned PRIMARY KEY AUTO_INCREMENT, name varchar(9)
          NOT NULL DEFAULT 'x''y', b tinyint(1) DEFAULT 1, e enum('p','q') DEFAULT 'q',
          at datetime DEFAULT current_timestamp() ON UPDATE current_timestamp(),
          f double DEFAULT (rand()), g int AS (b * 2) STORED, word text, UNIQUE KEY named (name),
          KEY start (word(3)), FULLTEXT KEY found (word), CHECK (b < 3)) COMMENT 'a'""",
        "INSERT INTO a (id, name) VALUES (1, 'one'), (7, 'seven')",
        'DELETE FROM a WHERE id = 7',
        """CREATE TABLE b (id int PRIMARY KEY, a_id bigint unsigned, KEY named (a_id DESC),
          FOREIGN KEY (a_id) REFERENCES a (id) ON DELETE SET NULL)""",
        'INSERT INTO b VALUES (1, 1)',
        'SET foreign_key_checks = 0',
        'INSERT INTO b VALUES (2, 99)',
        'CREATE VIEW v AS SELECT 1',
        'CREATE TRIGGER t BEFORE INSERT ON b FOR EACH ROW SET NEW.a_id = 1',
    )
    case = make_case(maria.url)
    plan = case.plan()
    case.run(plan)
    case.execute("INSERT INTO a (word) VALUES ('new')")
    assert case.rows("SELECT id, name, b, e FROM a WHERE word = 'new'") == [(8, "x'y", True, 'q')]
    assert _constraints(case) == [
        ('a', 'a_e_check', "CHECK ((e = ANY (ARRAY['p'::text, 'q'::text])))"),
        ('a', 'a_pkey', 'PRIMARY KEY (id)'),
        (
            'b',
            'b_ibfk_1',
            'FOREIGN KEY (a_id) REFERENCES a(id) ON UPDATE RESTRICT ON DELETE SET NULL NOT VALID',
        ),
        ('b', 'b_pkey', 'PRIMARY KEY (id)'),
    ]
    assert _indexes(case, 'a') == ['a_pkey', 'named']
    assert _indexes(case, 'b') == ['b_named', 'b_pkey']
    assert _told(plan) >= {
        "view 'v' is not carried over",
        "trigger 't'",
        'its comment',
        'its default rand(), which PostgreSQL has not alike',
        'its expression: it becomes a plain column with its values',
        "1 rows refer to none in 'a': 'b_ibfk_1' becomes NOT VALID",
        "index 'start': BTREE, of an expression or of beginnings of values",
        "index 'found': FULLTEXT, of an expression or of beginnings of values",
        "'named' no longer ignores case or accents",
    }


def test_extension_that_the_target_lacks(make_case: MakeCase, source_database: str) -> None:
    """A type of an extension becomes text where the target has it not, and the plan says so."""
    with psycopg.connect(source_database) as source:
        source.execute('CREATE EXTENSION vector')
        source.execute('CREATE TABLE t (v vector(2))')
        source.execute("INSERT INTO t VALUES ('[1,2.5]')")
    case = make_case(source_database)
    plan = case.plan()
    assert _told(plan) == {'type "vector" does not exist: it becomes text'}
    case.run(plan)
    assert case.rows('SELECT v FROM t') == [('[1,2.5]',)]


def test_plan_is_plain_data(make_case: MakeCase, source_database: str) -> None:
    """A plan is the same after it has been JSON."""
    with psycopg.connect(source_database) as source:
        for each in SCHEMA_OF_POSTGRES:
            source.execute(each.encode())
    plan = make_case(source_database).plan()
    assert Plan.of_data(json.loads(json.dumps(plan.as_data()))) == plan


@pytest.mark.parametrize('name', ['x' * 64, 'é' * 32])
def test_name_that_would_be_cut(make_case: MakeCase, name: str) -> None:
    """PostgreSQL would cut a name of more than 63 bytes silently: the plan refuses it."""
    case = make_case('')
    case.source = sqlite_file(case.folder, f'CREATE TABLE "{name}" (a); CREATE TABLE b ("{name}")')
    assert len(case.plan().refusals) == 2


def _constraints(case: Case) -> list[tuple[str, str, str]]:
    return case.rows("""
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2
    """)


def _indexes(case: Case, table: str) -> list[str]:
    found = case.rows(f"SELECT indexname FROM pg_indexes WHERE tablename = '{table}' ORDER BY 1")
    return [row[0] for row in found]


def _told(plan: Plan) -> set[str]:
    return {note.text for _, note in plan.told()}
