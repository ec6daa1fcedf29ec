use crate::spec::user::parse_id;

/// A line of `/etc/passwd`: `name:password:uid:gid:comment:home:shell`. An ID that does not parse is `None`.
pub(super) struct Passwd<'a> {
    pub(super) name: &'a [u8],
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) home: &'a [u8],
}

/// A line of `/etc/group`: `name:password:gid:member,member`.
pub(super) struct Group<'a> {
    pub(super) name: &'a [u8],
    pub(super) gid: Option<u32>,
    members: &'a [u8],
}

impl<'a> Passwd<'a> {
    pub(super) fn all(text: &'a [u8]) -> impl Iterator<Item = Self> {
        lines(text).map(|mut fields| {
            let name = fields.next().unwrap_or_default();
            let uid = id(fields.nth(1));
            let gid = id(fields.next());
            Self { name, uid, gid, home: fields.nth(1).unwrap_or_default() }
        })
    }
}

impl<'a> Group<'a> {
    pub(super) fn all(text: &'a [u8]) -> impl Iterator<Item = Self> {
        lines(text).map(|mut fields| {
            let name = fields.next().unwrap_or_default();
            let gid = id(fields.nth(1));
            Self { name, gid, members: fields.next().unwrap_or_default() }
        })
    }

    pub(super) fn has_member(&self, name: &[u8]) -> bool {
        self.members.split(|&byte| byte == b',').any(|member| member == name)
    }
}

/// The fields of each line that is neither a comment nor a reference to a network database.
fn lines(text: &[u8]) -> impl Iterator<Item = impl Iterator<Item = &[u8]>> {
    text.split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !matches!(line.first(), None | Some(b':' | b'#' | b'+' | b'-')))
        .map(|line| line.split(|&byte| byte == b':'))
}

fn id(field: Option<&[u8]>) -> Option<u32> {
    parse_id(std::str::from_utf8(field?).ok()?)
}
