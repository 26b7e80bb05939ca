//! Account settings: what was set, what holds, and what is refused.

use api_ecs::{operations as op, types::*};

use crate::world::{ACCOUNT, World, node, refused};

fn put(name: &str, value: &str, principal: Option<&str>) -> PutAccountSettingRequest {
    PutAccountSettingRequest {
        name: Some(name.into()),
        value: Some(value.into()),
        principal_arn: principal.map(Into::into),
    }
}

/// Name, value and principal of what is listed.
async fn listed(world: &World, request: ListAccountSettingsRequest) -> Vec<(String, String)> {
    let answer = world
        .call::<op::ListAccountSettings>(request)
        .await
        .unwrap();
    let settings = answer.settings.unwrap().into_iter();
    settings
        .map(|setting| {
            let name = setting.name.unwrap().to_string();
            (name, setting.value.unwrap())
        })
        .collect()
}

fn of(name: &str, principal: Option<&str>, effective: bool) -> ListAccountSettingsRequest {
    ListAccountSettingsRequest {
        name: Some(name.into()),
        principal_arn: principal.map(Into::into),
        effective_settings: Some(effective),
        ..ListAccountSettingsRequest::default()
    }
}

const USER: &str = "arn:aws:iam::123456789012:user/alice";
const TRUNKING: &str = "awsvpcTrunking";

#[tokio::test]
async fn own_values_win_over_the_account_s_over_aws_s() {
    let world = World::new().await;
    let pair = |value: &str| vec![(TRUNKING.to_owned(), value.to_owned())];
    assert_eq!(
        listed(&world, of(TRUNKING, None, true)).await,
        pair("disabled")
    );
    assert_eq!(listed(&world, of(TRUNKING, None, false)).await, []);

    let request = PutAccountSettingDefaultRequest {
        name: Some(TRUNKING.into()),
        value: Some("enabled".into()),
    };
    let answer = world
        .call::<op::PutAccountSettingDefault>(request)
        .await
        .unwrap();
    let setting = answer.setting.unwrap();
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    assert_eq!(setting.principal_arn, Some(root));
    assert_eq!(setting.r#type, Some(SettingType::USER));
    assert_eq!(
        listed(&world, of(TRUNKING, Some(USER), true)).await,
        pair("enabled")
    );
    assert_eq!(listed(&world, of(TRUNKING, Some(USER), false)).await, []);

    let own = put(TRUNKING, "disabled", Some(USER));
    let answer = world.call::<op::PutAccountSetting>(own).await.unwrap();
    assert_eq!(answer.setting.unwrap().principal_arn.as_deref(), Some(USER));
    assert_eq!(
        listed(&world, of(TRUNKING, Some(USER), false)).await,
        pair("disabled")
    );
    assert_eq!(
        listed(&world, of(TRUNKING, Some(USER), true)).await,
        pair("disabled")
    );
    assert_eq!(
        listed(&world, of(TRUNKING, None, true)).await,
        pair("enabled")
    );

    let delete = DeleteAccountSettingRequest {
        name: Some(TRUNKING.into()),
        principal_arn: Some(USER.into()),
    };
    let answer = world
        .call::<op::DeleteAccountSetting>(delete)
        .await
        .unwrap();
    assert_eq!(answer.setting.unwrap().value.as_deref(), Some("enabled"));
    assert_eq!(listed(&world, of(TRUNKING, Some(USER), false)).await, []);
}

#[tokio::test]
async fn all_settings_have_an_effective_value_and_pages() {
    let world = World::new().await;
    let mut names = vec![];
    let mut next_token = None;
    loop {
        let request = ListAccountSettingsRequest {
            effective_settings: Some(true),
            max_results: Some(4),
            next_token,
            ..ListAccountSettingsRequest::default()
        };
        let answer = world
            .call::<op::ListAccountSettings>(request)
            .await
            .unwrap();
        names.extend(answer.settings.unwrap().into_iter().map(|setting| {
            let is_managed = setting.r#type == Some(SettingType::AWS_MANAGED);
            let name = setting.name.unwrap().to_string();
            assert_eq!(is_managed, name == "guardDutyActivate");
            name
        }));
        next_token = answer.next_token;
        if next_token.is_none() {
            break;
        }
    }
    let mut all: Vec<&str> = SettingName::VALUES.to_vec();
    all.sort_unstable();
    assert_eq!(names, all);
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_aws_s_words() {
    let world = World::new().await;
    for (name, value, code, message) in [
        (
            "taskLongArnFormat",
            "disabled",
            "InvalidParameterException",
            "You can no longer disable Long Arn settings",
        ),
        (
            "taskLongArnFormat",
            "ENABLED",
            "InvalidParameterException",
            "Invalid setting 'value'.",
        ),
        (
            "colour",
            "enabled",
            "InvalidParameterException",
            "Invalid setting 'name'.",
        ),
        (
            "guardDutyActivate",
            "on",
            "InvalidParameterException",
            "The account setting guardDutyActivate is managed by AWS and is read-only.",
        ),
        (
            "fargateFIPSMode",
            "enabled",
            "ClientException",
            "Gantry does not support the account setting fargateFIPSMode with value enabled yet: Gantry's cryptography is not a validated module.",
        ),
    ] {
        let answer = world
            .call::<op::PutAccountSetting>(put(name, value, None))
            .await;
        assert_eq!(refused(answer), (code.to_owned(), message.to_owned()));
    }
    for principal in [
        "alice",
        "arn:aws:iam::999999999999:root",
        "arn:aws:iam::123456789012:user/",
    ] {
        let request = put(TRUNKING, "enabled", Some(principal));
        let answer = world.call::<op::PutAccountSetting>(request).await;
        assert_eq!(refused(answer).1, "Invalid setting 'principalArn'.");
    }
    let others = put(TRUNKING, "enabled", Some(USER));
    let answer = world
        .call_as::<op::PutAccountSetting>(&node("n"), others)
        .await;
    assert_eq!(refused(answer).0, "AccessDeniedException");
    let unknown = world
        .call::<op::ListAccountSettings>(of("colour", None, true))
        .await;
    assert_eq!(refused(unknown).0, "InvalidParameterException");
}
