-- The schema that the node's views live in, and the month that they show.
--
-- Run it in your warehouse's database, then the views in the folder views, then 02-read-only-role.sql.
-- Nothing here changes a table of yours.

IF SCHEMA_ID(N'evensum') IS NULL
    EXEC (N'CREATE SCHEMA evensum AUTHORIZATION dbo;');
GO

-- The month that every view shows: the one before today's. To load an earlier month again, put its first day here as
-- CONVERT(date, '20260901', 112), load it, and run this script once more.
CREATE OR ALTER VIEW evensum.reporting_month
AS
SELECT
    m.first_day AS first_day,
    EOMONTH(m.first_day) AS last_day,
    DATEADD(month, 1, m.first_day) AS first_day_after
FROM (SELECT DATEADD(day, 1, EOMONTH(GETDATE(), -2)) AS first_day) AS m;
GO
