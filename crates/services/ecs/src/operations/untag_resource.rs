use api_ecs::{
    errors,
    operations::UntagResource,
    types::{UntagResourceRequest, UntagResourceResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::tagging;
use crate::Ecs;

impl Handle<UntagResource> for Ecs {
    fn access(&self, _caller: &Caller, input: &UntagResourceRequest) -> Access {
        let access = tagging::access("ecs:UntagResource", &input.resource_arn);
        let keys = input.tag_keys.iter().flatten();
        keys.fold(access, |access, key| {
            access.condition("aws:TagKeys", key.clone())
        })
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UntagResourceRequest,
    ) -> Result<UntagResourceResponse, Error> {
        let arn = input.resource_arn.unwrap_or_default();
        let keys = input.tag_keys.unwrap_or_default();
        if keys.iter().any(|key| key.starts_with("aws:")) {
            return Err(errors::invalid_parameter_exception(
                "Tag keys can not start with 'aws:'.",
            ));
        }
        self.transact(|tx| {
            let tagged = tagging::find(tx, caller, &arn)?;
            let mut all = tagging::read(tx, &tagged);
            kit::tags::remove(&mut all, &keys);
            tagging::write(tx, &tagged, all)
        })
        .await?;
        Ok(UntagResourceResponse::default())
    }
}
