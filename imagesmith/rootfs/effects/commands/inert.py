"""Commands that change nothing an image keeps, each with the reason.

What is here was thought about; a command that is in doubt is not here, and so in
the ledger.  Their outcome is unknown unless it is told.
"""

from __future__ import annotations

from imagesmith.rootfs.effects.outcome import UNKNOWN, Call, Result, inert, skipped
from imagesmith.rootfs.effects.world import World

_SERVICES = "services are not started or enabled in an image"
_DEBCONF = "questions are not asked; an answer is not known"
_RECORDS = "package management's own records"
_CACHE = "a cache that is made again when it is not there"
_PROCESS = "of the running system only"


def _named(names: str, why: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), why)


REASONS = {
    **_named(
        "deb-systemd-helper deb-systemd-invoke systemctl invoke-rc.d update-rc.d service "
        "telinit init initctl start-stop-daemon rc-update runsvdir-start",
        _SERVICES,
    ),
    **_named(
        "db_beginblock db_capb db_clear db_endblock db_fget db_fset db_get db_go db_info "
        "db_input db_metaget db_progress db_purge db_register db_reset db_set db_settitle "
        "db_stop db_subst db_title db_unregister db_version db_x_loadtemplatefile "
        "debconf-set-selections debconf-communicate",
        _DEBCONF,
    ),
    **dict.fromkeys(("dpkg-trigger", "ucfr", "dpkg-preconfigure"), _RECORDS),
    **_named(
        "py3compile py3clean pycompile pyclean pypycompile pypy3compile "
        "gtk-update-icon-cache mandb update-icon-caches apt-cache fc-cache update-menus "
        "update-info-dir install-info journalctl",
        _CACHE,
    ),
    **_named(
        "sleep kill killall pkill sync udevadm modprobe sysctl mount umount swapon swapoff "
        "apparmor_parser busctl dbus-send loginctl nscd ulimit wall logger "
        "reset clear stty wait times hash type unalias dmesg ip kexec",
        _PROCESS,
    ),
    "ldconfig": "the ld-so-cache option does it for every package at once",
    "update-ca-certificates": "the ca-bundle option makes the bundle",
    "dpkg-maintscript-helper": "on a fresh system there is no older version to clean up after",
    "update-passwd": "accounts are generated",
    "chfn": "nobody needs the full name of a system user",
    "restorecon": "images have no security labels",
    "selinuxenabled": "images have no security labels",
}

_STATUS = {"dpkg-maintscript-helper": 0, "update-ca-certificates": 0, "ldconfig": 0}
_ASKING = frozenset({"db_get", "db_fget", "db_metaget", "db_input", "db_go", "db_info"})
"""Questions of which the answer may be an error."""


def command(call: Call, world: World) -> Result:
    """Do nothing, and say why that is enough."""
    name = call.name
    if name == "update-ca-certificates" and not world.machine.ca_bundle:
        return skipped("the ca-bundle option would make the bundle, and is off")
    if name == "udevadm" and call.arguments[:1] == ("hwdb",):
        return skipped("the hardware database is not made")
    if name.startswith("db_"):
        return inert(REASONS[name], None if name in _ASKING else 0)
    return inert(REASONS[name], _STATUS.get(name), UNKNOWN)


COMMANDS = dict.fromkeys(REASONS, command)
