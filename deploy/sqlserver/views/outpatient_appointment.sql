-- Outpatient appointments: one row for each appointment whose date lies in the month, whatever became of it.
--
-- Replace Outpatients.Appointment and Patient.Person, and the columns on the left of AS, by those of your warehouse. The
-- names on the right stay, and so does their order: the mapping goes by it.

CREATE OR ALTER VIEW evensum.outpatient_appointment
AS
SELECT
    a.NHS_Number AS person,
    CONVERT(char(10), a.Appointment_Date, 23) AS appointment_date,
    -- The national code: 5 6 seen, 7 3 not, 2 4 cancelled, 0 not yet due.
    a.Attended_Or_Did_Not_Attend_Code AS attendance,
    CONVERT(char(10), p.Date_Of_Birth, 23) AS birth_date,
    p.LSOA11 AS lsoa,
    p.Ethnic_Category AS ethnic_category,
    p.Person_Stated_Gender_Code AS sex,
    a.Activity_Treatment_Function_Code AS treatment_function,
    a.Organisation_Code_Provider AS provider
FROM Outpatients.Appointment AS a
CROSS JOIN evensum.reporting_month AS m
LEFT JOIN Patient.Person AS p ON p.NHS_Number = a.NHS_Number
WHERE a.Appointment_Date >= m.first_day
    AND a.Appointment_Date < m.first_day_after;
GO
