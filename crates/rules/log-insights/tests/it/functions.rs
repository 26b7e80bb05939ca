use super::value;

#[test]
fn numbers() {
    for (expression, wanted) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 ^ 3 ^ 2", "512"),
        ("7 % 4", "3"),
        ("-2 + 1", "-1"),
        ("1 / 0", "missing"),
        ("1 / 3", "0.3333"),
        ("abs(-2.5)", "2.5"),
        ("ceil(1.2)", "2"),
        ("floor(1.8)", "1"),
        ("sqrt(9)", "3"),
        ("log(1)", "0"),
        ("greatest(1, 3, 2)", "3"),
        ("least(3, '1', 2)", "1"),
        ("sqrt(-1)", "missing"),
        ("1.5e3", "1500"),
        ("missing + 1", "missing"),
    ] {
        assert_eq!(value(expression, "x"), wanted, "{expression}");
    }
}

#[test]
fn texts() {
    for (expression, wanted) in [
        ("toupper(@message)", "A, B"),
        ("tolower('ÄB')", "äb"),
        ("strlen('äb')", "2"),
        ("strlen(missing)", "0"),
        ("substr('abcdef', 2)", "cdef"),
        ("substr('abcdef', 2, 3)", "cde"),
        ("substr('ab', 9)", ""),
        ("trim('  a ')", "a"),
        ("ltrim('xxax', 'x')", "ax"),
        ("rtrim('xxax', 'x')", "xxa"),
        ("trim('--a-', '-')", "a"),
        ("replace('aXbX', 'X', '-')", "a-b-"),
        ("concat('a', 1, 'b')", "a1b"),
        ("strcontains('abc', 'bc')", "1"),
        ("strcontains('abc', 'x')", "0"),
        ("isempty('')", "1"),
        ("isempty('a')", "0"),
        ("isblank('  ')", "1"),
        ("isempty(missing)", "1"),
        ("coalesce(missing, 'b', 'c')", "b"),
        ("ispresent(missing)", "0"),
        ("ispresent(@message)", "1"),
    ] {
        assert_eq!(value(expression, "a, b"), wanted, "{expression}");
    }
}

#[test]
fn times() {
    for (expression, wanted) in [
        ("bin(1m)", "1970-01-01 00:00:00.000"),
        ("toMillis(@timestamp)", "0"),
        ("fromMillis(1500)", "1970-01-01 00:00:01.500"),
        ("datefloor(1800000012345, 1h)", "2027-01-15 08:00:00.000"),
        ("dateceil(1800000012345, 1h)", "2027-01-15 09:00:00.000"),
        ("datefloor(1800000012345, 1mo)", "2027-01-01 00:00:00.000"),
        ("dateceil(1800000012345, 1q)", "2027-04-01 00:00:00.000"),
        ("datefloor(1800000012345, 1y)", "2027-01-01 00:00:00.000"),
        (
            "datefloor(1800000012345, 10 minutes)",
            "2027-01-15 08:00:00.000",
        ),
        ("now()", "1800000000"),
        ("toMillis(datefloor(-1, 1s))", "-1000"),
    ] {
        assert_eq!(value(expression, "x"), wanted, "{expression}");
    }
}

#[test]
fn json_and_addresses() {
    let message =
        r#"{"ip":"10.1.2.3","six":"2001:db8::1","inner":"{\"a\":{\"b\":[1,2]}}","ok":true}"#;
    for (expression, wanted) in [
        ("isValidIp(ip)", "1"),
        ("isValidIpV4(six)", "0"),
        ("isValidIpV6(six)", "1"),
        ("isValidIp('x')", "0"),
        ("isIpInSubnet(ip, '10.0.0.0/8')", "1"),
        ("isIpv4InSubnet(ip, '10.2.0.0/16')", "0"),
        ("isIpv6InSubnet(six, '2001:db8::/32')", "1"),
        ("isIpv4InSubnet(six, '2001:db8::/32')", "0"),
        ("isIpInSubnet(ip, '0.0.0.0/0')", "1"),
        ("isIpInSubnet(ip, '10.0.0.0/99')", "0"),
        ("jsonStringify(jsonParse(inner))", r#"{"a":{"b":[1,2]}}"#),
        ("jsonParse('x')", "missing"),
        ("ok = true", "1"),
        ("ok", "1"),
    ] {
        assert_eq!(value(expression, message), wanted, "{expression}");
    }
    let rows = super::run(
        "fields jsonParse(inner) as j | fields j.a.b.1 as second | display second",
        &[message],
    );
    assert_eq!(rows, ["second=2"]);
}
