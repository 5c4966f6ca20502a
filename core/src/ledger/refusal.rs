//! Why a question is refused: a closed list, and one fixed sentence for each.

use serde::{Deserialize, Serialize};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $says:literal;)*) => {
        /// Why a question is refused. What it says never depends on data.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum RefusalCode {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl RefusalCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name, as in entries and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What is wrong and what to do, for people.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says,)* }
            }
        }
    };
}

refusals! {
    /// Nothing was loaded for the period.
    NoData, "no_data",
    "This partner has published no extract for that dataset and period; ask for another period, or ask the partner when it will publish.";
    /// The agreement is not known here.
    AgreementUnknown, "agreement_unknown",
    "This partner does not hold the agreement that the question cites; check the agreement's id, or ask the partner to install it.";
    /// Another text of the agreement.
    AgreementDiffers, "agreement_differs",
    "This partner holds another text of the agreement than the question cites; fetch the text in force, or ask the partner to install it.";
    /// Not yet or no longer in force.
    AgreementNotInForce, "agreement_not_in_force",
    "The agreement is not in force today, or is suspended; ask the agreement's owner.";
    /// This organisation is no party in this role.
    NotAParty, "not_a_party",
    "One of the organisations that took part is no party to the agreement in that role; ask the agreement's owner.";
    /// The agreement lists no such person or key.
    AnalystUnknown, "analyst_unknown",
    "The agreement does not list the person or the key that signed the question; ask the agreement's owner to add them.";
    /// Not strong enough.
    AssuranceTooLow, "assurance_too_low",
    "The agreement asks for a stronger sign-in than was used; sign in again in the stronger way.";
    /// Not for this purpose.
    PurposeNotAllowed, "purpose_not_allowed",
    "The agreement does not allow that purpose; choose one of the purposes that it lists.";
    /// Not this indicator.
    IndicatorNotAllowed, "indicator_not_allowed",
    "The agreement does not allow that indicator; choose one of the indicators that it lists.";
    /// Not this dimension.
    DimensionNotAllowed, "dimension_not_allowed",
    "The agreement or the indicator does not allow that breakdown; choose one that both allow.";
    /// Too many at once.
    TooManyDimensions, "too_many_dimensions",
    "The question crosses more breakdowns than the agreement allows; ask for fewer at once.";
    /// Not this restriction.
    ScopeNotAllowed, "scope_not_allowed",
    "The dataset or the agreement does not allow that restriction; leave it out or choose another.";
    /// No such indicator.
    IndicatorUnknown, "indicator_unknown",
    "This partner's catalogue does not have that indicator; check its name, or ask the partner to update evensum.";
    /// Another definition.
    DefinitionDiffers, "definition_differs",
    "This partner's definition of the indicator differs from the one that the question cites; both need the same version of the catalogue.";
    /// No such level.
    LevelUnknown, "level_unknown",
    "The catalogue does not have that level of a breakdown; check its name.";
    /// No such category.
    CategoryUnknown, "category_unknown",
    "The catalogue does not have that category; check its name.";
    /// No such period.
    PeriodUnknown, "period_unknown",
    "The dataset does not have that kind of period; choose one that it lists.";
    /// An optional column is missing.
    ColumnNotHeld, "column_not_held",
    "This partner's extract does not hold what that breakdown needs; ask for another breakdown.";
    /// Another disclosure policy.
    PolicyDiffers, "policy_differs",
    "This partner applies another disclosure policy than the agreement states; ask the partner to correct its configuration.";
    /// Not asked.
    NotATarget, "not_a_target",
    "The question does not name this partner among those that it asks; name it and sign again.";
    /// Not a question.
    Malformed, "malformed",
    "The question is not of the form that evensum reads; sign it again with a current version of the tool.";
    /// Before its time.
    TooEarly, "too_early",
    "The question's start lies in the future by this partner's clock; check the clocks of both computers and ask again.";
    /// After its time.
    Expired, "expired",
    "The question has expired by this partner's clock; ask again, and check the clocks of both computers if that repeats.";
    /// The id was used.
    QueryIdSeen, "query_id_seen",
    "The question's id was used before for another question or by another sender, or has expired; ask again with a new id.";
    /// Disclosure control let nothing out.
    Withheld, "withheld",
    "Disclosure control withholds this table; ask for fewer or coarser breakdowns, or for a longer period.";
    /// Too many cells.
    TableTooLarge, "table_too_large",
    "The table would have more cells than one table may have; ask for fewer or coarser breakdowns.";
}

impl RefusalCode {
    /// The code of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_has_a_name_and_one_line_of_its_own() {
        let names: BTreeSet<_> = RefusalCode::ALL.iter().map(|c| c.as_str()).collect();
        let lines: BTreeSet<_> = RefusalCode::ALL.iter().map(|c| c.says()).collect();
        assert_eq!((names.len(), lines.len()), (26, 26));
        for code in RefusalCode::ALL {
            assert_eq!(RefusalCode::parse(code.as_str()), Some(*code));
            assert_eq!(
                serde_json::to_string(code).expect("json"),
                format!("\"{}\"", code.as_str())
            );
            let line = code.says();
            assert!(line.ends_with('.') && line.contains(';') && !line.contains('\n'), "{line}");
            assert!(!line.chars().any(|c| c.is_ascii_digit()), "{line}");
        }
        assert_eq!(RefusalCode::parse("no_such_code"), None);
    }
}
