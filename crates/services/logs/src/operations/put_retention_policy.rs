//! PutRetentionPolicy.

use api_logs::operations::PutRetentionPolicy;
use api_logs::types::PutRetentionPolicyRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::answer::violation;
use crate::group::{Group, on_group};

/// The API reference lists them.
const DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl Handle<PutRetentionPolicy> for Logs {
    fn access(&self, caller: &Caller, input: &PutRetentionPolicyRequest) -> Access {
        let name = input.log_group_name.as_deref();
        on_group("logs:PutRetentionPolicy", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutRetentionPolicyRequest,
    ) -> Result<Unit, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        let asked = input.retention_in_days.unwrap_or_default();
        let days = DAYS
            .into_iter()
            .find(|days| i64::from(*days) == i64::from(asked));
        let days = days.ok_or_else(|| {
            let allowed: Vec<String> = DAYS.iter().map(u32::to_string).collect();
            violation(
                &asked.to_string(),
                "retentionInDays",
                &format!(
                    "Member must satisfy enum value set: [{}]",
                    allowed.join(", ")
                ),
            )
        })?;
        self.update_group(&group, |record| {
            record.retention_days = Some(days);
            Ok(())
        })
        .await?;
        Ok(Unit {})
    }
}
