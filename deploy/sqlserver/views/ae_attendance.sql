-- Emergency care attendances: one row for each attendance whose arrival lies in the month.
--
-- Replace Emergency.Attendance and Patient.Person, and the columns on the left of AS, by those of your warehouse. The
-- names on the right stay, and so does their order: the mapping goes by it.

CREATE OR ALTER VIEW evensum.ae_attendance
AS
SELECT
    a.NHS_Number AS person,
    -- Style 126 writes 2026-10-05T14:05:00.
    CONVERT(varchar(23), a.Arrival_Date_Time, 126) AS arrival,
    CONVERT(varchar(23), a.Departure_Date_Time, 126) AS departure,
    -- The discharge statuses of the Emergency Care Data Set that mean leaving before treatment. Check them against the
    -- list that your department uses.
    CASE
        WHEN a.Discharge_Status_SNOMED IN ('1066301000000103', '1066311000000101') THEN 'Y'
        WHEN a.Discharge_Status_SNOMED IS NOT NULL THEN 'N'
    END AS left_before_treatment,
    a.Department_Type AS department,
    CONVERT(char(10), p.Date_Of_Birth, 23) AS birth_date,
    p.LSOA11 AS lsoa,
    p.Ethnic_Category AS ethnic_category,
    p.Person_Stated_Gender_Code AS sex,
    a.Organisation_Code_Provider AS provider
FROM Emergency.Attendance AS a
CROSS JOIN evensum.reporting_month AS m
LEFT JOIN Patient.Person AS p ON p.NHS_Number = a.NHS_Number
WHERE a.Arrival_Date_Time >= m.first_day
    AND a.Arrival_Date_Time < m.first_day_after;
GO
