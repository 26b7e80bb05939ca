//! Users and groups by the image's own `/etc/passwd` and `/etc/group`.

/// Whom a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedUser {
    pub uid: u32,
    pub gid: u32,
    pub additional_gids: Vec<u32>,
    pub home: String,
}

/// Resolves `user`, `uid`, `user:group` or `uid:gid`, as Docker does: numbers need not be in the files, names must.
pub(crate) fn resolve(
    user: Option<&str>,
    passwd: &str,
    group: &str,
) -> Result<ResolvedUser, String> {
    let text = user.filter(|user| !user.is_empty()).unwrap_or("0");
    let (user_part, group_part) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (text, None),
    };
    let user_part = if user_part.is_empty() { "0" } else { user_part };
    let entry = entries(passwd)
        .find(|fields| fields.first() == Some(&user_part) || fields.get(2) == Some(&user_part));
    let number = |at: usize| {
        entry
            .as_ref()
            .and_then(|fields| fields.get(at)?.parse::<u32>().ok())
    };
    let uid = number(2)
        .or_else(|| user_part.parse().ok())
        .ok_or_else(|| {
            format!("unable to find user {user_part}: no matching entries in passwd file")
        })?;
    let gid = match group_part {
        Some(part) => entries(group)
            .find(|fields| fields.first() == Some(&part))
            .and_then(|fields| fields.get(2)?.parse().ok())
            .or_else(|| part.parse().ok())
            .ok_or_else(|| {
                format!("unable to find group {part}: no matching entries in group file")
            })?,
        None => number(3).unwrap_or(0),
    };
    let name = entry.as_ref().and_then(|fields| fields.first().copied());
    // A group given with the user replaces those that the user is a member of.
    let additional_gids = match (name, group_part) {
        (Some(name), None) => memberships(name, group)
            .filter(|member_of| *member_of != gid)
            .collect(),
        _ => Vec::new(),
    };
    let home = entry
        .as_ref()
        .and_then(|fields| fields.get(5).copied())
        .filter(|home| !home.is_empty());
    Ok(ResolvedUser {
        uid,
        gid,
        additional_gids,
        home: home.unwrap_or("/").to_owned(),
    })
}

fn entries(file: &str) -> impl Iterator<Item = Vec<&str>> {
    file.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.trim_end().split(':').collect())
}

fn memberships<'a>(name: &'a str, group: &'a str) -> impl Iterator<Item = u32> + 'a {
    let member = move |fields: &Vec<&str>| {
        fields
            .get(3)
            .is_some_and(|members| members.split(',').any(|m| m == name))
    };
    entries(group)
        .filter(member)
        .filter_map(|fields| fields.get(2)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n";
    const GROUP: &str = "root:x:0:\napp:x:1001:\nvideo:x:44:other,app\n";

    fn resolved(user: &str) -> (u32, u32, Vec<u32>, String) {
        let user = resolve(Some(user), PASSWD, GROUP).unwrap();
        (user.uid, user.gid, user.additional_gids, user.home)
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(resolved(""), (0, 0, vec![], "/root".into()));
        assert_eq!(resolved("app"), (1000, 1001, vec![44], "/home/app".into()));
        assert_eq!(resolved("1000"), (1000, 1001, vec![44], "/home/app".into()));
        assert_eq!(
            resolved("app:video"),
            (1000, 44, vec![], "/home/app".into())
        );
        assert_eq!(resolved("4242:4343"), (4242, 4343, vec![], "/".into()));
        assert_eq!(resolved("4242"), (4242, 0, vec![], "/".into()));
    }

    #[test]
    fn unknown_names_are_errors() {
        let error = resolve(Some("nobody"), PASSWD, GROUP).unwrap_err();
        assert_eq!(
            error,
            "unable to find user nobody: no matching entries in passwd file"
        );
        assert!(
            resolve(Some("app:nogroup"), PASSWD, GROUP)
                .unwrap_err()
                .contains("group nogroup")
        );
        assert_eq!(resolve(None, "", "").unwrap().uid, 0);
    }
}
