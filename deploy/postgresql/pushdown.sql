-- A PostgreSQL that counts for an Evensum node: run this once in its database, as a superuser.
--
-- evensum_loader makes a table for each published extract. `evensum node publish` and `evensum node push` use it, by the
-- address in the file that load_url names. evensum_counter counts. The server uses it, by the address in the file that url
-- names. It can read and nothing else: the node refuses a table that it could change.
--
-- These are not the role and schema of read-only-role.sql, by which a node loads an extract from the partner's own views:
-- evensum_reader never sees what is published, evensum_counter never sees the views.
--
-- Give both a password with \password, or let pg_hba.conf say how they prove who they are, over TLS.

CREATE ROLE evensum_loader LOGIN;
CREATE ROLE evensum_counter LOGIN;

CREATE SCHEMA evensum_extracts AUTHORIZATION evensum_loader;
GRANT USAGE ON SCHEMA evensum_extracts TO evensum_counter;
ALTER DEFAULT PRIVILEGES FOR ROLE evensum_loader IN SCHEMA evensum_extracts GRANT SELECT ON TABLES TO evensum_counter;

ALTER ROLE evensum_loader SET search_path = evensum_extracts;
ALTER ROLE evensum_counter SET search_path = evensum_extracts;
ALTER ROLE evensum_counter SET default_transaction_read_only = on;

-- What is then in the schema:
--
-- evensum_partition     one row for each extract: the name of its table, what it is, and a seal that only the node can make
-- ev_DATASET_PERIOD_STANDING_ID
--                       one row for each row of the extract: person (the rank of a pseudonym), a small number for each
--                       column, whose meaning is in evensum_partition, and a number for each measure. No identifier.
--
-- A table is made once and never changed. When an extract's time is over, drop its table and delete its row:
--   DROP TABLE evensum_extracts.ev_...; DELETE FROM evensum_extracts.evensum_partition WHERE name = 'ev_...';
