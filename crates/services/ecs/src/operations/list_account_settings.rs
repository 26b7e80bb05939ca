use api_ecs::{
    errors,
    operations::ListAccountSettings,
    types::{ListAccountSettingsRequest, ListAccountSettingsResponse},
};
use ecs_rules::account_setting;
use kit::paginate;
use limits::LIST_PAGE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, account_settings, lookup};

impl Handle<ListAccountSettings> for Ecs {
    fn access(&self, _caller: &Caller, _input: &ListAccountSettingsRequest) -> Access {
        Access::action("ecs:ListAccountSettings").resource("*")
    }

    /// What was set for the principal; with `effectiveSettings` what holds for it.
    async fn handle(
        &self,
        caller: &Caller,
        input: ListAccountSettingsRequest,
    ) -> Result<ListAccountSettingsResponse, Error> {
        let page = lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        let is_value_alone = input.value.is_some() && input.name.is_none();
        if is_value_alone {
            return Err(errors::invalid_parameter_exception(
                "A setting name must be specified together with a value.",
            ));
        }
        let name = input.name.as_ref().map(|name| name.as_str());
        let name = name.map(account_setting::find).transpose()?;
        let principal = account_settings::principal(caller, input.principal_arn.as_deref())?;
        let wants_effective = input.effective_settings == Some(true);
        let found: Vec<_> = self
            .look(|head| {
                let settings = account_setting::ALL
                    .iter()
                    .filter(|setting| name.is_none_or(|name| name == *setting));
                let valued = settings.filter_map(|setting| {
                    let value = match wants_effective {
                        true => Some(account_settings::effective(
                            head, caller, &principal, setting,
                        )),
                        false => account_settings::own(head, caller, &principal, setting),
                    };
                    Some((setting, value?))
                });
                Ok(valued
                    .filter(|(_, value)| input.value.as_ref().is_none_or(|asked| asked == value))
                    .collect())
            })
            .await?;
        let (settings, next_token) = paginate(&page, found.into_iter(), |(setting, _)| {
            setting.name.to_owned()
        });
        let settings = settings
            .into_iter()
            .map(|(setting, value)| account_settings::render(setting, value, principal.clone()));
        Ok(ListAccountSettingsResponse {
            settings: Some(settings.collect()),
            next_token,
        })
    }
}
