"""The tables of the database, and how each version of them became the next."""

from __future__ import annotations

_SCHEMA = """
create table jobs (
    id text primary key,
    owner text not null,
    kind text not null,
    source text not null,
    destination text not null,
    options text not null,
    state text not null,
    priority integer not null,
    reason text,
    progress text not null,
    verified integer,
    created text not null,
    started text,
    finished text,
    attempt integer not null,
    revision integer not null
);
create index jobs_by_revision on jobs (revision);
create index jobs_by_state on jobs (state);

create table removed (id text primary key, owner text not null, revision integer not null);

create table files (
    job text not null references jobs (id) on delete cascade,
    path text not null,
    state text not null,
    size integer,
    digest text,
    verified integer,
    seconds real,
    error text,
    primary key (job, path)
) without rowid;

create table delivered (
    path text primary key,
    source text not null,
    size integer not null,
    mtime_ns integer not null,
    digest text,
    validators text not null
) without rowid;
create index delivered_by_source on delivered (source);

create table uploads (
    id text primary key,
    owner text not null,
    folder text not null,
    destination text not null,
    length integer,
    created real not null,
    expires real not null,
    state text not null,
    path text,
    metadata text not null
) without rowid;
create index uploads_by_expiry on uploads (state, expires);
"""

_UPLOADS_OF_ANY_LENGTH = """
alter table uploads add column explicit integer not null default 0;
alter table uploads add column concat text not null default '';
alter table uploads add column assembly text not null default '';
create index uploads_by_assembly on uploads (assembly) where assembly <> '';
create index uploads_by_owner on uploads (owner, state);
"""

_PACKS = """
alter table uploads add column files text;
create table upload_files (
    upload text not null references uploads (id) on delete cascade,
    number integer not null,
    state text not null,
    result text not null,
    primary key (upload, number)
) without rowid;
"""

_LONG_LISTS = """
create index jobs_by_owner on jobs (owner, created);
create index jobs_by_finish on jobs (finished) where finished is not null;
"""

_WHY_UNVERIFIED = """
alter table jobs add column unverified text;
alter table files add column unverified text;
"""

_SYNCS = """
alter table files add column action text;
alter table files add column trash text;
"""

_AMBIENT = """
alter table jobs add column ambient text not null default 'none';
update jobs set ambient = 'own' where owner = 'owner';
"""
"""The server's own jobs keep what they could; whether another person may run code is not known."""

MIGRATIONS = (
    _SCHEMA,
    _UPLOADS_OF_ANY_LENGTH,
    _PACKS,
    _WHY_UNVERIFIED,
    _LONG_LISTS,
    _SYNCS,
    _AMBIENT,
)
"""What makes each version of the schema out of the one before, the first out of nothing."""

SCHEMA_VERSION = len(MIGRATIONS)
