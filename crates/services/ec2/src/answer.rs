//! EC2's errors: codes with dots, none of them in the model
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>). And its pages.

use kit::Page;
use wire::Error;

const PAGE_ITEMS: i32 = 1000;
const PAGE_ITEMS_LEAST: i32 = 5;

/// `DryRun` asks whether one would be allowed; who gets here is.
pub(crate) fn check_dry_run(dry_run: Option<bool>) -> Result<(), Error> {
    match dry_run {
        Some(true) => Err(Error::client(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        )
        .with_status(412)),
        _ => Ok(()),
    }
}

pub(crate) fn invalid_value(message: impl Into<String>) -> Error {
    Error::client("InvalidParameterValue", message)
}

/// One page; ids and `MaxResults` do not go together.
pub(crate) fn page(
    max_results: Option<i32>,
    next_token: Option<&str>,
    ids: &Option<Vec<String>>,
    ids_name: &str,
) -> Result<Page, Error> {
    if let Some(asked) = max_results {
        if asked < PAGE_ITEMS_LEAST {
            return Err(invalid_value(format!(
                "Value ( {asked} ) for parameter maxResults is invalid. Expecting a value greater than {PAGE_ITEMS_LEAST}."
            )));
        }
        if ids.as_ref().is_some_and(|ids| !ids.is_empty()) {
            return Err(Error::client(
                "InvalidParameterCombination",
                format!("The parameter {ids_name} cannot be used with the parameter maxResults"),
            ));
        }
    }
    let most = usize::try_from(PAGE_ITEMS).expect("a small positive number");
    // More than the most is the most, as EC2 has it.
    let asked = max_results.map(|asked| asked.min(PAGE_ITEMS));
    Page::new(asked, next_token, most)
        .map_err(|_| Error::client("InvalidNextToken", "The token is invalid."))
}
