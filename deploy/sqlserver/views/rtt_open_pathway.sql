-- RTT incomplete pathways: one row for each pathway that waits on the last day of the month.
--
-- Replace Waiting.RTT_Snapshot and Patient.Person, and the columns on the left of AS, by those of your warehouse. The
-- names on the right stay, and so does their order: the mapping goes by it.

CREATE OR ALTER VIEW evensum.rtt_open_pathway
AS
SELECT
    s.NHS_Number AS person,
    CONVERT(char(10), s.RTT_Period_Start_Date, 23) AS clock_start,
    CONVERT(char(10), p.Date_Of_Birth, 23) AS birth_date,
    p.LSOA11 AS lsoa,
    p.Ethnic_Category AS ethnic_category,
    p.Person_Stated_Gender_Code AS sex,
    s.Activity_Treatment_Function_Code AS treatment_function,
    s.Organisation_Identifier_Code_Of_Provider AS provider
FROM Waiting.RTT_Snapshot AS s
CROSS JOIN evensum.reporting_month AS m
LEFT JOIN Patient.Person AS p ON p.NHS_Number = s.NHS_Number
WHERE s.Snapshot_Date = m.last_day
    -- Incomplete at that day: begun, and not stopped until then.
    AND s.RTT_Period_Start_Date <= m.last_day
    AND (s.RTT_Period_End_Date IS NULL OR s.RTT_Period_End_Date > m.last_day);
GO
