//! Zone ids: `use1-az1` for `us-east-1a` (<https://docs.aws.amazon.com/ram/latest/userguide/working-with-az-ids.html>).
//! On AWS the letters are shuffled between accounts; here the first letter is the first zone.

/// The id of a zone; of a name that is not made as AWS makes them, the name itself.
pub fn zone_id(zone: &str) -> String {
    id(zone).unwrap_or_else(|| zone.to_owned())
}

fn id(zone: &str) -> Option<String> {
    let letter = zone.chars().next_back().filter(char::is_ascii_lowercase)?;
    let number = u32::from(letter) - u32::from('a') + 1;
    let mut parts: Vec<&str> = zone[..zone.len() - 1].split('-').collect();
    let ordinal = parts.pop().filter(|text| text.parse::<u32>().is_ok())?;
    let (direction, areas) = parts.split_last().filter(|(_, areas)| !areas.is_empty())?;
    Some(format!(
        "{}{}{ordinal}-az{number}",
        area(areas),
        short(direction)?
    ))
}

/// `us`; of GovCloud `usg`.
fn area(parts: &[&str]) -> String {
    parts
        .iter()
        .map(|part| if *part == "gov" { "g" } else { part })
        .collect()
}

fn short(direction: &str) -> Option<&'static str> {
    Some(match direction {
        "north" => "n",
        "northeast" => "ne",
        "east" => "e",
        "southeast" => "se",
        "south" => "s",
        "southwest" => "sw",
        "west" => "w",
        "northwest" => "nw",
        "central" => "c",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_as_aws_makes_them() {
        assert_eq!(zone_id("us-east-1a"), "use1-az1");
        assert_eq!(zone_id("ap-southeast-2c"), "apse2-az3");
        assert_eq!(zone_id("eu-central-1b"), "euc1-az2");
        assert_eq!(zone_id("us-gov-west-1a"), "usgw1-az1");
        assert_eq!(zone_id("home"), "home");
    }
}
