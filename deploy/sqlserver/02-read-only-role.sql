-- A role that reads the node's views and can do nothing else. The tables under the views need no rights: schema evensum
-- and the tables have one owner (dbo), and SQL Server then asks for rights to the view alone.
--
-- Replace TRUST\svc-evensum by the account that runs the export. A group managed service account is best: it has no
-- password that anybody knows.

IF SUSER_ID(N'TRUST\svc-evensum') IS NULL
    CREATE LOGIN [TRUST\svc-evensum] FROM WINDOWS;
GO
IF USER_ID(N'TRUST\svc-evensum') IS NULL
    CREATE USER [TRUST\svc-evensum] FOR LOGIN [TRUST\svc-evensum];
GO
IF DATABASE_PRINCIPAL_ID(N'evensum_reader') IS NULL
    CREATE ROLE evensum_reader AUTHORIZATION dbo;
GO
GRANT SELECT ON SCHEMA::evensum TO evensum_reader;
-- A refusal outranks whatever the account is granted elsewhere in the database.
DENY INSERT, UPDATE, DELETE, EXECUTE, ALTER TO evensum_reader;
ALTER ROLE evensum_reader ADD MEMBER [TRUST\svc-evensum];
GO

-- What the account can do now: SELECT and CONNECT should be all.
EXECUTE AS USER = N'TRUST\svc-evensum';
SELECT entity_name, permission_name FROM fn_my_permissions(NULL, N'DATABASE');
SELECT entity_name, permission_name FROM fn_my_permissions(N'evensum', N'SCHEMA');
REVERT;
GO
