//! Whether a PostgreSQL role can only read. A role that may write is refused before a row is read: a mistake here must
//! not be able to change a partner's records.

use sqlx::PgConnection;

use super::postgres::{SqlError, meaning};

/// Ways to write that an error names.
const MAX_NAMED: i64 = 5;

/// What the roles that this login may act as can change: attributes, memberships, the database, its schemas and its
/// tables, views and sequences outside the system's own schemas.
const FINDINGS: &str = "
WITH mine AS (
  SELECT * FROM pg_catalog.pg_roles AS r
  WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER') OR pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')
), here AS (
  SELECT * FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
), rooms AS (
  SELECT * FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), found AS (
  SELECT 1 AS rank, 'it is a superuser' AS what FROM mine WHERE rolsuper
  UNION SELECT 2, 'it may make roles' FROM mine WHERE rolcreaterole
  UNION SELECT 2, 'it may make databases' FROM mine WHERE rolcreatedb
  UNION SELECT 2, 'it may replicate the server' FROM mine WHERE rolreplication
  UNION SELECT 3, 'it is a member of ' || rolname FROM mine
    WHERE rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program')
  UNION SELECT 4, 'it may make schemas in the database' FROM here
    WHERE EXISTS (SELECT FROM mine WHERE pg_catalog.has_database_privilege(mine.oid, here.oid, 'CREATE'))
  UNION SELECT 5, 'it may make tables in the schema ' || nspname FROM rooms
    WHERE EXISTS (SELECT FROM mine WHERE pg_catalog.has_schema_privilege(mine.oid, rooms.oid, 'CREATE'))
  UNION SELECT 6, 'it may change ' || rooms.nspname || '.' || c.relname
    FROM pg_catalog.pg_class AS c JOIN rooms ON rooms.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND EXISTS (SELECT FROM mine WHERE
      c.relowner = mine.oid
      OR pg_catalog.has_table_privilege(mine.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
      OR pg_catalog.has_any_column_privilege(mine.oid, c.oid, 'INSERT, UPDATE'))
  UNION SELECT 6, 'it may change ' || rooms.nspname || '.' || c.relname
    FROM pg_catalog.pg_class AS c JOIN rooms ON rooms.oid = c.relnamespace
    WHERE c.relkind = 'S' AND EXISTS (SELECT FROM mine WHERE
      c.relowner = mine.oid OR pg_catalog.has_sequence_privilege(mine.oid, c.oid, 'UPDATE'))
)
SELECT what FROM found ORDER BY rank, what LIMIT $1";

/// Refuses a role that may write.
pub(super) async fn reads_only(connection: &mut PgConnection) -> Result<(), SqlError> {
    let ways: Vec<String> = sqlx::query_scalar(FINDINGS)
        .bind(MAX_NAMED)
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(|e| meaning(&e))?;
    if ways.is_empty() {
        return Ok(());
    }
    let role: String = sqlx::query_scalar("SELECT session_user::text")
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| meaning(&e))?;
    Err(SqlError::Writable { role, ways })
}
