use oci_runtime::spec::{ImageUser, User, Users, UsersError};
use proptest::prelude::*;

const PASSWD: &str = "\
# a comment:x:0:0
root:x:0:0:root:/root:/bin/sh
+nis:x:0:0
app:x:1000:1001:,,,:/home/app:/bin/sh
1000:x:7:7::/:
short:x
empty:x::
wrapped:x:4294967296:0::/:
minus:x:-1:-1::/:
hex:x:0x0:0::/:
none:x:4294967295:0::/:
octal:x:00:00::/:
app:x:0:0:the second of this name:/:
crlf:x:12:13::/:\r
";
const GROUP: &str = "\
root:x:0:
staff:x:50:other,app
video:x:44:app,app
twice:x:50:app
prefix:x:60:app2,xapp
app:x:1001:app
broken:x:none:broken
";

fn users() -> Users {
    Users::new(PASSWD, GROUP)
}

fn resolve(text: &str) -> Option<(u32, u32, Vec<u32>)> {
    let User { uid, gid, additional_gids, .. } =
        text.parse::<ImageUser>().ok()?.resolve(&users()).ok()?;
    Some((uid?, gid?, additional_gids))
}

// covers: IMG-CONV-07, IMG-CONV-08, IMG-CONV-09
#[test]
fn users_are_exact() {
    for (text, uid, gid, additional) in [
        ("0", 0, 0, &[0][..]),
        ("root", 0, 0, &[0]),
        ("app", 1000, 1001, &[1001, 50, 44]),
        ("app:app", 1000, 1001, &[1001]),
        ("app:staff", 1000, 50, &[50]),
        ("app:7", 1000, 7, &[7]),
        ("1000", 1000, 1001, &[1001]),
        ("1000:1000", 1000, 1000, &[1000]),
        ("5:video", 5, 44, &[44]),
        ("4242", 4242, 0, &[0]),
        ("2147483648", 2_147_483_648, 0, &[0]),
        ("4294967294:4294967294", 4_294_967_294, 4_294_967_294, &[4_294_967_294]),
        ("crlf", 12, 13, &[13]),
    ] {
        assert_eq!(resolve(text), Some((uid, gid, additional.to_vec())), "{text}");
    }
}

// covers: IMG-CONV-10
#[test]
fn malformed_and_unknown_users_are_errors() {
    for text in [
        "",
        ":",
        "1:",
        ":1",
        "1:1:1",
        " ",
        "1 ",
        " 1",
        "+1",
        "-1",
        "-0",
        "0x0",
        "0x1",
        "00",
        "01",
        "1.0",
        "1e3",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "nobody",
        "Root",
        "root ",
        "root\0",
        "root\n",
        "ROOT",
        "app:none",
        "root:",
        "#",
        "# a comment",
        "+nis",
        "short",
        "empty",
        "wrapped",
        "minus",
        "hex",
        "none",
        "octal",
        "broken",
        "app:broken",
        "٣",
        "１",
    ] {
        assert_eq!(resolve(text), None, "{text:?}");
    }
}

#[test]
fn an_unknown_name_is_said_by_name() {
    let user: ImageUser = "nobody:nogroup".parse().unwrap();
    let error = user.resolve(&users()).unwrap_err();
    assert_eq!(error, UsersError::UnknownUser { name: "nobody".into() });
    let user: ImageUser = "root:nogroup".parse().unwrap();
    let error = user.resolve(&users()).unwrap_err();
    assert_eq!(error, UsersError::UnknownGroup { name: "nogroup".into() });
    let user: ImageUser = "broken".parse().unwrap();
    let users = Users::new("broken:x:1:1", GROUP);
    let malformed = UsersError::Malformed { file: "/etc/group", name: "broken".into() };
    assert_eq!(user.resolve(&users).unwrap_err(), malformed);
}

#[test]
fn a_user_of_too_many_groups_is_refused() {
    let group: String = (0..=Users::GROUPS_LIMIT).map(|gid| format!("g:x:{gid}:app\n")).collect();
    let user: ImageUser = "app".parse().unwrap();
    let error = user.resolve(&Users::new(PASSWD, group)).unwrap_err();
    assert_eq!(error, UsersError::TooManyGroups { name: "app".into() });
}

proptest! {
    #[test]
    fn only_root_and_zero_are_root(text in r"[-+0-9a-zA-Z:x. \u{0}\n]{0,12}") {
        let root = matches!(text.split(':').next(), Some("0" | "root"));
        match resolve(&text) {
            None => {}
            Some((uid, _, _)) => prop_assert_eq!(uid == 0, root, "{:?}", text),
        }
    }

    #[test]
    fn numbers_are_copied_or_refused(user in any::<u64>(), group in any::<u64>()) {
        let exact = u32::try_from(user).ok().zip(u32::try_from(group).ok());
        let exact = exact.filter(|&(user, group)| user != u32::MAX && group != u32::MAX);
        let found = resolve(&format!("{user}:{group}"));
        prop_assert_eq!(found.map(|(user, group, _)| (user, group)), exact);
    }

    #[test]
    fn any_files_give_exact_ids_or_none(passwd: Vec<u8>, group: Vec<u8>, name in "[a-c]{1,2}") {
        let users = Users::new(passwd, group);
        if let Ok(user) = name.parse::<ImageUser>().unwrap().resolve(&users) {
            prop_assert!(user.uid < Some(u32::MAX) && user.gid < Some(u32::MAX));
            prop_assert!(user.additional_gids.contains(&user.gid.unwrap()));
        }
    }
}
