#!/bin/sh
# Boots a copy of this machine, in which nothing that happens stays, with systemd
# as its first process, and plays a story in it. Called in a mount namespace of
# its own with a folder that holds the story and the packages.
set -eu
dir=$1

mkdir -p "$dir/room"
mount -t tmpfs -o mode=755 none "$dir/room"
mkdir "$dir/room/upper" "$dir/room/work" "$dir/room/root"
mount -t overlay -o "lowerdir=/,upperdir=$dir/room/upper,workdir=$dir/room/work" none "$dir/room/root"
root=$dir/room/root

# What the machine itself may have of the package is not there.
rm -rf "$root/etc/sallyport" "$root/var/lib/sallyport" "$root/usr/sbin/policy-rc.d"
# Nor are manuals indexed each time, which takes longest.
rm -f "$root/var/lib/man-db/auto-update"
mkdir "$root/story"
cp "$dir"/*.deb "$dir/story.sh" "$root/story/"
cat >"$root/etc/systemd/system/story.target" <<END
[Unit]
Requires=sysinit.target story.service
After=sysinit.target
END
cat >"$root/etc/systemd/system/story.service" <<END
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=exec
WorkingDirectory=/story
ExecStart=sh -c '/bin/sh -eux story.sh >out 2>&1; echo \$\$? >status'
TimeoutStartSec=infinity
END
timeout --kill-after=10 420 systemd-nspawn --quiet --boot --directory="$root" --machine="sallyport-story-$$" --private-network \
	--bind-ro="$dir/room/upper:/upper" --register=no --keep-unit --console=pipe systemd.unit=story.target >"$dir/console" 2>&1 </dev/null || true
cp "$root/story/out" "$dir/out"
exit "$(cat "$root/story/status")"
