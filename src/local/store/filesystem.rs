//! Which file systems a bus file must not lie on.
//!
//! WAL needs memory shared by all its processes, which no network file system gives: it would damage the file silently
//! (<https://www.sqlite.org/wal.html>, "All processes using a database must be on the same host computer").

use std::path::Path;

/// The name of the network file system with this `statfs` magic number, `None` for every other.
///
/// Numbers: `statfs(2)` and `linux/magic.h`.
pub(crate) fn network_name(magic: i64) -> Option<&'static str> {
    // The kernel's field is signed on some platforms and 32 bits wide on others.
    Some(match magic as u32 {
        0x6969 => "NFS",
        0x517B => "SMB",
        0xFE53_4D42 => "SMB2",
        0xFF53_4D42 => "CIFS",
        0x564C => "NCP",
        0x7375_7245 => "Coda",
        0x5346_414F | 0x6B41_4653 => "AFS",
        0x00C3_6400 => "Ceph",
        0x0BD0_0BD0 => "Lustre",
        0x0116_1970 => "GFS2",
        0x7461_636F => "OCFS2",
        0x0102_1997 => "9P",
        0x1983_0326 => "BeeGFS",
        0x4750_4653 => "GPFS",
        _ => return None,
    })
}

/// The network file system that holds `directory`, if one does and the platform can tell.
#[cfg(target_os = "linux")]
pub(crate) fn network_of(directory: &Path) -> Option<&'static str> {
    let found = nix::sys::statfs::statfs(directory).ok()?;
    // `FsType` wraps a C type whose width and sign the platform decides; the low 32 bits are the number everywhere.
    network_name(found.filesystem_type().0 as i64)
}

/// The network file system that holds `directory`, if one does and the platform can tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn network_of(directory: &Path) -> Option<&'static str> {
    let found = nix::sys::statfs::statfs(directory).ok()?;
    match found.filesystem_type_name() {
        "nfs" => Some("NFS"),
        "smbfs" | "cifs" => Some("SMB"),
        "afpfs" => Some("AFP"),
        "webdav" => Some("WebDAV"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_numbers_are_known_even_sign_extended() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xFF53_4D42), Some("CIFS"));
        assert_eq!(network_name(i64::from(0xFF53_4D42_u32 as i32)), Some("CIFS"));
        assert_eq!(network_name(0xFE53_4D42), Some("SMB2"));
    }

    #[test]
    fn local_ones_pass() {
        for (name, magic) in [
            ("ext4", 0xEF53),
            ("tmpfs", 0x0102_1994),
            ("btrfs", 0x9123_683E),
            ("overlay", 0x794C_7630),
            ("xfs", 0x5846_5342),
        ] {
            assert_eq!(network_name(magic), None, "{name}");
        }
        assert_eq!(network_of(&std::env::temp_dir()), None);
    }
}
