//! Names under which source systems hold the columns of a dataset, as seen in national extracts and in
//! local warehouses. Compared without case, spaces, hyphens and underscores. Only names that mean the column and
//! nothing else: a load takes them without asking.

use evensum_core::model::ImdEdition;

/// Synonyms of a dataset column, besides its own name.
pub(super) fn of(column: &str, edition: Option<ImdEdition>) -> &'static [&'static str] {
    let found = match column {
        // The areas must be of the census that the edition is published on.
        "lsoa" => match edition {
            Some(ImdEdition::Imd2025) => &[
                "lsoa_residence",
                "lsoa_code",
                "lsoa21",
                "lsoa21cd",
                "lsoa_2021",
                "lsoa_code_2021",
            ][..],
            _ => &[
                "lsoa_residence",
                "lsoa_code",
                "lsoa11",
                "lsoa11cd",
                "lsoa_2011",
                "lsoa_code_2011",
            ],
        },
        other => of_person(other),
    };
    let next = [
        of_group,
        of_place,
        of_area,
        of_event,
        of_date,
        of_code,
        of_clinical,
        of_characteristic,
        of_measure,
        of_yes_no,
    ];
    next.iter().fold(found, |found, table| if found.is_empty() { table(column) } else { found })
}

/// Synonyms of the columns that say who somebody is.
fn of_person(column: &str) -> &'static [&'static str] {
    match column {
        "person" => &[
            "nhs_number",
            "nhs_no",
            "pseudo_nhs_number",
            "der_pseudo_nhs_number",
            "nhs_number_pseudo",
            "pseudonymised_nhs_number",
            "person_id",
            "patient_id",
            "patient_identifier",
            "patient_key",
            "person_key",
            "local_patient_identifier",
            "local_patient_id",
            "local_patient_identifier_extended",
            "lpi",
            "hospital_number",
            "mrn",
            "token_person_id",
            "encrypted_hesid",
            "master_patient_id",
            "patient_pseudonym",
        ],
        "birth_date" => &[
            "date_of_birth",
            "dob",
            "person_birth_date",
            "patient_date_of_birth",
            "patient_dob",
            "birthdate",
            "date_birth",
        ],
        "age" => &[
            "der_age_week_ending_date",
            "age_at_census_date",
            "age_years",
            "age_in_years",
            "patient_age",
            "startage",
            "apptage",
            "arrivalage",
            "age_at_arrival",
            "age_on_admission",
            "age_at_appointment",
        ],
        _ => &[],
    }
}

/// Synonyms of the columns that say of which group somebody is.
fn of_group(column: &str) -> &'static [&'static str] {
    match column {
        "ethnic_category" => &[
            "ethnos",
            "ethnicity",
            "ethnic_category_code",
            "ethnic_category_mother",
            "nhsd_ethnicity",
            "ethnic_group",
            "ethnic_group_code",
            "ethnicity_code",
            "ethnic_code",
            "ethnic_origin",
            "ethnic_origin_code",
            "patient_ethnicity",
        ],
        "ethnic_category_2021" => {
            &["ethnicity_2021", "ethnic_category_code_2021", "ethnic_group_2021"]
        }
        "sex" => &[
            "gender",
            "sex_code",
            "gender_code",
            "person_stated_gender_code",
            "person_phenotypic_sex",
            "person_gender_code_current",
            "current_gender",
            "patient_sex",
            "patient_gender",
        ],
        _ => &[],
    }
}

/// Synonyms of the columns that say where somebody lives, and who treats them.
fn of_place(column: &str) -> &'static [&'static str] {
    match column {
        "postcode" => &[
            "postcode_of_usual_address",
            "usual_address_postcode",
            "patient_postcode",
            "person_postcode",
            "home_postcode",
            "homeadd",
            "post_code",
            "pcds",
        ],
        "imd_decile" => &[
            "index_of_multiple_deprivation_decile",
            "der_imd_decile",
            "ic_indices_of_dep_decile",
            "deprivation_decile",
            "imd04_decile",
            "imd_2019_decile",
            "imd_2025_decile",
            "imd2019_decile",
            "imd2025_decile",
            "imd_decile_2019",
            "imd_decile_2025",
        ],
        "provider" => &[
            "organisation_identifier_code_of_provider",
            "provider_code",
            "organisation_code_provider",
            "organisation_code_code_of_provider",
            "procode",
            "procode3",
            "procodet",
            "org_code_provider",
            "provider_org_code",
            "trust_code",
        ],
        _ => &[],
    }
}

/// Synonyms of the areas that somebody counts in.
fn of_area(column: &str) -> &'static [&'static str] {
    match column {
        "icb_residence" => &[
            "icb_of_residence",
            "icb_code_residence",
            "residence_icb",
            "der_postcode_icb_code",
            "organisation_identifier_residence_responsibility",
        ],
        "icb_registration" => {
            &["icb_of_registration", "registration_icb", "icb_gp_practice", "gp_practice_icb"]
        }
        "sub_icb_location" => &[
            "sub_icb",
            "sub_icb_code",
            "sub_icb_location_code",
            "ccg",
            "ccg_code",
            "ccg_of_residence",
        ],
        "local_authority_district" => &[
            "lad",
            "lad_code",
            "ladcd",
            "local_authority",
            "local_authority_code",
            "local_authority_district_code",
            "resladst",
            "district_of_residence",
        ],
        "primary_care_network" => &["pcn", "pcn_code"],
        "site_code_of_treatment" => &[
            "organisation_site_identifier_of_treatment",
            "site_of_treatment",
            "site_code",
            "sitetret",
            "treatment_site",
            "treatment_site_code",
        ],
        "rural_urban_classification_2011" => {
            &["ruc11", "ruc_2011", "rural_urban_2011", "rururb_ind"]
        }
        "rural_urban_classification_2021" => &["ruc21", "ruc_2021", "rural_urban_2021"],
        _ => &[],
    }
}

/// Synonyms of the columns that say when something happened.
fn of_event(column: &str) -> &'static [&'static str] {
    match column {
        "clock_start" => &[
            "referral_to_treatment_period_start_date",
            "rtt_period_start_date",
            "rtt_start_date",
            "rtt_clock_start",
            "rtt_clock_start_date",
            "clock_start_date",
            "pathway_start_date",
            "rttperstart",
        ],
        "weeks_waited" => {
            &["weeks_waiting", "weeks_wait", "wait_weeks", "rtt_weeks", "rtt_weeks_waiting"]
        }
        "appointment_date" => &[
            "apptdate",
            "appt_date",
            "attendance_date",
            "date_of_appointment",
            "appointment_datetime",
            "appointment_date_time",
            "clinic_date",
        ],
        "arrival" => &[
            "arrival_date_time",
            "arrival_datetime",
            "arrival_date",
            "ec_arrival_date",
            "emergency_care_arrival_date",
            "arrivaldate",
        ],
        "arrival_time" => &["ec_arrival_time", "emergency_care_arrival_time"],
        "departure" => &[
            "departure_date_time",
            "departure_datetime",
            "departure_date",
            "ec_departure_date",
            "emergency_care_departure_date",
        ],
        "departure_time" => &["ec_departure_time", "emergency_care_departure_time", "deptime"],
        "minutes" => &[
            "minutes_in_department",
            "duration_minutes",
            "minutes_in_ed",
            "total_time_minutes",
            "departure_duration",
            "ec_departure_time_since_arrival",
            "der_ec_departure_time_since_arrival",
            "depdur",
        ],
        _ => &[],
    }
}

/// Synonyms of the dates that datasets go by.
fn of_date(column: &str) -> &'static [&'static str] {
    match column {
        "start_date_hospital_provider_spell" => {
            &["admission_date", "admidate", "date_of_admission", "spell_start_date", "admit_date"]
        }
        "incident_date" => {
            &["date_of_incident", "call_date", "incident_date_time", "call_datetime"]
        }
        "date_of_diagnosis" => &["diagnosis_date", "diagnosisdatebest"],
        "treatment_start_date_cancer" => {
            &["treatment_start_date", "first_treatment_date", "cancer_treatment_start_date"]
        }
        "cancer_faster_diagnosis_pathway_end_date" => {
            &["faster_diagnosis_end_date", "fds_end_date", "date_patient_informed"]
        }
        "care_contact_date" => &["contact_date", "carecontdate", "contact_date_time"],
        "contact_date" => &["care_contact_date", "date_of_contact"],
        "delivery_date" => &["date_of_delivery", "birth_date_of_baby", "deliverydate"],
        "person_birth_date_baby" => {
            &["baby_birth_date", "baby_date_of_birth", "personbirthdatebaby"]
        }
        "appointment_date_formal_antenatal_booking" => {
            &["booking_date", "antenatal_booking_date", "antenatalappdate"]
        }
        "date_of_29_weeks_gestation" => &["date_29_weeks", "gestation_29_weeks_date"],
        "first_paediatric_assessment_date" => &["first_assessment_date"],
        "quit_date_set" => &["quit_date", "date_quit_set"],
        "referral_request_received_date" => {
            &["referral_date", "referral_received_date", "date_of_referral", "reqdate"]
        }
        "response_date" => &["date_of_response", "survey_date"],
        "service_discharge_date" => &["discharge_date", "date_of_discharge", "servdischdate"],
        "shortlisting_date" => &["shortlisted_date", "date_of_shortlisting"],
        "start_date_mha_legal_status_classification_assignment_period" => {
            &["mha_start_date", "section_start_date", "startdatemhactlegalstatusclass"]
        }
        _ => &[],
    }
}

/// Synonyms of columns of codes.
fn of_code(column: &str) -> &'static [&'static str] {
    match column {
        "attendance" | "attended_or_did_not_attend_code" | "contact_outcome" => &[
            "attended",
            "attended_or_did_not_attend",
            "attended_or_did_not_attend_code",
            "attendance_status",
            "attendance_outcome",
            "attend_status",
            "attendordnacode",
            "attendstatus",
        ],
        "treatment_function" => &[
            "activity_treatment_function_code",
            "treatment_function_code",
            "treatment_function_cd",
            "tretspef",
            "tfc",
            "tfc_code",
        ],
        "department" => &[
            "department_type",
            "ec_department_type",
            "emergency_care_department_type",
            "aedepttype",
            "ed_type",
            "dept_type",
        ],
        "priority_type_code" => &["priority", "priority_type", "referral_priority"],
        "first_attendance_code" => &["first_attendance", "firstatt", "first_or_follow_up"],
        "consultation_medium_used" | "consultation_medium_code" => &[
            "consultation_medium",
            "consultation_mechanism",
            "consultation_media",
            "consmediumused",
        ],
        "diagnostic_test" => &["test", "modality", "diagnostic_modality", "dm01_test"],
        "cancer_referral_type" => {
            &["cancer_site", "suspected_cancer_site", "tumour_site", "tumour_group"]
        }
        _ => &[],
    }
}

/// Synonyms of columns of clinical and staff codes.
fn of_clinical(column: &str) -> &'static [&'static str] {
    match column {
        "admission_method_code_hospital_provider_spell" => {
            &["admission_method", "admimeth", "admission_method_code", "method_of_admission"]
        }
        "patient_classification_code" => &["patient_classification", "classpat"],
        "primary_diagnosis_icd" => {
            &["primary_diagnosis", "diag_01", "diag1", "diagnosis_primary_icd", "icd10_primary"]
        }
        "primary_procedure_opcs" => {
            &["primary_procedure", "opertn_01", "procedure_primary_opcs", "opcs_primary"]
        }
        "ambulance_incident_category" => {
            &["incident_category", "call_category", "response_category", "ambulance_category"]
        }
        "diabetes_type" => &["type_of_diabetes"],
        "stage_at_diagnosis" => &["cancer_stage", "tnm_stage", "stage", "stage_best"],
        "smoking_status_code" => &["smoking_status", "smoker_status"],
        "quit_outcome_code" => &["quit_outcome", "four_week_outcome", "outcome_at_4_weeks"],
        "mental_health_act_legal_status_classification_code" => &[
            "legal_status",
            "mha_legal_status",
            "legalstatuscode",
            "mha_section",
            "legal_status_code",
        ],
        "pay_grade" => &["pay_band", "band", "afc_pay_band", "payscale"],
        "afc_band" => &["agenda_for_change_band"],
        "staff_group" => &["staff_group_name", "occupation_group"],
        "fft_answer" => &["fft_response", "overall_experience", "fft_rating"],
        _ => &[],
    }
}

/// Synonyms of what people are asked about themselves.
fn of_characteristic(column: &str) -> &'static [&'static str] {
    match column {
        "gender_identity_code" => &["gender_identity"],
        "gender_identity_same_at_birth_indicator" => {
            &["gender_same_at_birth", "gender_identity_same_at_birth"]
        }
        "language_code" => &["language", "preferred_language", "main_language", "first_language"],
        "person_stated_sexual_orientation_code" => {
            &["sexual_orientation", "sexual_orientation_code"]
        }
        "religious_or_other_belief_system_affiliation_group_code" => {
            &["religion", "religion_code", "religious_affiliation", "belief"]
        }
        "learning_disability" => &["ld", "ld_flag", "learning_disability_flag", "on_ld_register"],
        "autism" => &["autism_flag", "autistic", "asd", "asd_flag"],
        "smi" => {
            &["smi_flag", "severe_mental_illness", "serious_mental_illness", "on_smi_register"]
        }
        "homeless" => &["homeless_flag", "no_fixed_abode", "nfa", "homelessness", "rough_sleeper"],
        "carer" => &["carer_flag", "is_carer", "unpaid_carer", "carer_status"],
        "young_carer" => &["young_carer_flag"],
        "care_leaver" => &["care_leaver_flag"],
        "looked_after" => &["looked_after_child", "lac", "lac_flag", "child_in_care"],
        "interpreter_required" => &[
            "interpreter_needed",
            "interpreter",
            "interpreter_required_indicator",
            "needs_interpreter",
            "interpreter_flag",
        ],
        "disability" => &["disabled", "disability_flag", "is_disabled"],
        "reasonable_adjustment" => {
            &["reasonable_adjustment_flag", "reasonable_adjustments", "ra_flag"]
        }
        "veteran" => &["ex_armed_forces", "armed_forces_veteran", "veteran_flag"],
        "pregnant" => &["pregnancy_flag", "pregnancy_status", "is_pregnant"],
        "asylum_refugee" => {
            &["asylum_seeker", "refugee", "asylum_seeker_or_refugee", "vulnerable_migrant"]
        }
        "gypsy_roma_traveller" => &["grt", "grt_flag"],
        "justice" => &["justice_contact", "in_prison", "prisoner", "offender"],
        "sex_work" => &["sex_worker"],
        "substance_dependence" => &["drug_or_alcohol_dependence", "substance_misuse"],
        "modern_slavery" => &["victim_of_modern_slavery"],
        "multimorbidity" => &["multimorbid", "two_or_more_ltcs", "multiple_ltcs"],
        "coastal" => &["coastal_flag", "coastal_community"],
        "hiv" => &["hiv_flag", "hiv_positive"],
        "sickle_cell" => &["sickle_cell_disease", "sickle_cell_flag"],
        "rare_disease" => &["rare_disease_flag"],
        "nhs_app_user" | "nhs_app_registered" => {
            &["nhs_app", "nhs_app_flag", "registered_for_nhs_app", "has_nhs_app"]
        }
        "portal_user" => &["patient_portal_user", "uses_portal"],
        _ => &[],
    }
}

/// Synonyms of columns of numbers.
fn of_measure(column: &str) -> &'static [&'static str] {
    match column {
        "length_of_stay" => &["los", "los_days", "length_of_stay_days", "speldur", "spell_los"],
        "response_minutes" => &["response_time_minutes"],
        "response_seconds" => &["response_time_seconds", "response_time", "response_time_secs"],
        "occupied_bed_days" => &["bed_days", "obd"],
        "restrictive_interventions" => &["restrictive_intervention_count"],
        "hourly_pay_pence" => &["hourly_rate_pence"],
        "age_at_cds_activity_date" => {
            &["age_on_admission", "admiage", "age_at_admission", "startage"]
        }
        "age_at_period_end" => &["age_at_end_of_period", "age_on_last_day"],
        "systolic_blood_pressure" => &["systolic", "systolic_bp", "bp_systolic", "sbp"],
        "diastolic_blood_pressure" => &["diastolic", "diastolic_bp", "bp_diastolic", "dbp"],
        "gestation_days_at_booking" => &["gestation_at_booking", "gestagebooking"],
        "gestation_length_at_birth_days" => &[
            "gestation_at_birth",
            "gestation_days",
            "gestationlengthbirth",
            "gestation_at_delivery",
        ],
        "days_from_referral_to_treatment" => &["referral_to_treatment_days"],
        "days_from_decision_to_treatment" => {
            &["decision_to_treatment_days", "dtt_to_treatment_days"]
        }
        "days_to_faster_diagnosis" => &["fds_days", "faster_diagnosis_days"],
        "days_to_first_treatment" => &["days_to_treatment"],
        "attendances_in_12_months" => &["ae_attendances_12_months", "ed_attendances_12_months"],
        "contacts_in_12_months" => &["contacts_12_months"],
        "reliever_inhalers_in_12_months" => &["saba_count_12_months", "saba_inhalers_12_months"],
        "care_processes_completed" => {
            &["care_processes", "eight_care_processes", "care_process_count"]
        }
        "physical_health_checks_completed" => &["physical_health_checks", "smi_checks_completed"],
        _ => &[],
    }
}

/// Synonyms of columns of yes and no that rules look at.
fn of_yes_no(column: &str) -> &'static [&'static str] {
    match column {
        "left_before_treatment" => {
            &["left_before_treated", "left_without_treatment", "left_without_being_seen", "lwbs"]
        }
        "influenza_vaccinated" => {
            &["flu_vaccinated", "flu_vaccine", "had_flu_jab", "flu_vaccination"]
        }
        "covid19_vaccinated" => &["covid_vaccinated", "covid_vaccine", "covid_vaccination"],
        "pneumococcal_vaccinated" => &["ppv_vaccinated", "pneumo_vaccinated", "ppv23"],
        "vaccination_declined" => &["declined", "vaccine_declined"],
        "mmr_second_dose" => &["mmr2", "mmr_dose_2", "second_mmr"],
        "smoker_at_booking" => &["smoking_at_booking", "smoker_booking"],
        "smoker_at_delivery" => &["smoking_at_delivery", "sats", "smoker_delivery"],
        "tobacco_service_seen" => &["tobacco_team_seen", "seen_by_tobacco_service"],
        "tobacco_service_referred" => &["tobacco_referral", "referred_to_tobacco_service"],
        "continuity_of_carer_pathway" => &["continuity_of_carer", "coc_pathway", "on_coc"],
        "caseness_at_start" => &["caseness", "at_caseness", "started_at_caseness"],
        "recovered" => &["recovery", "recovery_flag"],
        "reliably_improved" => &["reliable_improvement", "reliable_improvement_flag"],
        "annual_health_check" => &["ahc", "health_check_done", "annual_health_check_done"],
        "health_action_plan" => &["hap"],
        "annual_checks_complete" => &["annual_checks", "all_annual_checks"],
        "insulin_pump" => &["pump", "uses_insulin_pump", "csii"],
        "continuous_glucose_monitoring" => &["cgm", "rtcgm", "uses_cgm"],
        "three_treatment_targets_met" => &["three_treatment_targets", "all_three_targets"],
        "lipid_lowering_therapy" => &["on_statin", "statin", "llt"],
        "anticoagulation_therapy" => &["anticoagulated", "on_anticoagulant", "anticoagulant"],
        "epilepsy_specialist_nurse_input" => &["esn_input", "specialist_nurse_input"],
        "interpreter_provided" => &["interpreter_present", "interpreter_attended"],
        "has_mobile_recorded" | "mobile_recorded" => &["mobile", "has_mobile", "mobile_flag"],
        "has_email_recorded" | "email_recorded" => &["email", "has_email", "email_flag"],
        "entered_formal_disciplinary" => &["formal_disciplinary", "disciplinary"],
        "non_mandatory_training" => &["cpd_accessed", "non_mandatory_training_accessed"],
        "appointed" => &["appointed_flag", "hired"],
        "any_restrictive_intervention" => {
            &["restrictive_intervention", "restrictive_intervention_flag"]
        }
        "in_remission" => &["remission"],
        "learning_disability_or_autism" => &["ld_or_autism", "ld_autism"],
        "referral_accepted" => &["accepted", "referral_taken_up"],
        _ => &[],
    }
}

/// A name without case, spaces, hyphens and underscores.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-') && !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use evensum_core::catalogue::Catalogue;

    use super::super::mapping::column_names;
    use super::*;

    /// A name of two columns of one dataset would make a load take one field for both.
    #[test]
    fn no_name_stands_for_two_columns_of_a_dataset() {
        // A flag of the person, and what the dataset is about: one field may say both.
        const BOTH: [&str; 4] = ["nhsapp", "mobile", "email", "age"];
        let catalogue = Catalogue::builtin().expect("catalogue");
        let mut doubled = BTreeSet::new();
        for dataset in catalogue.datasets() {
            let columns: BTreeSet<&str> = column_names(dataset, &catalogue).into_iter().collect();
            let mut seen: Vec<(String, &str)> = Vec::new();
            for column in columns {
                let names: BTreeSet<String> = of(column, None).iter().map(|n| plain(n)).collect();
                for name in names {
                    let other = seen.iter().find(|(known, _)| *known == name);
                    let both = BOTH.iter().any(|b| name.contains(b));
                    if let Some((_, other)) = other.filter(|_| !both) {
                        doubled.insert(format!("{}: {name} of {other}, {column}", dataset.id));
                    }
                    seen.push((name, column));
                }
            }
        }
        assert!(doubled.is_empty(), "{doubled:#?}");
    }

    #[test]
    fn no_name_is_a_column_of_its_own() {
        let catalogue = Catalogue::builtin().expect("catalogue");
        for dataset in catalogue.datasets() {
            let columns = column_names(dataset, &catalogue);
            for column in &columns {
                for name in of(column, None) {
                    let other = columns.iter().find(|c| *c != column && plain(c) == plain(name));
                    assert!(other.is_none(), "{}: {name} for {column}", dataset.id);
                }
            }
        }
    }
}
