-- Rows spread over further servers. Run pushdown.sql in the database of each of them and of the first, then this in the
-- first, as a superuser. Write the hosts, and in the place of SET THIS the password that evensum_counter has there.
--
-- The node's configuration names each server and the address of its loader:
--
--   [[node.pushdown.shard]]
--   server = "one"
--   load_url = "one-load.url"
--
-- `evensum node publish` then writes each person's rows to one server, straight, and makes in the first a table of
-- foreign tables, a part for each server. Its statements group by that part, so that PostgreSQL 15 hands each of them to
-- every server whole and at once: EXPLAIN shows an Async Foreign Scan with an Aggregate for each. What comes back are
-- counts and sums by cell, with two exceptions. The ranks of the people with most rows of a cell come to the node, which
-- asks how many rows those have. And where an indicator needs the largest sum of one person, each server sums by cell and
-- person, and the first server takes the largest: these sums, without the rows behind them, travel between the servers.
--
-- Use the same number of servers, in the same order, for as long as an extract is in use. The servers' clocks and
-- encodings do not matter; that TLS is between them does.

CREATE EXTENSION IF NOT EXISTS postgres_fdw;

CREATE SERVER one FOREIGN DATA WRAPPER postgres_fdw
  OPTIONS (host 'one.example.nhs.uk', port '5432', dbname 'warehouse', async_capable 'true', fetch_size '10000');
CREATE SERVER two FOREIGN DATA WRAPPER postgres_fdw
  OPTIONS (host 'two.example.nhs.uk', port '5432', dbname 'warehouse', async_capable 'true', fetch_size '10000');

GRANT USAGE ON FOREIGN SERVER one, two TO evensum_loader;

CREATE USER MAPPING FOR evensum_counter SERVER one OPTIONS (user 'evensum_counter', password 'SET THIS');
CREATE USER MAPPING FOR evensum_counter SERVER two OPTIONS (user 'evensum_counter', password 'SET THIS');
