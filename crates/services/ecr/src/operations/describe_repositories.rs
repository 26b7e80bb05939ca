//! DescribeRepositories.

use api_ecr::operations::DescribeRepositories;
use api_ecr::types::{DescribeRepositoriesRequest, DescribeRepositoriesResponse};
use kit::answer::look;
use kit::paginate;
use limits::ECR_REQUEST_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, page_of, registry_of};
use crate::records::{RepositoryRecord, repository_key};
use crate::refusals::invalid_parameter;
use crate::{Ecr, render};

impl Handle<DescribeRepositories> for Ecr {
    fn access(&self, caller: &Caller, input: &DescribeRepositoriesRequest) -> Access {
        let scope = names::Scope::new(&caller.account, &caller.region);
        let names = input.repository_names.iter().flatten();
        Access::action("ecr:DescribeRepositories")
            .resources(names.map(|name| scope.repository(name)))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeRepositoriesRequest,
    ) -> Result<DescribeRepositoriesResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        if let Some(names) = input.repository_names.filter(|names| !names.is_empty()) {
            if names.len() > ECR_REQUEST_ITEMS {
                let constraint =
                    format!("Member must have length less than or equal to {ECR_REQUEST_ITEMS}");
                return Err(invalid_parameter("repositoryNames", &constraint));
            }
            let repositories = look(&self.store, |head| {
                let found = names.iter().map(|name| find_repository(head, &scope, name));
                found
                    .map(|repository| Ok(render::repository(&*repository?)))
                    .collect::<Result<Vec<_>, Error>>()
            })
            .await?;
            return Ok(DescribeRepositoriesResponse {
                repositories: Some(repositories),
                next_token: None,
            });
        }
        let page = page_of(input.max_results, input.next_token.as_deref())?;
        let prefix = repository_key(&scope, "");
        let (repositories, next_token) = look(&self.store, |head| {
            let rows = head.scan::<RepositoryRecord>(&prefix);
            let (rows, token) = paginate(&page, rows, |row| row.name.clone());
            let shown = rows.into_iter().map(|row| render::repository(row));
            Ok((shown.collect(), token))
        })
        .await?;
        Ok(DescribeRepositoriesResponse {
            repositories: Some(repositories),
            next_token,
        })
    }
}
