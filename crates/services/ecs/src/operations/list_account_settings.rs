use api_ecs::{
    errors,
    operations::ListAccountSettings,
    types::{
        ListAccountSettingsRequest, ListAccountSettingsResponse, Setting, SettingName, SettingType,
    },
};
use kit::paginate;
use limits::LIST_PAGE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, lookup};

/// How Gantry behaves, in the words of the settings. Settings about what Gantry does not have at all (retirement of
/// Fargate tasks, event windows) are left out: any value would be made up.
const EFFECTIVE: [(SettingName, &str); 9] = [
    (SettingName::AWSVPC_TRUNKING, "disabled"),
    (SettingName::CONTAINER_INSIGHTS, "disabled"),
    (SettingName::CONTAINER_INSTANCE_LONG_ARN_FORMAT, "enabled"),
    (SettingName::DEFAULT_LOG_DRIVER_MODE, "non-blocking"),
    (SettingName::FARGATE_FIPS_MODE, "disabled"),
    (SettingName::GUARD_DUTY_ACTIVATE, "off"),
    (SettingName::SERVICE_LONG_ARN_FORMAT, "enabled"),
    (SettingName::TAG_RESOURCE_AUTHORIZATION, "off"),
    (SettingName::TASK_LONG_ARN_FORMAT, "enabled"),
];

impl Handle<ListAccountSettings> for Ecs {
    fn access(&self, _caller: &Caller, _input: &ListAccountSettingsRequest) -> Access {
        Access::action("ecs:ListAccountSettings").resource("*")
    }

    /// Nobody can change a setting yet, so only the effective ones are there.
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
        if let Some(name) = &input.name
            && !SettingName::VALUES.contains(&name.as_str())
        {
            return Err(errors::invalid_parameter_exception(format!(
                "Invalid setting name: '{name}'."
            )));
        }
        let principal = input.principal_arn.unwrap_or_else(|| caller.arn());
        let wanted = EFFECTIVE
            .iter()
            .filter(|_| input.effective_settings == Some(true))
            .filter(|(name, _)| input.name.as_ref().is_none_or(|asked| asked == name))
            .filter(|(_, value)| input.value.as_ref().is_none_or(|asked| asked == value));
        let (settings, next_token) = paginate(&page, wanted, |(name, _)| name.to_string());
        let render = |(name, value): &(SettingName, &str)| Setting {
            name: Some(name.clone()),
            value: Some((*value).to_owned()),
            principal_arn: Some(principal.clone()),
            r#type: Some(SettingType::USER),
        };
        Ok(ListAccountSettingsResponse {
            settings: Some(settings.into_iter().map(render).collect()),
            next_token,
        })
    }
}
