//! What is wrong with a document, in the words of IAM's MalformedPolicyDocument.

/// `Display` is the message that IAM answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedPolicy {
    #[error("This policy contains invalid Json")]
    InvalidJson,
    #[error("Syntax errors in policy.")]
    Syntax,
    #[error("Policy document must be version 2012-10-17 or greater.")]
    Version,
    #[error("Policy statement must contain actions.")]
    NoActions,
    #[error("Policy statement must contain resources.")]
    NoResources,
    #[error("Missing required field Principal")]
    NoPrincipal,
    #[error("Policy document should not specify a principal.")]
    ProhibitedPrincipal,
    #[error("Has prohibited field Resource")]
    ProhibitedResource,
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    NotAssumeRole,
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    NoVendor,
    #[error("Vendor {0} is not valid")]
    Vendor(String),
    #[error("Resource {0} must be in ARN format or \"*\".")]
    Resource(String),
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    DuplicateSid,
    #[error(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )]
    Sid,
    #[error("Invalid principal in policy: \"{0}\":\"{1}\"")]
    Principal(String, String),
    #[error("Invalid Condition type : {0}")]
    Operator(String),
    #[error("Invalid value {value} for the condition operator {operator}.")]
    Value { operator: String, value: String },
    #[error("Cannot exceed quota for policy size: {0}")]
    TooLarge(usize),
}
