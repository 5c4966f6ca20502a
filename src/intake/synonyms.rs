//! Names under which source systems hold the columns of a dataset, as seen in national extracts and in
//! local warehouses. Compared without case, spaces, hyphens and underscores.

use evensum_core::model::ImdEdition;

/// Synonyms of a dataset column, besides its own name.
pub(super) fn of(column: &str, edition: Option<ImdEdition>) -> &'static [&'static str] {
    match column {
        "person" => &[
            "nhs_number",
            "pseudo_nhs_number",
            "der_pseudo_nhs_number",
            "nhs_number_pseudo",
            "person_id",
            "patient_id",
            "local_patient_identifier",
            "token_person_id",
            "encrypted_hesid",
        ],
        "birth_date" => &["date_of_birth", "dob", "person_birth_date"],
        "age" => &["der_age_week_ending_date", "age_at_census_date", "age_years"],
        // The areas must be of the census that the edition is published on.
        "lsoa" => match edition {
            Some(ImdEdition::Imd2025) => {
                &["lsoa_residence", "lsoa_code", "lsoa21", "lsoa21cd", "lsoa_2021"]
            }
            _ => &["lsoa_residence", "lsoa_code", "lsoa11", "lsoa11cd", "lsoa_2011"],
        },
        "postcode" => &[
            "postcode_of_usual_address",
            "usual_address_postcode",
            "patient_postcode",
            "person_postcode",
            "home_postcode",
        ],
        "imd_decile" => {
            &["index_of_multiple_deprivation_decile", "der_imd_decile", "ic_indices_of_dep_decile"]
        }
        "ethnic_category" => &[
            "ethnos",
            "ethnicity",
            "ethnic_category_code",
            "ethnic_category_mother",
            "nhsd_ethnicity",
            "ethnic_group",
        ],
        "sex" => &["gender", "person_stated_gender_code", "person_phenotypic_sex"],
        "treatment_function" => {
            &["activity_treatment_function_code", "treatment_function_code", "tretspef", "tfc"]
        }
        "provider" => &[
            "organisation_identifier_code_of_provider",
            "provider_code",
            "organisation_code_provider",
            "procode3",
        ],
        "icb_residence" => &[
            "icb_of_residence",
            "icb_code_residence",
            "organisation_identifier_residence_responsibility",
        ],
        other => of_event(other),
    }
}

/// Synonyms of the columns that say what happened, and when.
fn of_event(column: &str) -> &'static [&'static str] {
    match column {
        "clock_start" => &[
            "referral_to_treatment_period_start_date",
            "rtt_period_start_date",
            "clock_start_date",
        ],
        "weeks_waited" => &["weeks_waiting", "weeks_wait"],
        "appointment_date" => &["apptdate", "appt_date"],
        "attendance" => &[
            "attended",
            "attended_or_did_not_attend",
            "attended_or_did_not_attend_code",
            "attendance_status",
            "attend_status",
        ],
        "arrival" => {
            &["arrival_date_time", "arrival_date", "ec_arrival_date", "emergency_care_arrival_date"]
        }
        "arrival_time" => &["ec_arrival_time", "emergency_care_arrival_time"],
        "departure" => &[
            "departure_date_time",
            "departure_date",
            "ec_departure_date",
            "emergency_care_departure_date",
        ],
        "departure_time" => &["ec_departure_time", "emergency_care_departure_time"],
        "minutes" => &["minutes_in_department", "duration_minutes"],
        "left_before_treatment" => &["left_before_treated", "left_without_treatment"],
        "department" => &[
            "department_type",
            "ec_department_type",
            "emergency_care_department_type",
            "aedepttype",
        ],
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
