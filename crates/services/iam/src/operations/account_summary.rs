//! GetAccountSummary.

use std::collections::BTreeMap;

use api_iam::operations::GetAccountSummary;
use api_iam::types::GetAccountSummaryResponse;
use kit::answer::look;
use wire::Access;

use crate::answer::operation;
use crate::records::{GroupRecord, InstanceProfileRecord, PolicyRecord, RoleRecord, UserRecord};

operation!(GetAccountSummary, |iam, caller, input| {
    Access::action("iam:GetAccountSummary")
} {
    look(&iam.store, |head| {
        let versions: usize = head.scan::<PolicyRecord>("").map(|it| it.versions.len()).sum();
        let figures = [
            ("Users", head.len::<UserRecord>()),
            ("UsersQuota", limits::IAM_USERS),
            ("Groups", head.len::<GroupRecord>()),
            ("GroupsQuota", limits::IAM_GROUPS),
            ("Roles", head.len::<RoleRecord>()),
            ("RolesQuota", limits::IAM_ROLES),
            ("Policies", head.len::<PolicyRecord>()),
            ("PoliciesQuota", limits::IAM_POLICIES),
            ("PolicyVersionsInUse", versions),
            ("InstanceProfiles", head.len::<InstanceProfileRecord>()),
            ("InstanceProfilesQuota", limits::IAM_INSTANCE_PROFILES),
            ("PolicySizeQuota", limits::IAM_POLICY_CHARACTERS),
            ("UserPolicySizeQuota", limits::IAM_USER_INLINE_CHARACTERS),
            ("GroupPolicySizeQuota", limits::IAM_GROUP_INLINE_CHARACTERS),
            ("RolePolicySizeQuota", limits::IAM_ROLE_INLINE_CHARACTERS),
            ("AssumeRolePolicySizeQuota", limits::IAM_TRUST_CHARACTERS),
            ("VersionsPerPolicyQuota", limits::IAM_POLICY_VERSIONS),
            ("GroupsPerUserQuota", limits::IAM_GROUPS_PER_USER),
            ("AccessKeysPerUserQuota", limits::IAM_ACCESS_KEYS_PER_USER),
            ("AttachedPoliciesPerUserQuota", limits::IAM_ATTACHED_POLICIES),
            ("AttachedPoliciesPerGroupQuota", limits::IAM_ATTACHED_POLICIES),
            ("AttachedPoliciesPerRoleQuota", limits::IAM_ATTACHED_POLICIES),
            ("AccountAccessKeysPresent", 1),
            ("AccountMFAEnabled", 0),
            ("MFADevices", 0),
        ];
        let map: BTreeMap<String, i32> = figures
            .into_iter()
            .map(|(name, figure)| (name.to_owned(), i32::try_from(figure).unwrap_or(i32::MAX)))
            .collect();
        Ok(GetAccountSummaryResponse { summary_map: Some(map) })
    })
    .await
});
