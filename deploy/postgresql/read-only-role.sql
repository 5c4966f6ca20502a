-- A role for the node's loads: it reads the views of one schema and can do nothing else.
--
-- Run it as the owner of the database, with psql:
--   psql -v ON_ERROR_STOP=1 -d warehouse -f read-only-role.sql
-- then give the role its password, which psql does not keep:
--   \password evensum_reader
--
-- Replace the name of the schema if yours is another. Put views there that show what the node needs and nothing more.
-- The node checks the role before each load, and refuses one that may write anywhere in the database.

BEGIN;

-- No password here: until it has one, nobody logs in as this role where the server asks for passwords.
CREATE ROLE evensum_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT CONNECTION LIMIT 4;
ALTER ROLE evensum_reader SET default_transaction_read_only = on;
ALTER ROLE evensum_reader SET statement_timeout = '30min';
ALTER ROLE evensum_reader SET idle_in_transaction_session_timeout = '5min';

-- Up to PostgreSQL 14, everybody may make tables in the schema public.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS evensum;
GRANT USAGE ON SCHEMA evensum TO evensum_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA evensum TO evensum_reader;
-- Views that you make there later, as the role that runs this script.
ALTER DEFAULT PRIVILEGES IN SCHEMA evensum GRANT SELECT ON TABLES TO evensum_reader;

COMMIT;
