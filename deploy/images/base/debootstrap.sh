#!/bin/bash
# Makes a minimal Debian 12 root in the folder $1, from the package sources this machine itself uses.
set -euo pipefail
root=$1
suite=bookworm

# Lines "URI codename" of the sources that apt knows; a machine with an own mirror gets a base with that mirror.
sources() {
    # shellcheck disable=SC2016  # apt's own variables
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null | sed 's|/ | |' | sort -u
}

mirror=$(sources | awk -v s="$suite" '$2 == s && $1 ~ /^https?:.*debian/ {print $1; exit}')
debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"}
mirror=${mirror:-$(awk '$1 == "deb" {print $2; exit}' "$root/etc/apt/sources.list")}
security=$(sources | awk -v s="$suite-security" '$2 == s && $1 ~ /^https?:/ {print $1; exit}')
{
    echo "deb $mirror $suite main"
    echo "deb $mirror $suite-updates main"
    echo "deb ${security:-$mirror-security} $suite-security main"
} >"$root/etc/apt/sources.list"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*.log "$root"/usr/share/{man,info,lintian}/* \
    "$root"/etc/resolv.conf "$root"/etc/hostname
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/locale" -mindepth 1 -maxdepth 1 ! -name locale.alias -exec rm -rf {} +
