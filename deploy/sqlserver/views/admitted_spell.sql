-- Admissions to hospital: one row for each hospital provider spell that began in the month.
--
-- Replace Inpatients.Spell and Patient.Person, and the columns on the left of AS, by those of your warehouse. The names on
-- the right stay, and so does their order: the mapping goes by it.

CREATE OR ALTER VIEW evensum.admitted_spell
AS
SELECT
    s.NHS_Number AS person,
    CONVERT(char(10), s.Admission_Date, 23) AS start_date_hospital_provider_spell,
    s.Admission_Method_Code AS admission_method_code_hospital_provider_spell,
    s.Patient_Classification_Code AS patient_classification_code,
    s.Age_On_Admission AS age_at_cds_activity_date,
    -- Days; blank while the person is still there.
    DATEDIFF(day, s.Admission_Date, s.Discharge_Date) AS length_of_stay,
    CONVERT(char(10), p.Date_Of_Birth, 23) AS birth_date,
    p.LSOA11 AS lsoa,
    p.Ethnic_Category AS ethnic_category,
    p.Person_Stated_Gender_Code AS sex,
    s.Activity_Treatment_Function_Code AS treatment_function,
    s.Organisation_Code_Provider AS provider
FROM Inpatients.Spell AS s
CROSS JOIN evensum.reporting_month AS m
LEFT JOIN Patient.Person AS p ON p.NHS_Number = s.NHS_Number
WHERE s.Admission_Date >= m.first_day
    AND s.Admission_Date < m.first_day_after;
GO
