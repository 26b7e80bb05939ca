//! Ids that a request names: they are all there, or the request fails.

use wire::Error;

/// How EC2 speaks of one kind of id.
pub(crate) struct IdKind {
    /// `subnet-`.
    pub prefix: &'static str,
    pub malformed: &'static str,
    pub not_found: &'static str,
    /// `subnet ID`, in "The subnet ID 'subnet-1' does not exist".
    pub noun: &'static str,
}

pub(crate) const SUBNET: IdKind = IdKind {
    prefix: "subnet-",
    malformed: "InvalidSubnetID.Malformed",
    not_found: "InvalidSubnetID.NotFound",
    noun: "subnet ID",
};
pub(crate) const VPC: IdKind = IdKind {
    prefix: "vpc-",
    malformed: "InvalidVpcID.Malformed",
    not_found: "InvalidVpcID.NotFound",
    noun: "vpc ID",
};
pub(crate) const GROUP: IdKind = IdKind {
    prefix: "sg-",
    malformed: "InvalidGroupId.Malformed",
    not_found: "InvalidGroup.NotFound",
    noun: "security group",
};

/// Refuses the first id that is malformed or not among the known ones.
pub(crate) fn check<'a>(
    kind: &IdKind,
    asked: &[String],
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Error> {
    for id in asked {
        if !id.starts_with(kind.prefix) {
            return Err(Error::client(
                kind.malformed,
                format!("Invalid id: \"{id}\" (expecting \"{}...\")", kind.prefix),
            ));
        }
    }
    let missing: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|id| !known.clone().any(|known| known == *id))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        [one] => Err(Error::client(
            kind.not_found,
            format!("The {} '{one}' does not exist", kind.noun),
        )),
        many => Err(Error::client(
            kind.not_found,
            format!("The {}s '{}' do not exist", kind.noun, many.join(", ")),
        )),
    }
}
